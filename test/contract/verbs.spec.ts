import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Store } from '../../src/core/ports/store.js';
import { JobHandle } from '../../src/queue/job-handle.js';
import { Queue } from '../../src/queue/queue.js';
import { QueueService } from '../../src/queue/queue.service.js';
import { ScheduleService } from '../../src/schedules/schedule.service.js';
import { readModuleOptions } from '../../src/options/options-reader.js';
import { TestQueues } from '../../src/testing/test-queues.js';
import { memoryKind, redisKind } from '../support/stores.js';
import { StoreDriver, KEEP, QUEUE } from './store-driver.js';

function serviceOn(store: Store): QueueService {
  return new QueueService(store, readModuleOptions({ connection: 'memory://' }), {
    has: (name) => name === QUEUE,
    names: () => [QUEUE],
    areComplete: true,
    get: () => undefined,
    handledOptionsOf: () => undefined,
    mixedBatchOf: () => undefined,
    handledNamesOf: () => [],
    schemaOf: () => undefined,
  });
}

/** Public methods of a class, and of those that it extends. */
function verbsOf(Class: { prototype: object }, ...others: string[]): string[] {
  const inherited = Object.getPrototypeOf(Class.prototype) as object;
  const above = inherited === Object.prototype ? [] : verbsOf({ prototype: inherited }, ...others);
  const own = Object.entries(Object.getOwnPropertyDescriptors(Class.prototype))
    .filter(
      ([name, { value }]) =>
        typeof value === 'function' && !['constructor', 'toJSON'].includes(name) && !others.includes(name),
    )
    .map(([name]) => name);
  return [...new Set([...above, ...own])];
}

type Verbs = Record<string, (...args: unknown[]) => unknown>;
const outcomeOf = async (act: () => unknown): Promise<unknown> => act();

describe.each([memoryKind, redisKind])('Verbs on $name', ({ openStore }) => {
  let driver: StoreDriver;
  let service: QueueService;
  let mail: Queue;

  beforeEach(async () => {
    driver = new StoreDriver(await openStore());
    service = serviceOn(driver.store);
    mail = new Queue(QUEUE, service);
  });

  afterEach(async () => {
    service.endWaits();
    await driver.fixture.close();
  });

  describe('refuse what they do not take', () => {
    // Nothing is done before the arguments are looked at, so any will do.
    const FIRST: Readonly<Record<string, unknown[]>> = {
      ...{ enqueue: [{}, {}], enqueueMany: [[], {}], getJob: ['x'], jobs: [{ state: 'dead' }], counts: [], pause: [] },
      ...{ bulk: [{ where: '', action: 'retry' }], bulks: [], getBulk: ['x'] },
      ...{ resume: [], isPaused: [], cancel: ['x'], retry: ['x', {}], retryAll: [{}], promote: ['x'], remove: ['x'] },
      ...{
        purge: [{ state: 'dead' }],
        events: [],
        doctor: [],
        setLimits: [{}],
        resetLimits: [],
        limits: [],
        setGroup: ['x', {}],
        resetGroup: ['x'],
        groups: [{}],
        history: [{}],
        explain: ['x'],
        list: [],
        processes: [],
        alerts: [],
        find: ['', {}],
        facets: ['', 'name', {}],
      },
    };

    const OF_NO_QUEUE = new Set(['doctor', 'list', 'processes', 'alerts']);

    it.each(verbsOf(QueueService, 'endWaits', 'scopeOf', 'operatedScopeOf', 'foundScopeOf'))(
      'QueueService.%s',
      async (verb) => {
        const verbs = service as unknown as Verbs;
        const given = OF_NO_QUEUE.has(verb) ? [] : [QUEUE, ...FIRST[verb]];
        await expect(outcomeOf(() => verbs[verb](...given, { for: '1h' }))).rejects.toMatchObject({
          code: 'TASK_QUEUE_UNKNOWN_OPTION',
          option: 'for',
          place: `the last argument of QueueService.${verb}`,
        });
        for (const surplus of ['1h', 5, null, ['x'], () => {}]) {
          await expect(outcomeOf(() => verbs[verb](...given, surplus))).rejects.toMatchObject({
            code: 'TASK_QUEUE_INVALID_VALUE',
            what: `last argument of QueueService.${verb}`,
          });
        }
      },
    );

    it.each(verbsOf(Queue))('Queue.%s', async (verb) => {
      await expect(
        outcomeOf(() => (mail as unknown as Verbs)[verb](...FIRST[verb], { for: '1h' })),
      ).rejects.toMatchObject({ code: 'TASK_QUEUE_UNKNOWN_OPTION', place: `the last argument of Queue.${verb}` });
    });

    it('say where the name of a job belongs that is given as elsewhere', async () => {
      for (const verbs of [mail, { enqueue: service.enqueue.bind(service, QUEUE) }] as unknown as Verbs[]) {
        await expect(verbs.enqueue('welcome', {}, { delay: 1000 })).rejects.toThrow(
          'Unknown option "delay" in the last argument of',
        );
        await expect(verbs.enqueue('welcome', {}, { delay: 1000 })).rejects.toThrow(
          'Pass the payload, then the options: the name of the job is one of them, { name: "welcome" }.',
        );
      }
    });

    it.each(verbsOf(JobHandle))('JobHandle.%s', async (verb) => {
      const handle = await mail.enqueue({ to: 'a' });
      const given = verb === 'result' ? [{ timeout: 0 }] : verb === 'retry' ? [{}] : [];
      await expect(outcomeOf(() => (handle as unknown as Verbs)[verb](...given, { for: '1h' }))).rejects.toMatchObject({
        code: 'TASK_QUEUE_UNKNOWN_OPTION',
        place: `the last argument of JobHandle.${verb}`,
      });
      expect(JSON.stringify({ handle })).toContain('"state":"ready"');
    });

    it.each(verbsOf(ScheduleService, 'onStored', 'read', 'store', 'parse', 'checkPayload', 'placeOf', 'scopeOf'))(
      'ScheduleService.%s',
      async (verb) => {
        const schedules = new ScheduleService(service, [], () => undefined) as unknown as Verbs;
        const given = verb === 'list' ? [{}] : verb === 'next' || verb === 'history' ? ['x', 1, {}] : ['x', {}];
        await expect(outcomeOf(() => schedules[verb](...given, { for: '1h' }))).rejects.toMatchObject({
          code: 'TASK_QUEUE_UNKNOWN_OPTION',
        });
      },
    );

    it.each(verbsOf(TestQueues, 'lifecycleOf', 'nextInstant'))('TestQueues.%s', async (verb) => {
      const queues = new TestQueues() as unknown as Verbs;
      const given = { install: [{}], now: [], advance: [{}, 1, {}], settle: [{}, {}] }[verb] ?? [];
      await expect(outcomeOf(() => queues[verb](...given, { for: '1h' }))).rejects.toMatchObject({
        code: 'TASK_QUEUE_UNKNOWN_OPTION',
      });
    });

    it('an option with a name like another', async () => {
      await expect(mail.retryAll({ nam: 'x' } as never)).rejects.toMatchObject({ nearest: 'name' });
      await expect(mail.purge({ state: 'dead', olderthan: '1h' } as never)).rejects.toMatchObject({
        nearest: 'olderThan',
      });
      const handle = await mail.enqueue({ to: 'a' });
      await expect(handle.result({ timout: 5 } as never)).rejects.toMatchObject({ nearest: 'timeout' });
      await expect(handle.result('5s' as never)).rejects.toMatchObject({ code: 'TASK_QUEUE_INVALID_VALUE' });
      await expect(handle.result(null as never)).rejects.toMatchObject({ code: 'TASK_QUEUE_INVALID_VALUE' });
      expect(() => new (TestQueues as unknown as new (...args: unknown[]) => unknown)(undefined, { a: 1 })).toThrow(
        /"a"/,
      );
    });

    it('nothing that is undefined or empty', async () => {
      const verbs = service as unknown as Verbs;
      await verbs.pause(QUEUE, undefined);
      await verbs.resume(QUEUE, {});
      expect(await verbs.isPaused(QUEUE)).toBe(false);
    });

    it.each(['getJob', 'cancel', 'retry', 'promote', 'remove'] as const)('%s: an id that is no text', async (verb) => {
      for (const id of [undefined, null, 5, {}, ['a']]) {
        await expect(mail[verb](id as never)).rejects.toMatchObject({ code: 'TASK_QUEUE_INVALID_VALUE', what: 'id' });
      }
    });
  });

  describe('on one job', () => {
    it.each(['cancel', 'retry', 'promote', 'remove'] as const)('%s throws where none is kept', async (verb) => {
      const gone = await mail.enqueue({ to: 'a' }, { id: 'gone' });
      await mail.remove('gone');
      for (const id of ['gone', 'nobody', 'no such id', 'x'.repeat(200)]) {
        const expected = { code: 'TASK_QUEUE_JOB_NOT_FOUND', queue: QUEUE, id };
        await expect(mail[verb](id)).rejects.toMatchObject(expected);
        await expect((service as unknown as Verbs)[verb](QUEUE, id)).rejects.toMatchObject(expected);
      }
      await expect(gone[verb]()).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_NOT_FOUND', id: 'gone' });
      // An id that looks like the number of the job that is gone takes nothing over.
      const heir = await mail.enqueue({ to: 'b' }, { id: gone.number, delay: '1h' });
      await expect(gone[verb]()).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_NOT_FOUND' });
      expect(await heir.refresh()).toMatchObject({ state: 'scheduled' });
    });

    it('refresh, result and logs of a handle throw where the job is not kept', async () => {
      const gone = await mail.enqueue({ to: 'a' }, { id: 'gone' });
      await mail.remove('gone');
      await mail.enqueue({ to: 'b' }, { id: gone.number });
      for (const ask of [() => gone.refresh(), () => gone.result({ timeout: 0 }), () => gone.logs()]) {
        await expect(ask()).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_NOT_FOUND', id: 'gone' });
      }
    });

    it('promote has a delayed job run now, by service, queue and handle', async () => {
      const handles = [];
      for (const id of ['a', 'b', 'c']) handles.push(await mail.enqueue({ to: id }, { id, delay: '1h' }));
      expect(await service.promote(QUEUE, 'a')).toMatchObject({ id: 'a', state: 'ready', dueAt: undefined });
      expect(await mail.promote(handles[1].number)).toMatchObject({ id: 'b', state: 'ready' });
      expect(await handles[2].promote()).toBe(handles[2]);
      expect(handles[2]).toMatchObject({ state: 'ready', payload: { to: 'c' } });
      expect(await handles[2].promote()).toMatchObject({ state: 'ready' });
      expect((await driver.reserve('w1', 5)).jobs.map(({ id }) => id)).toEqual(handles.map(({ number }) => number));
      expect(await mail.promote('a')).toMatchObject({ state: 'active' });
    });

    it('promote says why it can not', async () => {
      const job = await driver.start('w1');
      await driver.settle('w1', { op: 'bury', ...job, detail: '{}', envelope: undefined, keep: KEEP });
      await expect(mail.promote(job.id)).rejects.toThrow(/it is dead\. Retry it\./);
      const parked = await driver.start('w1', { name: 'resize' });
      await driver.settle('w1', { op: 'park', id: parked.id, token: parked.token, name: 'resize' });
      await expect(mail.promote(parked.id)).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_STATE', state: 'parked' });
    });

    it('a handle cancels, retries and removes', async () => {
      const handle = await mail.enqueue({ to: 'a' });
      expect(await handle.cancel()).toBe('cancelled');
      expect(handle.state).toBe('cancelled');
      expect(await handle.cancel()).toBe('finished');
      await expect(handle.retry()).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_STATE', state: 'cancelled' });
      await handle.remove();
      const { id, token } = await driver.start('w1');
      const dead = await service.getJob(QUEUE, id);
      await expect(dead?.remove()).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_STATE', state: 'active' });
      await driver.settle('w1', { op: 'bury', id, token, detail: '{}', envelope: undefined, keep: KEEP });
      expect(await dead?.retry()).toMatchObject({ state: 'ready', attempt: 1 });
    });

    it('a handle shows when a worker took its job, and which one', async () => {
      const handle = await mail.enqueue({ to: 'a' });
      expect([handle.startedAt, handle.worker]).toEqual([undefined, undefined]);
      await driver.advance(1234);
      const [job] = (await driver.reserve('worker-1')).jobs;
      await driver.advance(60_000);
      expect(await handle.refresh()).toMatchObject({ startedAt: driver.now() - 60_000, worker: 'worker-1' });
      expect(handle.toJSON()).toMatchObject({ startedAt: driver.now() - 60_000, worker: 'worker-1' });
      expect((await mail.jobs({ state: 'active' })).jobs[0]).toMatchObject({ worker: 'worker-1' });
      await driver.settle('worker-1', driver.complete(job));
      expect(await handle.refresh()).toMatchObject({ startedAt: undefined, worker: undefined });
    });

    it('counts says that the queue is paused', async () => {
      expect(await mail.counts()).toMatchObject({ paused: false, ready: 0 });
      await mail.pause();
      expect(await mail.counts()).toMatchObject({ paused: true });
    });
  });

  describe('with a filter', () => {
    /** Dead letters: two names, two errors, two ages, ids of two kinds. */
    async function seed(): Promise<void> {
      await mail.enqueueMany(
        Array.from({ length: 240 }, (_, index) => ({
          payload: { to: String(index) },
          name: index % 2 === 0 ? 'invoice' : 'welcome',
          ...(index % 3 === 0 && { id: `tenant-1-${index}` }),
        })),
      );
      const { jobs } = await driver.reserve('w1', 240);
      for (const half of [jobs.slice(0, 120), jobs.slice(120)]) {
        await driver.settle(
          'w1',
          ...half.map(({ id, token }, index) => ({
            ...{ op: 'bury' as const, id, token, envelope: undefined, keep: { ...KEEP, count: 1000 } },
            detail: JSON.stringify({
              reason: 'exhausted',
              name: 'Error',
              message: index % 4 === 0 ? 'ECONNREFUSED' : 'no',
            }),
          })),
        );
        await driver.advance(3_600_000);
      }
    }

    it.each([
      [{ name: 'invoice' }, 120],
      [{ name: 'invoic' }, 0],
      [{ reason: 'ECONNREFUSED' }, 60],
      [{ reason: 'exhausted: Error: no' }, 180],
      [{ olderThan: '90m' }, 120],
      [{ olderThan: 0 }, 240],
      [{ olderThan: '3h' }, 0],
      [{ idPrefix: 'tenant-1-' }, 80],
      [{ name: 'welcome', idPrefix: 'tenant-1-', olderThan: '90m' }, 20],
      [{}, 240],
    ] as const)('retryAll and purge mean what fits: %j', async (filter, count) => {
      await seed();
      const fits = (await mail.jobs({ state: 'dead', limit: 500 })).jobs.length;
      expect(fits).toBe(240);
      expect(await mail.retryAll(filter)).toBe(count);
      expect(await mail.counts()).toMatchObject({ ready: count, dead: 240 - count });
      expect(await mail.retryAll(filter)).toBe(0);
      await seed();
      const dead = (await mail.counts()).dead;
      expect(await mail.purge({ state: 'dead', ...filter })).toBeGreaterThanOrEqual(count === 0 ? 0 : 1);
      expect((await mail.counts()).dead).toBeLessThanOrEqual(dead);
      expect(await mail.purge({ state: 'dead', ...filter })).toBe(0);
    });

    it.each(['ready', 'scheduled', 'completed', 'cancelled'] as const)('purge of what is %s', async (state) => {
      for (let index = 0; index < 12; index++) {
        const name = index % 3 === 0 ? 'keep' : 'drop';
        if (state === 'completed' || state === 'cancelled') await driver.putEnded(state, 1, KEEP, { name });
        else await mail.enqueue({ to: 'a' }, { name, ...(state === 'scheduled' && { delay: '1h' }) });
      }
      await driver.advance(3_600_000);
      expect(await mail.purge({ state, name: 'drop', olderThan: '2h' })).toBe(0);
      expect(await mail.purge({ state, name: 'drop', olderThan: '30m' })).toBe(8);
      expect(await mail.counts()).toMatchObject({ [state]: 4 });
      expect((await mail.jobs({ state })).jobs.map(({ name }) => name)).toEqual(['keep', 'keep', 'keep', 'keep']);
    });

    it.each([
      [{ name: undefined }, /Invalid name in retryAll: undefined\. Leave the key out/],
      [{ olderThan: undefined }, /olderThan/],
      [{ idPrefix: '' }, /text that is not empty/],
      [{ reason: 5 }, /reason/],
      [{ olderThan: 'soon' }, /olderThan/],
      [null, /filter of retryAll/],
      ['invoice', /filter of retryAll/],
      [{ state: 'dead' }, /Unknown option "state"/],
    ])('refuses %j', async (filter, message) => {
      await expect(mail.retryAll(filter as never)).rejects.toThrow(message);
    });

    it('knows which jobs have a reason', async () => {
      await expect(mail.purge({ state: 'ready', reason: 'x' })).rejects.toThrow(/Only dead and cancelled/);
      expect(await mail.purge({ state: 'cancelled', reason: 'x' })).toBe(0);
    });
  });
});
