import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EnqueueOutcomeUnknownError } from '../../src/core/errors/enqueue-errors.js';
import { CallOutcomeUnknownError } from '../../src/core/errors/store-errors.js';
import { TaskQueueError } from '../../src/core/errors/task-queue-error.js';
import { ScheduleNotFoundError } from '../../src/schedules/rule/schedule-errors.js';
import { QueueService } from '../../src/queue/queue.service.js';
import { ScheduleService } from '../../src/schedules/schedule.service.js';
import type { RedisStore } from '../../src/redis/redis-store.js';
import { loadScripts, readOnly } from '../../src/redis/wire/script-library.js';
import { readModuleOptions } from '../../src/options/options-reader.js';
import { knownQueues } from '../support/known-queues.js';
import { MessageLog } from '../support/message-log.js';
import { startRedisServer, type RedisServer } from '../support/redis-server.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.mjs';
import { KEEP, QUEUE } from '../contract/store-driver.js';
import { fireOf, rule, seedDue, tickJob } from '../contract/schedule-seeds.js';
import { RedisDriver } from './redis-driver.js';

/** Long enough for two attempts and a new connection in between, also on a busy machine. */
const TIMEOUT_MS = 1500;

/** A store behind a proxy, and one beside it that sees what is stored. */
describe('lost replies', () => {
  let server: RedisServer;
  let driver: RedisDriver;
  let proxy: TcpProxy;
  let store: RedisStore;
  let shas: Record<string, string[]>;

  /** Plain jobs have scripts of their own. */
  const PLAIN: Record<string, string> = { enqueue: 'enqueue-plain', 'settle-and-reserve': 'turn-plain' };
  const requestOf = (name: string) => (bytes: string) =>
    [...shas[name], ...(shas[PLAIN[name]] ?? [])].some((sha) => bytes.includes(sha));

  beforeEach(async () => {
    server = await startRedisServer();
    driver = await RedisDriver.open({ url: server.url });
    proxy = await startTcpProxy(server.port);
    store = await driver.connect({ connection: `redis://127.0.0.1:${proxy.port}`, commandTimeoutMs: TIMEOUT_MS });
    const scripts = Object.values(loadScripts(driver.clockKey));
    shas = Object.fromEntries(scripts.map((script) => [script.name, [script.sha, readOnly(script).sha]]));
    // Numbers at hand and scripts known: what follows is the call itself.
    await store.intake.enqueue(QUEUE, [driver.newJob()]);
    await store.curation.purge(QUEUE, 'ready', 10);
  });

  afterEach(async () => {
    await driver.close();
    await proxy.stop();
    await server.stop();
  });

  it('stores an enqueue whose reply was dropped once, and resolves it', async () => {
    const dropped = proxy.dropReply(requestOf('enqueue'));
    const enqueued = store.intake.enqueue(QUEUE, [driver.newJob(), driver.newJob({ userId: 'a', priority: 2 })]);
    await dropped;
    const receipts = await enqueued;
    expect(receipts.map(({ created }) => created)).toEqual([true, true]);
    await driver.expectCounts({ ready: 2 });
    const { jobs } = await driver.reserve('w1', 5);
    expect(jobs.map(({ id }) => id).sort()).toEqual(receipts.map(({ id }) => id).sort());
  });

  it('does not store a long payload again with a repeated enqueue: its job may have ended', async () => {
    const dropped = proxy.dropReply(requestOf('enqueue'));
    const enqueued = store.intake.enqueue(QUEUE, [driver.newJob({ payload: 'x'.repeat(20_000) })]);
    await dropped;
    expect((await driver.store.curation.purge(QUEUE, 'ready', 10)).removed).toBe(1);
    expect((await enqueued).map(({ created }) => created)).toEqual([true]);
    expect(await driver.hash('payloads')).toEqual({});
  });

  it('answers a repeated enqueue that the user id had a job before', async () => {
    const first = await driver.putOne({ userId: 'a' });
    const dropped = proxy.dropReply(requestOf('enqueue'));
    const enqueued = store.intake.enqueue(QUEUE, [driver.newJob({ userId: 'a' })]);
    await dropped;
    expect(await enqueued).toEqual([{ id: first, created: false, state: 'ready' }]);
  });

  it('gives a repeated turn the reservation of the first', async () => {
    const ids = await driver.putMany(5);
    const [done] = (await store.workers.settleAndReserve(QUEUE, driver.turn('w1', { want: 1 }))).jobs;
    const dropped = proxy.dropReply(requestOf('settle-and-reserve'));
    const turn = driver.turn('w1', { want: 2, settlements: [driver.complete(done)] });
    const reserved = store.workers.settleAndReserve(QUEUE, turn);
    await dropped;
    const { jobs, lost } = await reserved;
    expect(lost).toEqual([]);
    expect(jobs.map(({ id }) => id)).toEqual(ids.slice(1, 3));
    await driver.expectCounts({ ready: 2, active: 2, completed: 1 });
    const ended = await store.workers.settleAndReserve(
      QUEUE,
      driver.turn('w1', { want: 0, settlements: jobs.map((job) => driver.complete(job)) }),
    );
    expect(ended.lost).toEqual([]);
  });

  const verbs: [string, () => Promise<unknown>][] = [
    ['cancel', () => store.curation.cancel(QUEUE, 'gone')],
    ['counts', () => store.curation.counts(QUEUE)],
    ['beat', () => store.workers.beat(QUEUE, 'w1', 8000)],
    ['reconcile', () => store.workers.reconcile(QUEUE, 'w1', [])],
    ['report', () => store.workers.report(QUEUE, [])],
    ['promote', () => store.duties.promote(QUEUE, 10)],
    ['reclaim', () => store.duties.reclaim(QUEUE, 8000)],
    ['trim', () => store.duties.trim(QUEUE, { completed: KEEP, cancelled: KEEP, dead: KEEP })],
    ['read', () => store.curation.read(QUEUE, ['gone'])],
    ['list', () => store.curation.list(QUEUE, 'ready', undefined, 10)],
    ['set-paused', () => store.curation.setPaused(QUEUE, false)],
    ['remove', () => store.curation.remove(QUEUE, 'gone')],
    ['purge', () => store.curation.purge(QUEUE, 'ready', 10)],
    ['due-schedules', () => store.timetable.due(QUEUE, 10)],
    ['register-schedule', () => store.timetable.register(QUEUE, rule(1))],
    ['announce-schedules', () => store.timetable.announce(QUEUE, 'shop', [rule(1)])],
    ['pause-schedule', () => store.timetable.pause(QUEUE, 's')],
    ['resume-schedule', () => store.timetable.resume(QUEUE, 's', 'h', { nextTick: 1 })],
    ['read-schedules', () => store.timetable.read(QUEUE, ['s'])],
    ['remove-schedule', () => store.timetable.remove(QUEUE, 's')],
    ['leave', () => store.workers.leave(QUEUE, 'w1')],
  ];

  it.each(verbs)('repeats %s', async (name, call) => {
    const dropped = proxy.dropReply(requestOf(name));
    const answered = call();
    await dropped;
    await answered;
  });

  it('fires a tick once', async () => {
    const tick = await seedDue(driver);
    const dropped = proxy.dropReply(requestOf('fire-schedules'));
    const fired = store.timetable.fire(QUEUE, [fireOf(driver, tick)]);
    await dropped;
    expect(await fired).toEqual(['stale']);
    await driver.expectCounts({ ready: 1 });
  });

  it('runs a schedule by hand once, and answers with the receipt of the first call', async () => {
    const tick = await seedDue(driver);
    const dropped = proxy.dropReply(requestOf('run-schedule'));
    const run = store.timetable.runNow(QUEUE, 'digest', 'h1', tickJob(driver, tick));
    await dropped;
    expect(await run).toMatchObject({ created: true, state: 'ready' });
    expect(await driver.store.timetable.history(QUEUE, 'digest', 10)).toHaveLength(1);
    await driver.expectCounts({ ready: 1 });
  });

  it('stores the log lines of a report once, and answers which runs are lost', async () => {
    const { id, token } = await driver.start('w1');
    const dropped = proxy.dropReply(requestOf('report'));
    const reported = store.workers.report(QUEUE, [
      { id, token, progress: '1', logs: ['one', 'two'] },
      { id: 'gone', token: 'w1:1', progress: undefined, logs: ['three'] },
    ]);
    await dropped;
    expect(await reported).toEqual({ lost: ['gone'] });
    expect(await driver.store.curation.logs(QUEUE, id)).toEqual(['one', 'two']);
  });

  describe('through QueueService and ScheduleService', () => {
    let queues: QueueService;
    let schedules: ScheduleService;
    const place = { queue: QUEUE };

    beforeEach(() => {
      queues = new QueueService(store, readModuleOptions({ connection: 'memory://' }), knownQueues([QUEUE]));
      schedules = new ScheduleService(queues, [], () => undefined);
    });

    afterEach(() => queues.endWaits());

    /** Makes a call and loses the replies to the first attempts at this script. */
    async function losing<T>(script: string, call: () => Promise<T>, replies = 1): Promise<T> {
      const seen = new Set<string>();
      let dropped = 0;
      let over = false;
      const isFirst = (bytes: string) => !over && requestOf(script)(bytes) && !seen.has(bytes) && !!seen.add(bytes);
      const dropping = (async () => {
        while (dropped < replies) {
          await proxy.dropReply(isFirst);
          dropped++;
        }
      })();
      const answer = await call();
      over = true;
      await dropping;
      return answer;
    }

    const upsert = () => schedules.upsert('digest', { queue: QUEUE, cron: '0 0 1 1 *', payload: 1 });

    it('answers cancel and remove as if nothing had happened', async () => {
      await driver.put({ userId: 'a' }, { userId: 'b' });
      const { id, token } = await driver.start('w1', { userId: 'c', priority: 9 });
      expect(await losing('cancel', () => queues.cancel(QUEUE, 'a'))).toBe('cancelled');
      expect(await losing('cancel', () => queues.cancel(QUEUE, 'a'))).toBe('finished');
      expect(await losing('cancel', () => queues.cancel(QUEUE, 'c'))).toBe('requested');
      await losing('remove', () => queues.remove(QUEUE, 'b'));
      await expect(losing('remove', () => queues.remove(QUEUE, 'b'))).rejects.toMatchObject({
        code: 'TASK_QUEUE_JOB_NOT_FOUND',
      });
      await driver.settle('w1', { op: 'cancel', id, token, keep: KEEP });
      await driver.expectCounts({ cancelled: 2 });
    });

    it('counts what a purge of several steps deleted', async () => {
      await driver.putMany(450);
      expect(await losing('purge', () => queues.purge(QUEUE, { state: 'ready' }), 3)).toBe(450);
      await driver.expectCounts({});
    });

    it('answers retry with the job, and retryAll with how many', async () => {
      const [id] = await driver.putEnded('dead', 1);
      const job = await losing('retry-dead', () => queues.retry(QUEUE, id));
      expect(job).toMatchObject({ number: id, state: 'ready' });
      await driver.store.curation.remove(QUEUE, id);
      await driver.putEnded('dead', 150, { ...KEEP, count: 1000 });
      expect(await losing('step-bulk', () => queues.retryAll(QUEUE), 2)).toBe(150);
      await driver.expectCounts({ ready: 150 });
    });

    it('does not pause a queue again that somebody else has resumed', async () => {
      const dropped = proxy.dropReply(requestOf('set-paused'));
      const paused = queues.pause(QUEUE);
      await dropped;
      await driver.store.curation.setPaused(QUEUE, false);
      await paused;
      expect(await driver.store.curation.isPaused(QUEUE)).toBe(false);
    });

    it('answers every verb of a schedule as if nothing had happened', async () => {
      expect((await losing('register-schedule', upsert)).name).toBe('digest');
      await losing('pause-schedule', () => schedules.pause('digest', place));
      await losing('resume-schedule', () => schedules.resume('digest', place));
      const job = await losing('run-schedule', () => schedules.runNow('digest', place));
      expect(job).toMatchObject({ created: true, state: 'ready' });
      await losing('remove-schedule', () => schedules.remove('digest', place));
      await expect(losing('remove-schedule', () => schedules.remove('digest', place))).rejects.toThrow(
        ScheduleNotFoundError,
      );
      await driver.expectCounts({ ready: 1 });
    });

    it('runs a schedule once, also where its rule was replaced before the call was repeated', async () => {
      await upsert();
      const dropped = proxy.dropReply(requestOf('run-schedule'));
      const run = schedules.runNow('digest', place);
      await dropped;
      const direct = new ScheduleService(queuesOn(driver), [], () => undefined);
      await direct.upsert('digest', { queue: QUEUE, cron: '0 0 2 1 *', payload: 2 });
      expect((await run).payload).toBe(1);
      await driver.expectCounts({ ready: 1 });
    });

    function queuesOn({ store: other }: RedisDriver): QueueService {
      return new QueueService(other, readModuleOptions({ connection: 'memory://' }), knownQueues([QUEUE]));
    }

    it('settles every write whose reply never comes, and says whether it may be repeated', async () => {
      await upsert();
      const [dead] = await driver.putEnded('dead', 1);
      await driver.putMany(2);
      const [one, two] = (await queues.jobs(QUEUE, { state: 'ready' })).jobs;
      proxy.hole(); // it is sent, and no more is known of it
      // Each about another thing: calls about one thing wait for each other.
      const next = { nextTick: 1 };
      const calls: [string, boolean, Promise<unknown>][] = [
        ['cancel', false, queues.cancel(QUEUE, one.id)],
        ['remove', false, queues.remove(QUEUE, two.id)],
        ['retry-dead', false, store.curation.retryDead(QUEUE, dead, driver.now(), driver.envelope())],
        ['run-schedule', false, store.timetable.runNow(QUEUE, 'a', 'h', tickJob(driver, 1))],
        ['set-limits', true, queues.setLimits(QUEUE, { concurrency: 1 })],
        ['set-paused', true, queues.pause(QUEUE)],
        ['pause-schedule', true, schedules.pause('b', place)],
        ['remove-schedule', true, schedules.remove('c', place)],
        ['resume-schedule', true, store.timetable.resume(QUEUE, 'd', 'h', next)],
        ['register-schedule', true, store.timetable.register(QUEUE, rule(1))],
        ['purge', true, store.curation.purge(QUEUE, 'ready', 1)],
      ];
      const others = [
        ...[queues.enqueue(QUEUE, 1), queues.enqueueMany(QUEUE, [{ payload: 1 }, { payload: 2 }])],
        ...[queues.purge(QUEUE, { state: 'ready' }), queues.retry(QUEUE, dead), queues.retryAll(QUEUE)],
        ...[upsert(), schedules.resume('digest', place), schedules.runNow('digest', place)],
        ...[
          one.refresh(),
          one.result({ timeout: '1s' }),
          one.logs(),
          queues.resume(QUEUE),
          queues.cancel(QUEUE, one.id),
        ],
      ];
      const outcomes = Promise.allSettled([...calls.map(([, , call]) => call), ...others]);
      await new Promise(setImmediate);
      proxy.refuse();
      const errors = (await outcomes).map((outcome) => (outcome as PromiseRejectedResult).reason as TaskQueueError);
      calls.forEach(([call, safeToRepeat], index) => {
        expect(errors[index]).toBeInstanceOf(CallOutcomeUnknownError);
        expect(errors[index]).toMatchObject({ queue: QUEUE, call, safeToRepeat });
      });
      for (const error of errors.slice(calls.length)) {
        expect(error).toBeInstanceOf(TaskQueueError);
        expect(error.code).toMatch(/BROKER_UNAVAILABLE|ENQUEUE_OUTCOME_UNKNOWN/);
      }
    });
  });

  it('settles every call on a socket that went silent, and goes on with another', async () => {
    proxy.hole();
    const receipts = await Promise.all([
      store.intake.enqueue(QUEUE, [driver.newJob()]),
      store.curation.counts(QUEUE),
      store.curation.isPaused(QUEUE),
      store.workers.settleAndReserve(QUEUE, driver.turn('w1', { want: 0 })),
    ]);
    expect(receipts[0]).toHaveLength(1);
    await driver.expectCounts({ ready: 1 });
    proxy.hole();
    expect(await store.intake.enqueue(QUEUE, [driver.newJob()])).toHaveLength(1);
  });

  it('ignores what a given-up socket delivers late', async () => {
    const late = proxy.hold();
    await store.intake.enqueue(QUEUE, [driver.newJob()]); // sent twice: once into the hold
    await store.intake.enqueue(QUEUE, [driver.newJob()]);
    await store.curation.purge(QUEUE, 'ready', 10);
    await late.deliver();
    await driver.expectCounts({});
    expect(await driver.list('ready')).toEqual([]);
  });

  it('reserves nothing for a turn that a given-up socket delivers late', async () => {
    await driver.putMany(4);
    await store.workers.settleAndReserve(QUEUE, driver.turn('w1', { want: 0 }));
    const late = proxy.hold();
    const first = await store.workers.settleAndReserve(QUEUE, driver.turn('w1', { want: 1 }));
    const second = await store.workers.settleAndReserve(QUEUE, driver.turn('w1', { want: 1 }));
    await late.deliver();
    expect([...first.jobs, ...second.jobs]).toHaveLength(2);
    await driver.expectCounts({ ready: 2, active: 2 });
  });

  describe('a call that rejects, and whose bytes a given-up socket delivers behind the next one', () => {
    /** The bytes of these calls stay on their way until `deliver`; no repetition reaches the server before they reject. */
    async function givenUp(...calls: (() => Promise<unknown>)[]): Promise<{ deliver: () => Promise<void> }> {
      const late = proxy.hold();
      const outcomes = Promise.allSettled(calls.map((call) => call()));
      await new Promise(setImmediate); // it is sent
      proxy.refuseNew();
      for (const outcome of await outcomes)
        expect(outcome).toMatchObject({ reason: expect.any(CallOutcomeUnknownError) });
      proxy.pass();
      return late;
    }

    const cases: [string, () => Promise<unknown>, () => Promise<unknown>][] = [
      ['a pause', () => store.curation.setPaused(QUEUE, true), () => store.curation.setPaused(QUEUE, false)],
      ['a pause of a schedule', () => store.timetable.pause(QUEUE, 'digest'), resumeDigest],
      ['an upsert', () => store.timetable.register(QUEUE, rule(5)), () => store.timetable.remove(QUEUE, 'digest')],
      ['a cancellation', () => store.curation.cancel(QUEUE, 'a'), removeAndPut],
      ['a removal', () => store.curation.remove(QUEUE, 'a'), removeAndPut],
    ];

    function resumeDigest() {
      return store.timetable.resume(QUEUE, 'digest', 'h1', { nextTick: 5 });
    }

    async function removeAndPut() {
      await store.curation.remove(QUEUE, 'a');
      await driver.putOne({ userId: 'a' });
    }

    it.each(cases)('changes nothing: %s', async (_name, first, next) => {
      await seedDue(driver);
      await store.timetable.register(QUEUE, rule(5, { name: 'other' })); // it has looked whose store this is
      await driver.putOne({ userId: 'a' });
      const late = await givenUp(() => store.curation.cancel(QUEUE, 'x'), first);
      // What is called meanwhile: other lanes are busy, too.
      const others = [store.curation.cancel(QUEUE, 'y'), store.curation.cancel(QUEUE, 'z')];
      await Promise.all([untilItWorks(next), ...others.map((other) => other.catch(() => {}))]);
      const before = await driver.contents();
      await late.deliver();
      expect(await driver.contents()).toEqual(before);
    });
  });

  it('waits out a slow server', async () => {
    proxy.delay(TIMEOUT_MS / 4);
    expect(await store.intake.enqueue(QUEUE, [driver.newJob()])).toHaveLength(1);
    await driver.expectCounts({ ready: 1 });
  });

  it('says that nothing was stored when Redis was away from the start', async () => {
    proxy.refuse();
    const calls = [
      store.intake.enqueue(QUEUE, [driver.newJob()]),
      store.intake.enqueue(QUEUE, [driver.newJob({ userId: 'a' })]),
    ];
    for (const call of calls) {
      // The first call may meet the old socket on its way down; the connection is refused from then on.
      const error = await call.catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: expect.stringMatching(/BROKER_UNAVAILABLE|OUTCOME_UNKNOWN/) });
    }
    await expect(store.intake.enqueue(QUEUE, [driver.newJob()])).rejects.toMatchObject({
      code: 'TASK_QUEUE_BROKER_UNAVAILABLE',
    });
    await expect(store.curation.counts(QUEUE)).rejects.toMatchObject({ code: 'TASK_QUEUE_BROKER_UNAVAILABLE' });
    await driver.expectCounts({});
    proxy.pass();
    expect(await untilItWorks(() => store.intake.enqueue(QUEUE, [driver.newJob()]))).toHaveLength(1);
  });

  it('settles a thousand calls together when Redis is away', async () => {
    proxy.refuse();
    await store.curation.counts(QUEUE).catch(() => {});
    const calls = Array.from({ length: 5000 }, () => store.intake.enqueue(QUEUE, [driver.newJob()]));
    const results = await Promise.allSettled(calls);
    expect(new Set(results.map((result) => (result.status === 'rejected' ? result.reason.code : 'stored')))).toEqual(
      new Set(['TASK_QUEUE_BROKER_UNAVAILABLE']),
    );
    await driver.expectCounts({});
  });

  it('never sends what waited behind others until its time was over', async () => {
    server.pause();
    const calls = Array.from({ length: 5000 }, () => store.intake.enqueue(QUEUE, [driver.newJob()]));
    const results = await Promise.allSettled(calls);
    server.resume();
    const codes = results.map((result) => (result.status === 'rejected' ? String(result.reason.code) : 'stored'));
    const open = codes.filter((code) => code === 'TASK_QUEUE_ENQUEUE_OUTCOME_UNKNOWN').length;
    const refused = codes.filter((code) => code === 'TASK_QUEUE_BROKER_UNAVAILABLE').length;
    expect(open + refused).toBe(5000);
    expect(refused).toBeGreaterThan(0);
    expect((await driver.store.curation.counts(QUEUE)).ready).toBeLessThanOrEqual(open);
  });

  describe('an enqueue whose reply never comes', () => {
    async function unknown(): Promise<EnqueueOutcomeUnknownError> {
      const dropped = proxy.dropReply(requestOf('enqueue'));
      const enqueued = store.intake
        .enqueue(QUEUE, [driver.newJob({ payload: '1' }), driver.newJob({ payload: '2' })])
        .catch((reason: unknown) => reason);
      await dropped;
      proxy.refuse();
      const error = await enqueued;
      expect(error).toBeInstanceOf(EnqueueOutcomeUnknownError);
      return error as EnqueueOutcomeUnknownError;
    }

    it('says so, with the ids that are stored, and a retry stores nothing twice', async () => {
      const error = await unknown();
      await driver.expectCounts({ ready: 2 });
      expect(await driver.list('ready')).toEqual(error.ids);
      // While Redis is away the outcome stays what it is: unknown.
      await expect(error.retry()).rejects.toBeInstanceOf(EnqueueOutcomeUnknownError);
      proxy.pass();
      const receipts = await untilItWorks(() => error.retry());
      expect(receipts).toEqual(error.ids.map((id) => ({ id, created: true, state: 'ready' })));
      expect(await error.retry()).toEqual(receipts);
      await driver.expectCounts({ ready: 2 });
    });

    it('is retried safely when the jobs are gone, and when others followed', async () => {
      const error = await unknown();
      await driver.store.curation.purge(QUEUE, 'ready', 10);
      proxy.pass();
      await untilItWorks(() => store.intake.enqueue(QUEUE, [driver.newJob()]));
      expect(await untilItWorks(() => error.retry())).toHaveLength(2);
      await driver.expectCounts({ ready: 1 });
    });
  });

  it('resynchronises listeners after a reconnect', async () => {
    const signals = new MessageLog<string>();
    const wakes = new MessageLog<string>();
    await store.notices.onSignal(QUEUE, ({ type }) => signals.listener(type));
    await store.workers.onWake('w1', wakes.listener);
    proxy.reset();
    expect(await signals.first(1)).toEqual(['resync']);
    expect(await wakes.first(1)).toEqual([QUEUE]);
    await driver.store.curation.setPaused(QUEUE, true);
    expect(await signals.first(2)).toEqual(['resync', 'paused']);
  });

  it('goes on after Redis was killed and came back, scripts and all', async () => {
    const { port } = server;
    await server.kill();
    const failed = await store.intake.enqueue(QUEUE, [driver.newJob()]).catch((reason: unknown) => reason);
    expect(failed).toMatchObject({ code: expect.stringMatching(/BROKER_UNAVAILABLE|OUTCOME_UNKNOWN/) });
    server = await startRedisServer({ port });
    await untilItWorks(() => driver.client.set(driver.clockKey, driver.now()));
    const [{ id }] = await untilItWorks(() => store.intake.enqueue(QUEUE, [driver.newJob()]));
    expect((await driver.store.curation.read(QUEUE, [id]))[0]?.state).toBe('ready');
  });
});

/** What a caller does: it asks again while the store is away. */
async function untilItWorks<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!/UNAVAILABLE|UNKNOWN|Connection is closed/.test(`${(error as { code?: string }).code} ${String(error)}`))
        throw error;
    }
  }
}
