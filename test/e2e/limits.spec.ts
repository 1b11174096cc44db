import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import {
  InvalidValueError,
  LimitedError,
  Processor,
  QueueService,
  TaskQueueModule,
  type Job,
  type LimitOptions,
  type ProcessorOptions,
} from 'nestjs-task-queue';
import { TestQueues } from 'nestjs-task-queue/testing';
import { Test } from '@nestjs/testing';
import { bootError, closeApps, startApp, STORES, trackApp } from '../support/apps.js';
import { EventLog } from '../support/event-log.js';

afterEach(closeApps);

/** What runs at once over all handlers of one test, and the most that did. */
class Gauge {
  running = 0;
  most = 0;
  readonly attempts: number[] = [];

  async run(job: Job): Promise<void> {
    this.most = Math.max(this.most, ++this.running);
    this.attempts.push(job.attempt);
    await new Promise((resolve) => setTimeout(resolve, 2));
    this.running--;
  }
}

function handlersOf(gauge: Gauge, options: ProcessorOptions) {
  @Injectable()
  class Handlers {
    @Processor('work', options)
    run(job: Job) {
      return gauge.run(job);
    }
  }
  return Handlers;
}

describe.each(STORES)('limits on $name', ({ options }) => {
  it('of what runs at once hold over all processes', async () => {
    const gauge = new Gauge();
    const handlers = { providers: [handlersOf(gauge, { concurrency: 10, limits: { concurrency: 3 } })] };
    const shared = options();
    const { app } = await startApp(handlers, shared);
    await startApp(handlers, shared);
    const queues = app.get(QueueService);
    const events = await EventLog.open(queues, 'work');
    const jobs = await queues.enqueueMany(
      'work',
      Array.from({ length: 60 }, (_, payload) => ({ payload })),
    );
    for (const { id } of jobs) await events.first('completed', id);
    expect(gauge.most).toBeLessThanOrEqual(3);
    expect(await queues.limits('work')).toEqual({ concurrency: 3 });
  });

  it('are set and reset while jobs wait', async () => {
    const gauge = new Gauge();
    const { app } = await startApp({ providers: [handlersOf(gauge, { limits: { concurrency: 1 } })] }, options());
    const queues = app.get(QueueService);
    await queues.setLimits('work', { concurrency: 2, rate: { limit: 1000, per: '1s', smooth: true } });
    expect(await queues.limits('work')).toEqual({ concurrency: 2, rate: { limit: 1000, per: 1000, smooth: true } });
    const events = await EventLog.open(queues, 'work');
    const jobs = await queues.enqueueMany(
      'work',
      Array.from({ length: 20 }, (_, payload) => ({ payload, cost: 2 })),
    );
    for (const { id } of jobs) await events.first('completed', id);
    expect(gauge.most).toBeLessThanOrEqual(2);
    await queues.resetLimits('work');
    expect(await queues.limits('work')).toEqual({ concurrency: 1 });
    await queues.setLimits('work', {});
    expect(await queues.limits('work')).toEqual({});
  });

  it('take no job that costs more than a window of its queue, or of its group, has room for', async () => {
    const { app } = await startApp({ imports: [TaskQueueModule.registerQueue({ name: 'work' })] }, options());
    const queues = app.get(QueueService);
    await queues.enqueue('work', 'before', { cost: 9 });
    const rate = { limit: 5, per: '1s' } as const;
    await queues.setLimits('work', { rate, groups: { rate: { limit: 3, per: '1m' } } });
    const dear = [
      queues.enqueue('work', 1, { cost: 6 }),
      queues.enqueueMany('work', [{ payload: 1 }, { payload: 2, cost: 6 }]),
      queues.enqueue('work', 1, { cost: 4, group: 'a' }),
    ];
    for (const call of dear) await expect(call).rejects.toBeInstanceOf(InvalidValueError);
    await expect(dear[0]).rejects.toThrow('Invalid cost of a job of "work": 6. The rate of its queue is 5 in 1000 ms');
    await expect(dear[2]).rejects.toThrow('Invalid cost of a job of "work": 4. The rate of its group is 3 in 60000 ms');
    await queues.enqueue('work', 1, { cost: 5 });
    await queues.enqueue('work', 1, { cost: 3, group: 'a' });
    // A limit that was raised meanwhile holds at once.
    await queues.setLimits('work', { rate: { limit: 6, per: '1s' } });
    await queues.enqueue('work', 1, { cost: 6 });
    expect(await queues.counts('work')).toMatchObject({ ready: 4 });
  });

  it('of somebody else hold the queue back by LimitedError, with no attempt counted', async () => {
    const seen: { payload: unknown; attempt: number }[] = [];
    @Injectable()
    class Handlers {
      @Processor('work', { concurrency: 1 })
      run({ payload, attempt }: Job) {
        seen.push({ payload, attempt });
        if (seen.length === 1) throw new LimitedError({ for: 30 });
      }
    }
    const { app, logs } = await startApp({ providers: [Handlers] }, options());
    const queues = app.get(QueueService);
    const events = await EventLog.open(queues, 'work');
    const [one, two] = await queues.enqueueMany('work', [{ payload: 'a' }, { payload: 'b' }]);
    await events.first('completed', two.id);
    await events.first('released', one.id);
    expect(seen).toEqual(['a', 'a', 'b'].map((payload) => ({ payload, attempt: 1 })));
    expect(logs.matching(/error/i)).toEqual([]);
  });
});

describe('limits that cannot be', () => {
  const cases: [unknown, string][] = [
    [{ concurrency: 0 }, 'concurrency: 0'],
    [{ concurrency: -1 }, 'Use a whole number from 1'],
    [{ concurrency: Number.NaN }, 'NaN'],
    [{ concurrency: undefined }, 'concurrency in limits'],
    [{ rate: { limit: 0, per: '1s' } }, 'rate: limit: 0'],
    [{ rate: { limit: 5 } }, 'Pass { limit: 100, per: "1s" }'],
    [{ rate: { limit: 5, per: 0 } }, 'Use at least 1 ms'],
    [{ rate: { limit: 5, per: 'soon' } }, 'soon'],
    [{ rate: { limit: 5, per: '1s', smooth: 'yes' } }, 'Use true or false'],
    [{ rate: 5 }, 'Pass { limit: 100, per: "1s" }'],
    [{ running: 5 }, 'running'],
    [5, 'Pass { concurrency: 5 }'],
  ];

  it.each(cases)('stop the boot in a decorator: %j', async (limits, message) => {
    const handlers = handlersOf(new Gauge(), { limits: limits as LimitOptions });
    const error = await bootError({ providers: [handlers] });
    expect(error.message).toContain(message);
    expect(error.message).toContain('Handlers.run');
  });

  it.each(cases)('are refused by setLimits: %j', async (limits, message) => {
    const { app } = await startApp({ imports: [TaskQueueModule.registerQueue({ name: 'work' })] });
    const queues = app.get(QueueService);
    await expect(queues.setLimits('work', limits as LimitOptions)).rejects.toThrow(message);
    expect(await queues.limits('work')).toBeUndefined();
  });

  it('are two of one queue', async () => {
    @Injectable()
    class Others {
      @Processor('work', { name: 'other', limits: { concurrency: 2 } })
      run(): void {}
    }
    const one = handlersOf(new Gauge(), { limits: { concurrency: 1 } });
    const error = await bootError({ providers: [one, Others] });
    expect(error.message).toContain('Queue "work" has one value of limits for all its handlers: ');
  });

  it.each([0, -1, 1.5, 2_000_000, '1'])('have no job of cost %j', async (cost) => {
    const { app } = await startApp({ imports: [TaskQueueModule.registerQueue({ name: 'work' })] });
    await expect(app.get(QueueService).enqueue('work', 1, { cost: cost as number })).rejects.toThrow('Invalid cost');
  });

  it.each([
    [undefined, 'options of LimitedError'],
    [{}, 'for of LimitedError'],
    [{ for: '1767225600s' }, 'Use at most 7 days'],
    [{ for: 'soon' }, 'for of LimitedError'],
    [{ for: '1s', until: 5 }, 'until'],
  ])('are no options of LimitedError: %j', (given, message) => {
    expect(() => new LimitedError(given as never, 'busy')).toThrow(
      expect.objectContaining({
        message: expect.stringContaining(message),
        cause: expect.objectContaining({ message: 'busy' }),
      }),
    );
  });
});

describe('limits under TestQueues', () => {
  it('let the rest start as the clock moves, and hold up no settle', async () => {
    const starts: number[] = [];
    const test = new TestQueues();
    @Injectable()
    class Handlers {
      @Processor('work', { limits: { rate: { limit: 2, per: '1m' } } })
      run(job: Job) {
        starts.push(test.now().getTime());
        if (job.payload === 'busy' && starts.length === 5) throw new LimitedError({ for: '1h' });
      }
    }
    const builder = Test.createTestingModule({ imports: [TaskQueueModule.forRoot()], providers: [Handlers] });
    const app = trackApp((await test.install(builder).compile()).createNestApplication({ logger: false }));
    await app.init();
    await app.get(QueueService).enqueueMany(
      'work',
      [1, 2, 3, 4, 'busy'].map((payload) => ({ payload })),
    );
    await test.settle(app);
    expect(starts).toHaveLength(2);
    await test.advance(app, '5m');
    expect(starts).toHaveLength(5);
    await test.advance(app, '1h');
    expect(starts).toHaveLength(6);
    expect(starts[2] - starts[0]).toBe(60_600);
    expect(starts[5] - starts[4]).toBe(3_600_000);
  });
});
