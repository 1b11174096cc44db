import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable, type PipeTransform, type Type } from '@nestjs/common';
import {
  Cron,
  Interval,
  Payload,
  QueueService,
  ScheduleService,
  SnoozeError,
  Timeout,
  type CronOptions,
  type CronTick,
  type Job,
  type TaskQueueModuleOptions,
} from 'nestjs-task-queue';
import { z } from 'zod';
import { spreadOf } from '../../src/core/spread.js';
import { bootError, closeApps, gate, startApp, STORES } from '../support/apps.js';
import { MessageLog } from '../support/message-log.js';

afterEach(closeApps);

const EVERY_SECOND = '* * * * * *';

/** A provider whose one method has this decorator. */
function scheduled(decorator: MethodDecorator, handle: (job: Job<CronTick>) => unknown): Type {
  @Injectable()
  class Clock {
    tick(job: Job<CronTick>) {
      return handle(job);
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(Clock.prototype, 'tick') as PropertyDescriptor;
  decorator(Clock.prototype, 'tick', descriptor);
  return Clock;
}

describe.each(STORES)('on $name', ({ options }) => {
  it.each<[string, MethodDecorator]>([
    ['@Cron', Cron(EVERY_SECOND, { name: 'pulse' })],
    ['@Interval', Interval('1s', { name: 'pulse' })],
  ])('%s fires each second through its queue, once for two apps', async (_what, decorator) => {
    const store = options();
    const ticks = new MessageLog<{ app: string; job: Job<CronTick> }>();
    const start = (app: string) =>
      startApp({ providers: [scheduled(decorator, (job) => ticks.listener({ app, job }))] }, store);
    const [{ app }] = await Promise.all([start('one'), start('other')]);
    await ticks.first(4);

    // A tick has one job, and as many runs as it has jobs: one.
    const jobs = ticks.messages.map(({ job }) => job);
    const instants = jobs.map(({ scheduledFor }) => scheduledFor as number);
    expect(new Set(instants).size).toBe(instants.length);
    expect([...instants].sort((a, b) => a - b)).toEqual(instants);
    expect(instants.every((at) => (at - instants[0]) % 1000 === 0)).toBe(true);
    for (const job of jobs) {
      expect(job).toMatchObject({ queue: 'cron', name: 'pulse', attempt: 1, schedule: { name: 'pulse' } });
      expect(job.payload).toEqual({
        schedule: 'pulse',
        scheduledFor: job.scheduledFor,
        missed: job.schedule?.missed,
      });
      expect(job.enqueuedAt).toBeGreaterThanOrEqual(job.scheduledFor as number);
    }
    const { schedules } = await app.get(ScheduleService).list();
    expect(schedules.map(({ name }) => name)).toEqual(['pulse']);
    const kept = await app.get(QueueService).getJob('cron', jobs[0].id);
    expect(kept).toMatchObject({ name: 'pulse', schedule: { name: 'pulse' }, scheduledFor: instants[0] });
    expect(kept?.id).toBe(`cron~pulse~${instants[0]}`);
  });

  it('jobs of a schedule fail, retry, snooze and die like any other', async () => {
    const runs = new MessageLog<Job<CronTick>>();
    const behave = (job: Job<CronTick>) => {
      runs.listener(job);
      const run = runs.messages.filter(({ id }) => id === job.id).length;
      if (run === 1) throw new SnoozeError(0);
      throw new Error(`run ${run}`);
    };
    const decorator = Cron(EVERY_SECOND, {
      name: 'doomed',
      queue: 'night',
      job: { maxAttempts: 2, backoff: 0, priority: 3 },
    });
    const { app } = await startApp({ providers: [scheduled(decorator, behave)] }, options());
    const queues = app.get(QueueService);
    const [first] = await runs.first(1);
    const job = await queues.getJob('night', first.id);
    await expect(job?.result()).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_DEAD', reason: 'exhausted' });
    expect(await job?.refresh()).toMatchObject({
      state: 'dead',
      name: 'doomed',
      priority: 3,
      attempt: 2,
      scheduledFor: first.scheduledFor,
      schedule: { name: 'doomed' },
    });
    expect(job?.errors.map(({ message }) => message)).toEqual(['run 2', 'run 3']);
    const own = runs.messages.filter(({ id }) => id === first.id);
    expect(own.map(({ attempt }) => attempt)).toEqual([1, 1, 2]);
    expect(new Set(own.map(({ scheduledFor }) => scheduledFor)).size).toBe(1);
    // The next tick comes all the same.
    while (runs.messages.every(({ id }) => id === first.id)) await runs.first(runs.messages.length + 1);
  });

  it('waits for its job where it is told to, and brings the payload it was given', async () => {
    const pulses = new MessageLog<Job>();
    const slow = new MessageLog<Job>();
    let finish: () => void = () => {};
    const wait = (job: Job) => {
      slow.listener(job);
      return new Promise<void>((resolve) => (finish = resolve));
    };
    @Injectable()
    class Clock {
      @Cron(EVERY_SECOND, { name: 'pulse' })
      pulse(job: Job) {
        pulses.listener(job);
      }
      @Cron(EVERY_SECOND, { name: 'slow', waitForCompletion: true, payload: { report: 'all' } })
      slow(job: Job) {
        return wait(job);
      }
    }
    await startApp({ providers: [Clock] }, options());
    const [first] = await slow.first(1);
    expect(first.payload).toEqual({ report: 'all' });
    await pulses.first(pulses.messages.length + 2);
    expect(slow.messages).toHaveLength(1);
    finish();
    const [, second] = await slow.first(2);
    expect(second.scheduledFor as number).toBeGreaterThan((first.scheduledFor as number) + 1000);
    finish();
  });

  it('holds ticks until its job has ended, and makes one job of them', async () => {
    const pulses = new MessageLog<Job>();
    const slow = new MessageLog<Job>();
    const held = gate();
    @Injectable()
    class Clock {
      @Cron(EVERY_SECOND, { name: 'pulse' })
      pulse(job: Job) {
        pulses.listener(job);
      }
      @Cron(EVERY_SECOND, { name: 'slow', overlap: 'queue-one' })
      slow(job: Job) {
        slow.listener(job);
        return held.promise;
      }
    }
    const { app } = await startApp({ providers: [Clock] }, options());
    await slow.first(1);
    await pulses.first(pulses.messages.length + 3);
    expect(slow.messages).toHaveLength(1);
    held.open();
    const [first, second] = await slow.first(2);
    const ticks = ((second.scheduledFor as number) - (first.scheduledFor as number)) / 1000;
    expect(ticks).toBeGreaterThanOrEqual(3);
    expect(second.schedule?.missed).toBe(ticks - 1);
    const { fired, skipped } = (await app.get(ScheduleService).get('slow')) ?? {};
    expect({ fired: (fired ?? 0) >= 2, skipped }).toEqual({ fired: true, skipped: 0 });
  });

  it('fires a tick at its place in the jitter, which is the same everywhere', async () => {
    const runs = new MessageLog<Job>();
    const decorator = Cron(EVERY_SECOND, { name: 'loose', jitter: '900ms' });
    const { app } = await startApp({ providers: [scheduled(decorator, runs.listener)] }, options());
    await runs.first(3);
    const history = await app.get(ScheduleService).history('loose');
    for (const { scheduledFor, firedAt } of history) {
      expect(scheduledFor % 1000).toBe(0);
      expect(firedAt).toBeGreaterThanOrEqual(scheduledFor + Math.floor(spreadOf(`loose\n${scheduledFor}`) * 900));
    }
  });

  it('is not set back by an older deployment that restarts beside a newer one', async () => {
    const store = options();
    const versions = new MessageLog<string>();
    const deploy = (version: string) => {
      const decorator = Cron(EVERY_SECOND, { name: 'pulse', payload: version });
      const listen = (job: Job) => versions.listener(String(job.payload));
      return startApp({ providers: [scheduled(decorator, listen)] }, store);
    };
    await deploy('old');
    await versions.first(1);
    await deploy('new');
    const restarted = await deploy('old');
    expect(restarted.logs.matching(/"pulse" was changed by a newer deployment/)).toHaveLength(1);
    while (versions.messages.filter((version) => version === 'new').length < 2) {
      await versions.first(versions.messages.length + 1);
    }
    expect(versions.messages.slice(versions.messages.indexOf('new'))).not.toContain('old');
  });

  it('belongs to one app: another that declares its name is told so at boot', async () => {
    const store = options();
    const deploy = (app: string, every: string) =>
      startApp({ providers: [scheduled(Interval(every, { name: 'pulse' }), () => {})] }, { ...store, app });
    await deploy('billing', '1h');
    const { app, logs } = await deploy('shipping', '2h');
    expect(
      logs.matching(/^error .*"pulse" of queue "cron".*app "billing" declares one of that name, too/),
    ).toHaveLength(1);
    expect(await app.get(ScheduleService).get('pulse')).toMatchObject({ app: 'billing', rule: { everyMs: 3_600_000 } });
  });

  it('a disabled schedule is not registered', async () => {
    @Injectable()
    class Clock {
      @Cron(EVERY_SECOND, { name: 'off', disabled: true })
      @Interval('1h', { name: 'on' })
      tick() {}
    }
    const store = options();
    const { app } = await startApp({ providers: [Clock] }, store);
    const { schedules } = await app.get(ScheduleService).list();
    expect(schedules.map(({ name }) => name)).toEqual(['on']);
    // A process that only enqueues registers nothing at all.
    const apart = options();
    const { app: producer } = await startApp(
      { providers: [Clock] },
      { ...apart, role: 'producer', queues: { cron: {} } },
    );
    expect((await producer.get(ScheduleService).list()).schedules).toEqual([]);
  });

  it('configuration overrides decorators by the name of the schedule', async () => {
    @Injectable()
    class Clock {
      @Cron('0 0 * * *', { name: 'zoned', timeZone: 'Europe/Berlin', waitForCompletion: true, job: { maxAttempts: 5 } })
      @Interval('1h', { name: 'often' })
      @Cron('0 0 * * *', { name: 'off' })
      tick() {}
    }
    const { app } = await startApp(
      { providers: [Clock] },
      {
        ...options(),
        schedules: {
          zoned: { utcOffset: '-03:00', overlap: 'queue-one', job: { priority: 2 }, jitter: undefined },
          often: { cron: '0 6 * * *', timeZone: 'Asia/Tokyo', missed: 'all', window: '2h' },
          off: { disabled: true },
        },
      },
    );
    const { schedules } = await app.get(ScheduleService).list();
    const of = (name: string) => schedules.find((schedule) => schedule.name === name);
    expect(of('zoned')).toMatchObject({
      rule: { expression: '0 0 * * *', timeZone: '-03:00' },
      overlap: 'queue-one',
      job: { maxAttempts: 5, priority: 2 },
      jitterMs: 0,
    });
    expect(of('often')).toMatchObject({
      rule: { kind: 'cron', expression: '0 6 * * *', timeZone: 'Asia/Tokyo' },
      missed: 'all',
      windowMs: 7_200_000,
    });
    expect(of('off')).toBeUndefined();
  });

  it.each<[string, TaskQueueModuleOptions['schedules'], string, RegExp]>([
    ['a name that no code declares', { clok: { disabled: true } }, 'TASK_QUEUE_UNKNOWN_OPTION', /"clok".*"clock"/],
    ['an unknown option', { clock: { disable: true } as object }, 'TASK_QUEUE_UNKNOWN_OPTION', /"disabled"/],
    [
      'a value that makes no sense',
      { clock: { cron: '99 * * * *' } },
      'TASK_QUEUE_INVALID_CRON',
      /schedules\["clock"\]/,
    ],
    ['two kinds of ticks', { clock: { every: '1h', at: 5 } }, 'TASK_QUEUE_CONFIGURATION', /every and at/],
  ])('overriding by %s stops the boot', async (_what, schedules, code, message) => {
    const providers = [scheduled(Cron('@daily', { name: 'clock' }), () => {})];
    const error = await bootError({ providers }, { ...options(), schedules });
    expect(error).toMatchObject({ code });
    expect(error.message).toMatch(message);
  });

  it('overriding where no code declares a schedule says that none is declared', async () => {
    const error = await bootError({}, { ...options(), schedules: { digest: { disabled: true } } });
    expect(error).toMatchObject({ code: 'TASK_QUEUE_UNKNOWN_OPTION' });
    expect(error.message).toBe('Unknown option "digest" in schedules. None is declared.');
  });

  it('several on one method need names of their own', async () => {
    @Injectable()
    class Clock {
      @Cron('@daily')
      @Interval('1h')
      tick() {}
    }
    expect((await bootError({ providers: [Clock] }, options())).message).toMatch(
      /Two schedules of Clock\.tick are named "Clock\.tick".*names of their own/,
    );
  });

  it.each<[string, MethodDecorator, string, RegExp]>([
    ['a time zone nobody knows', Cron('0 0 * * *', { timeZone: 'Europe/Berln' }), 'TASK_QUEUE_INVALID_VALUE', /Berln/],
    ['a field out of range', Cron('0 25 * * *'), 'TASK_QUEUE_INVALID_CRON', /25/],
    ['too few fields', Cron('0 0 *'), 'TASK_QUEUE_INVALID_CRON', /"0 0 \*"/],
    ['no tick ever', Cron('0 0 30 2 *'), 'TASK_QUEUE_INVALID_CRON', /0 0 30 2/],
    ['words', Cron('daily please'), 'TASK_QUEUE_INVALID_CRON', /daily please/],
    ['an interval below a second', Interval(500), 'TASK_QUEUE_INVALID_VALUE', /500/],
    ['an interval that is no duration', Interval('soon'), 'TASK_QUEUE_INVALID_VALUE', /soon/],
    [
      'a zone and an offset',
      Cron('@daily', { timeZone: 'UTC', utcOffset: 60 }),
      'TASK_QUEUE_INVALID_VALUE',
      /not both/,
    ],
    ['an end before the start', Cron('@daily', { startAt: 2000, endAt: 1000 }), 'TASK_QUEUE_INVALID_VALUE', /endAt/],
    [
      'two words for overlap',
      Cron('@daily', { waitForCompletion: true, overlap: 'allow' }),
      'TASK_QUEUE_INVALID_VALUE',
      /waitForCompletion/,
    ],
    [
      'an option of its jobs',
      Cron('@daily', { maxAttempts: 5 } as CronOptions),
      'TASK_QUEUE_CONFIGURATION',
      /job: { maxAttempts/,
    ],
    [
      'an option of @nestjs/schedule',
      Cron('@daily', { threshold: 250 } as CronOptions),
      'TASK_QUEUE_CONFIGURATION',
      /window/,
    ],
    [
      'an option of the cron package',
      Cron('@daily', { runOnInit: true } as CronOptions),
      'TASK_QUEUE_CONFIGURATION',
      /there is no runOnInit; put @Timeout\(0/,
    ],
    ['an unknown option', Cron('@daily', { jiter: 5 } as CronOptions), 'TASK_QUEUE_UNKNOWN_OPTION', /"jitter"/],
    ['a name with a space', Cron('@daily', { name: 'my digest' }), 'TASK_QUEUE_INVALID_VALUE', /my digest/],
    ['an unknown scope', Cron('@daily', { scope: 'process' as 'instance' }), 'TASK_QUEUE_INVALID_VALUE', /cluster/],
    ['a zone of an interval', Interval('1h', { timeZone: 'UTC' } as object), 'TASK_QUEUE_UNKNOWN_OPTION', /timeZone/],
    ['a timeout that is none', Timeout(-1), 'TASK_QUEUE_INVALID_VALUE', /-1/],
    ['a payload that is no JSON', Cron('0 0 * * *', { payload: { n: 7n } }), 'TASK_QUEUE_INVALID_PAYLOAD', /BigInt/],
  ])('%s stops the boot', async (_what, decorator, code, message) => {
    const error = await bootError({ providers: [scheduled(decorator, () => {})] }, options());
    expect(error).toMatchObject({ code });
    expect(error.message).toMatch(message);
  });
});

describe('a payload', () => {
  const schema = z.object({ tenant: z.coerce.number().int() });

  function reports(payload: unknown, ...pipes: Parameters<typeof Payload>): Type {
    @Injectable()
    class Reports {
      @Cron('@daily', { name: 'report', ...(payload !== undefined && { payload }) })
      report(@Payload(...pipes) report: unknown) {
        ran.push(report);
      }
    }
    return Reports;
  }

  const ran: unknown[] = [];
  afterEach(() => void ran.splice(0));

  it('that @Payload(schema) of the method would refuse stops the boot', async () => {
    const error = await bootError({ providers: [reports({ tenant: 'x' }, schema)] });
    expect(error).toMatchObject({ code: 'TASK_QUEUE_INVALID_PAYLOAD', issues: [{ path: 'tenant' }] });
    expect((await bootError({ providers: [reports(undefined, schema)] })).message).toContain('tenant');
  });

  it('that it takes is stored as it was given, and checked again where it is handled', async () => {
    const { app } = await startApp({ providers: [reports({ tenant: '7' }, schema)] });
    const job = await app.get(ScheduleService).runNow('report');
    await job.result();
    expect(job.payload).toEqual({ tenant: '7' });
    expect(ran).toEqual([{ tenant: 7 }]);
    const wrong = app.get(ScheduleService).upsert('mine', { every: '1h', payload: {}, job: { name: 'report' } });
    await expect(wrong).rejects.toMatchObject({ code: 'TASK_QUEUE_INVALID_PAYLOAD' });
  });

  it('that another pipe makes something else of first is left to it', async () => {
    const wrap: PipeTransform = { transform: (value) => ({ tenant: value as unknown }) };
    await startApp({ providers: [reports('7', wrap, schema)] });
  });
});
