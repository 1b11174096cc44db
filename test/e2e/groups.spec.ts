import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import {
  Cron,
  defineJob,
  LimitedError,
  Processor,
  QueueService,
  ScheduleService,
  TaskQueueModule,
  type BatchJob,
  type GroupOption,
  type GroupOptions,
  type Job,
  type JobsQuery,
  type ProcessorOptions,
} from 'nestjs-task-queue';
import { TestQueues } from 'nestjs-task-queue/testing';
import { Test } from '@nestjs/testing';
import { bootError, closeApps, startApp, STORES, trackApp } from '../support/apps.js';
import { EventLog } from '../support/event-log.js';

afterEach(closeApps);

/** What handlers of one test did, in order. */
class Diary {
  readonly starts: string[] = [];
  readonly most = new Map<string, number>();
  private readonly running = new Map<string, number>();

  async run(job: Job, work: () => unknown = () => undefined): Promise<void> {
    const key = job.group ?? '-';
    const running = (this.running.get(key) ?? 0) + 1;
    this.running.set(key, running);
    this.most.set(key, Math.max(this.most.get(key) ?? 0, running));
    this.starts.push(`${key}${String(job.payload)}`);
    try {
      await new Promise((resolve) => setImmediate(resolve));
      await work();
    } finally {
      this.running.set(key, (this.running.get(key) ?? 0) - 1);
    }
  }
}

function handlersOf(run: (job: Job) => unknown, options: ProcessorOptions = {}) {
  @Injectable()
  class Handlers {
    @Processor('work', options)
    run(job: Job) {
      return run(job);
    }
  }
  return { providers: [Handlers] };
}

const bulk = (count: number, group: GroupOption) => Array.from({ length: count }, (_, payload) => ({ payload, group }));

describe.each(STORES)('groups on $name', ({ options }) => {
  it('refuse an ordered job where one call takes jobs of many groups', async () => {
    const transfer = defineJob({ queue: 'work', name: 'transfer', group: { key: 'a', ordered: true } });
    @Injectable()
    class Defined {
      @Processor(transfer, { batch: { size: 10 } })
      run(): void {}
    }
    expect((await bootError({ providers: [Defined] })).message).toMatch(
      /the definition in @Processor on Defined.run is of an ordered group, .* batch: \{ …, by: 'group' \}/,
    );
    @Injectable()
    class Work {
      @Processor('work', { batch: { size: 10 } })
      mixed(): void {}

      @Processor('work', { name: 'grouped', batch: { size: 10, by: 'group' } })
      grouped(): void {}

      @Processor('work', { name: 'single' })
      single(): void {}
    }
    const { app } = await startApp({ providers: [Work] }, options());
    const queues = app.get(QueueService);
    await queues.pause('work');
    const group = { key: 'a', ordered: true };
    await expect(queues.enqueue('work', 1, { group })).rejects.toThrow(
      'A job of "work/default" is of an ordered group, whose jobs run one at a time, and Work.mixed takes jobs of many groups in one call',
    );
    await expect(queues.enqueueMany('work', [{ payload: 1 }, { payload: 2, group }])).rejects.toThrow('ordered');
    await queues.enqueue('work', 1, { group: 'a' });
    for (const name of ['grouped', 'single']) await queues.enqueue('work', 1, { name, group });
    expect(await queues.counts('work')).toMatchObject({ ready: 3 });
  });

  it('take turns: a few jobs of one do not wait for the many of another', async () => {
    const diary = new Diary();
    const { app } = await startApp(
      handlersOf((job) => diary.run(job), { concurrency: 1 }),
      options(),
    );
    const queues = app.get(QueueService);
    await queues.pause('work');
    await queues.enqueueMany('work', bulk(40, 'large'));
    const jobs = await queues.enqueueMany('work', [...bulk(2, 'small'), ...bulk(2, 'other')]);
    await queues.resume('work');
    for (const job of jobs) await job.result();
    const last = diary.starts.findLastIndex((start) => !start.startsWith('large'));
    expect(diary.starts.slice(0, last).filter((start) => start.startsWith('large')).length).toBeLessThanOrEqual(4);
  });

  it('that are ordered run one job at a time over all processes, in order, whatever fails', async () => {
    const diary = new Diary();
    const handlers = handlersOf(
      (job) =>
        diary.run(job, () => {
          if (job.payload === 1 && job.attempt < 3) throw new Error('not yet');
        }),
      { concurrency: 10, backoff: 1 },
    );
    const shared = options();
    const { app } = await startApp(handlers, shared);
    await startApp(handlers, shared);
    const queues = app.get(QueueService);
    const jobs = await queues.enqueueMany('work', [
      ...bulk(4, { key: 'ann', ordered: true }),
      ...bulk(4, { key: 'bob', ordered: true }),
    ]);
    for (const job of jobs) await job.result();
    for (const key of ['ann', 'bob']) {
      expect(diary.starts.filter((start) => start.startsWith(key))).toEqual(
        [0, 1, 1, 1, 2, 3].map((n) => `${key}${n}`),
      );
      expect(diary.most.get(key)).toBe(1);
    }
  });

  it('are limited each by itself, over all processes', async () => {
    const diary = new Diary();
    const handlers = handlersOf((job) => diary.run(job), { concurrency: 20, limits: { groups: { concurrency: 2 } } });
    const shared = options();
    const { app } = await startApp(handlers, shared);
    await startApp(handlers, shared);
    const queues = app.get(QueueService);
    expect(await queues.limits('work')).toEqual({ groups: { concurrency: 2, share: 'jobs' } });
    const jobs = await queues.enqueueMany('work', [...bulk(20, 'a'), ...bulk(20, 'b')]);
    for (const job of jobs) await job.result();
    expect([...diary.most.keys()].sort()).toEqual(['a', 'b']);
    expect(Math.max(...diary.most.values())).toBeLessThanOrEqual(2);
  });

  it('are set and reset while jobs wait, and seen as they stand', async () => {
    const diary = new Diary();
    const { app } = await startApp(
      handlersOf((job) => diary.run(job)),
      options(),
    );
    const queues = app.get(QueueService);
    await queues.setGroup('work', 'a', { paused: true, weight: 2, rate: { limit: 5, per: '1s' } });
    const [first, second] = await queues.enqueueMany('work', bulk(2, 'a'));
    await (await queues.enqueue('work', 0, { group: 'b' })).result();
    const rule = { paused: true, weight: 2, rate: { limit: 5, per: 1000, smooth: false } };
    const hold = { by: 'paused' };
    expect(await queues.groups('work')).toEqual({
      groups: [{ key: 'a', waiting: 2, running: 0, rule, hold }],
      cursor: undefined,
    });
    expect(await queues.counts('work')).toMatchObject({ ready: 2, blocked: 2 });
    const page = await queues.jobs('work', { group: 'a', limit: 1 });
    expect(page.jobs.map(({ id, group, state }) => [id, group, state])).toEqual([[first.id, 'a', 'ready']]);
    const rest = await queues.jobs('work', { group: 'a', cursor: page.cursor });
    expect(rest.jobs.map(({ id }) => id)).toEqual([second.id]);
    expect(rest.cursor).toBeUndefined();
    expect(await second.explain()).toMatchObject({
      ...{ state: 'ready', group: 'a', ahead: 1 },
      holds: [{ by: 'group-paused', text: 'Its group "a" is paused.' }],
    });
    expect(await queues.resetGroup('work', 'a')).toBe(true);
    await second.result();
    expect(await queues.resetGroup('work', 'a')).toBe(false);
    expect(await queues.groups('work')).toEqual({ groups: [], cursor: undefined });
  });

  it('are held back by LimitedError, with no attempt counted, while others go on', async () => {
    const seen: string[] = [];
    const handlers = handlersOf(
      ({ group, attempt }) => {
        seen.push(`${group}${attempt}`);
        if (seen.length === 1) throw new LimitedError({ for: '1h', scope: 'group' });
      },
      { concurrency: 1 },
    );
    const { app } = await startApp(handlers, options());
    const queues = app.get(QueueService);
    const events = await EventLog.open(queues, 'work');
    const limited = await queues.enqueue('work', 0, { group: 'a' });
    await events.first('released', limited.id);
    await (await queues.enqueue('work', 0, { group: 'b' })).result();
    await (await queues.enqueue('work', 0)).result();
    expect((await limited.explain()).holds).toEqual([
      expect.objectContaining({ by: 'group-gate', until: expect.any(Date) }),
    ]);
    await queues.setGroup('work', 'a', {});
    await limited.result();
    expect(seen).toEqual(['a1', 'b1', 'undefined1', 'a1']);
  });

  it('come in calls of their own to a batch handler that says so', async () => {
    const calls: (string | undefined)[][] = [];
    @Injectable()
    class Handlers {
      @Processor('work', { concurrency: 2, batch: { size: 10, by: 'group' } })
      run(jobs: BatchJob[]) {
        calls.push(jobs.map(({ group }) => group));
      }
    }
    const { app } = await startApp({ providers: [Handlers] }, options());
    const queues = app.get(QueueService);
    await queues.pause('work');
    const jobs = await queues.enqueueMany('work', [...bulk(6, 'a'), ...bulk(6, 'b'), { payload: 0 }, { payload: 1 }]);
    await queues.resume('work');
    for (const job of jobs) await job.result();
    expect(calls.flat()).toHaveLength(14);
    for (const groups of calls) expect(new Set(groups).size).toBe(1);
    expect(calls.length).toBeLessThanOrEqual(8);
  });

  it('are in the views of a job, in its events, in find and in facets', async () => {
    const seen: unknown[] = [];
    const { app } = await startApp(
      handlersOf((job) => seen.push([job.group, job.toJSON().group])),
      options(),
    );
    const queues = app.get(QueueService);
    const events = await EventLog.open(queues, 'work');
    const mine = await queues.enqueue('work', 1, { group: 'customer-17' });
    const nobodys = await queues.enqueue('work', 2);
    for (const { id } of [mine, nobodys]) await events.first('completed', id);
    expect([mine.group, mine.toJSON().group, nobodys.group]).toEqual(['customer-17', 'customer-17', undefined]);
    expect((await queues.getJob('work', mine.id))?.group).toBe('customer-17');
    expect(seen).toHaveLength(2);
    expect(seen).toContainEqual(['customer-17', 'customer-17']);
    expect(seen).toContainEqual([undefined, undefined]);
    expect(await events.first('completed', mine.id)).toMatchObject({ group: 'customer-17' });
    expect(await events.first('completed', nobodys.id)).toMatchObject({ group: undefined });
    for (const [where, found] of [
      ['group:customer-17', [mine.id]],
      ['group:customer-*', [mine.id]],
      ['-group:*', [nobodys.id]],
    ] as const) {
      const ids: string[] = [];
      for await (const { id } of queues.find('work', where)) ids.push(id);
      expect(ids).toEqual(found);
    }
    expect(await queues.facets('work', '', 'group')).toMatchObject({
      values: [{ value: 'customer-17', count: 1 }],
      missing: 1,
    });
  });

  it('are those of a definition and of a schedule, unless a call says another one', async () => {
    const report = defineJob<number>({ queue: 'work', name: 'report', group: { key: 'reports', ordered: true } });
    const groups: (string | undefined)[] = [];
    @Injectable()
    class Handlers {
      @Processor(report)
      run(job: Job) {
        groups.push(job.group);
      }
      @Cron('0 0 1 1 *', { name: 'yearly', queue: 'work', job: { group: 'years' } })
      yearly(job: Job) {
        groups.push(job.group);
      }
    }
    const { app } = await startApp({ providers: [Handlers] }, options());
    const queues = app.get(QueueService);
    await (await queues.enqueue(report, 1)).result();
    await (await queues.enqueue(report, 1, { group: 'mine' })).result();
    await (await app.get(ScheduleService).runNow('yearly', { queue: 'work' })).result();
    expect(groups).toEqual(['reports', 'mine', 'years']);
  });
});

describe('groups that cannot be', () => {
  const workOnly = { imports: [TaskQueueModule.registerQueue({ name: 'work' })] };

  it.each([
    ['', 'Invalid group in enqueue("work")'],
    ['*', 'Use a text of 1–128 printable ASCII characters'],
    ['a b', 'Use a text of 1–128'],
    ['a:b', 'Use a text of 1–128'],
    ['x'.repeat(129), 'Use a text of 1–128'],
    [17, 'Use a text of 1–128'],
    [null, 'Use a text of 1–128'],
    [undefined, 'Invalid group in enqueue("work")'],
    [{}, 'Invalid group in enqueue("work"): key'],
    [{ key: undefined }, 'key in group in enqueue("work")'],
    [{ key: '*' }, 'Use a text of 1–128'],
    [{ key: 'a', ordered: 'yes' }, 'Use true or false'],
    [{ key: 'a', order: true }, 'order'],
    [['a'], "Pass a key such as 'customer-17'"],
  ])('are refused by enqueue: %j', async (group, message) => {
    const { app } = await startApp(workOnly);
    const queues = app.get(QueueService);
    await expect(queues.enqueue('work', 1, { group: group as GroupOption })).rejects.toThrow(message);
    expect((await queues.counts('work')).ready).toBe(0);
  });

  it.each([
    [{ weight: 0 }, 'weight: 0'],
    [{ weight: -1 }, 'Use a number from 0.01 to 1000'],
    [{ weight: Number.NaN }, 'NaN'],
    [{ weight: '2' }, 'Use a number from 0.01 to 1000'],
    [{ weight: undefined }, 'weight in group "a"'],
    [{ concurrency: 0 }, 'concurrency: 0'],
    [{ rate: { limit: 0, per: '1s' } }, 'rate: limit: 0'],
    [{ paused: 'yes' }, 'Use true or false'],
    [{ share: 'time' }, 'share'],
    [5, 'Pass { weight: 2 }'],
  ])('are refused by setGroup: %j', async (rule, message) => {
    const { app } = await startApp(workOnly);
    const queues = app.get(QueueService);
    await expect(queues.setGroup('work', 'a', rule as GroupOptions)).rejects.toThrow(message);
    expect((await queues.groups('work')).groups).toEqual([]);
  });

  it.each(['', '*', 'a b', 17, undefined])('have no key %j', async (key) => {
    const { app } = await startApp(workOnly);
    const queues = app.get(QueueService);
    await expect(queues.setGroup('work', key as string, {})).rejects.toThrow('Use a text of 1–128');
    await expect(queues.resetGroup('work', key as string)).rejects.toThrow('Use a text of 1–128');
  });

  it.each<[unknown, string]>([
    [{ group: '*' }, 'Use a text of 1–128'],
    [{ group: 'a', state: 'ready' }, 'leave it out'],
    [{ group: 'a', limit: 0 }, 'Invalid limit'],
    [{ group: 'a', cursor: 'x' }, 'Invalid cursor'],
  ])('are not listed: %j', async (query, message) => {
    const { app } = await startApp(workOnly);
    await expect(app.get(QueueService).jobs('work', query as JobsQuery)).rejects.toThrow(message);
  });

  it.each<[unknown, string]>([
    [{ concurrency: 0 }, 'groups: concurrency: 0'],
    [{ rate: { limit: -1, per: '1s' } }, 'groups: rate: limit: -1'],
    [{ share: 'fair' }, 'Use one of: jobs, time'],
    [{ share: undefined }, 'share in limits'],
    [{ weight: 2 }, 'weight'],
    ['a', 'Pass { concurrency: 1 }'],
  ])('have no such limits: %j', async (groups, message) => {
    const handlers = handlersOf(() => undefined, { limits: { groups } as ProcessorOptions['limits'] });
    expect((await bootError(handlers)).message).toContain(message);
  });

  it('are none of a definition, a schedule or LimitedError', async () => {
    expect(() => defineJob({ queue: 'work', name: 'one', group: '*' })).toThrow('group in defineJob("work/one")');
    expect(() => new LimitedError({ for: '1s', scope: 'job' as never }, 'busy')).toThrow('Use one of: queue, group');
    @Injectable()
    class Handlers {
      @Cron('0 0 1 1 *', { name: 'yearly', job: { group: 'a b' } })
      yearly(): void {}
    }
    expect((await bootError({ providers: [Handlers] })).message).toContain('group in job in');
  });
});

describe('groups under TestQueues', () => {
  it('go on as the clock moves, and hold up no settle', async () => {
    const starts: string[] = [];
    const test = new TestQueues();
    @Injectable()
    class Handlers {
      @Processor('work', { limits: { groups: { rate: { limit: 1, per: '1m' } } } })
      run(job: Job) {
        starts.push(`${job.group}${String(job.payload)}`);
      }
    }
    const builder = Test.createTestingModule({ imports: [TaskQueueModule.forRoot()], providers: [Handlers] });
    const app = trackApp((await test.install(builder).compile()).createNestApplication({ logger: false }));
    await app.init();
    const queues = app.get(QueueService);
    await queues.enqueueMany('work', [...bulk(2, 'a'), ...bulk(2, 'b')]);
    await test.settle(app);
    expect(starts).toEqual(['a0', 'b0']);
    await test.advance(app, '1m');
    expect(starts).toEqual(['a0', 'b0']); // a window ends with the slot of its first start
    await test.advance(app, '1s');
    expect(starts).toEqual(['a0', 'b0', 'a1', 'b1']);
    await queues.setGroup('work', 'a', { paused: true });
    await queues.enqueue('work', 2, { group: 'a' });
    await test.settle(app);
    expect(starts).toHaveLength(4);
  });
});
