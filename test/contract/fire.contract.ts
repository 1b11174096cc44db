import { describe, expect, it } from '@jest/globals';
import type { FireAnswer, ScheduledJob, ScheduleFire } from '../../src/core/ports/timetable.js';
import type { BrokerRefusedError } from '../../src/core/errors/store-errors.js';
import { KEEP, QUEUE, type StoreDriver } from './store-driver.js';
import { fireNext, fireOf, MINUTE, rule, seedDue, storedOf, tickJob } from './schedule-seeds.js';

/** Firing: what becomes of a tick. */
export function fireContract(use: () => StoreDriver): void {
  async function fire(tick: number, fields: Partial<ScheduleFire> = {}): Promise<FireAnswer | BrokerRefusedError> {
    return (await use().store.timetable.fire(QUEUE, [fireOf(use(), tick, fields)]))[0];
  }

  /** Reserves the job that is ready, and ends it. */
  async function end(how: 'complete' | 'bury'): Promise<void> {
    const driver = use();
    const { jobs } = await driver.reserve('w1');
    expect(jobs).toHaveLength(1);
    const { id, token } = jobs[0];
    const detail = '{"reason":"exhausted","message":"no"}';
    if (how === 'complete') await driver.settle('w1', driver.complete({ id, token }));
    else await driver.settle('w1', { op: 'bury', id, token, detail, envelope: undefined, keep: KEEP });
  }

  describe('what is due', () => {
    it('is chosen by the clock of the store, earliest first, with the time of the schedule that follows', async () => {
      const driver = use();
      const start = driver.now();
      for (const [name, after] of [
        ['c', 3000],
        ['a', 1000],
        ['b', 2000],
      ] as const) {
        await driver.store.timetable.register(QUEUE, rule(start + after, { name }));
      }
      const none = { now: start, due: [], nextLookAt: start + 1000 };
      expect(await driver.store.timetable.due(QUEUE, 10)).toEqual(none);
      await driver.advance(2000);
      expect(await driver.store.timetable.due(QUEUE, 10)).toEqual({
        now: start + 2000,
        due: [
          { name: 'a', specHash: 'h1', spec: '{"rule":"h1"}', tick: start + 1000, fired: 0 },
          { name: 'b', specHash: 'h1', spec: '{"rule":"h1"}', tick: start + 2000, fired: 0 },
        ],
        nextLookAt: start + 3000,
      });
      const page = await driver.store.timetable.due(QUEUE, 1);
      expect(page).toMatchObject({ due: [{ name: 'a' }], nextLookAt: start + 2000 });
    });

    it('is nothing in a queue without schedules', async () => {
      const driver = use();
      const none = { now: driver.now(), due: [], nextLookAt: undefined };
      expect(await driver.store.timetable.due(QUEUE, 10)).toEqual(none);
    });

    it('is a page of bounded size where specs are big', async () => {
      const driver = use();
      const spec = 'x'.repeat(200_000);
      const names = Array.from({ length: 8 }, (_, index) => `s${index}`);
      for (const name of names) await driver.store.timetable.register(QUEUE, rule(driver.now(), { name, spec }));
      const { now, due, nextLookAt } = await driver.store.timetable.due(QUEUE, 100);
      expect(due.length).toBeGreaterThan(0);
      if (due.length < names.length) expect(nextLookAt).toBe(now);
    });

    it('waits for the jitter of a tick', async () => {
      const driver = use();
      const tick = driver.now();
      await driver.store.timetable.register(QUEUE, rule(tick, { lookAt: tick + 500 }));
      expect(await driver.store.timetable.due(QUEUE, 10)).toMatchObject({ due: [], nextLookAt: tick + 500 });
      expect(await fire(tick)).toBe('early');
      await driver.advance(500);
      expect((await driver.store.timetable.due(QUEUE, 10)).due).toMatchObject([{ tick }]);
      expect(await fire(tick, { lookAt: tick + MINUTE + 300 })).toBe('fired');
      expect((await driver.store.timetable.due(QUEUE, 10)).nextLookAt).toBe(tick + MINUTE + 300);
      expect((await storedOf(driver)).nextTick).toBe(tick + MINUTE);
    });
  });

  describe('a tick', () => {
    it('becomes a job, and the schedule goes on to the next', async () => {
      const driver = use();
      const tick = driver.now() + MINUTE;
      await driver.store.timetable.register(QUEUE, rule(tick));
      await driver.advance(MINUTE + 5);
      expect(await fire(tick, { missed: 2 })).toBe('fired');
      const [stored] = await driver.store.curation.read(QUEUE, [`cron~digest~${tick}`]);
      expect(stored).toMatchObject({ state: 'ready', id: expect.stringMatching(/^[0-9a-z]{10}$/) });
      expect(await storedOf(driver)).toMatchObject({ nextTick: tick + MINUTE, lastTick: tick, fired: 1, skipped: 0 });
      expect(await driver.store.timetable.history(QUEUE, 'digest', 10)).toEqual([
        { tick, firedAt: driver.now(), missed: 2, jobId: stored?.id },
      ]);
      await driver.advance(MINUTE);
      expect((await driver.store.timetable.due(QUEUE, 10)).due).toMatchObject([{ tick: tick + MINUTE, fired: 1 }]);
      await driver.expectCounts({ ready: 1 });
    });

    it('is fired once, however many schedulers fire it', async () => {
      const driver = use();
      const other = await driver.fixture.connect();
      const tick = await seedDue(driver);
      const answers = await Promise.all(
        [driver.store, other, driver.store, other].map((store) => store.timetable.fire(QUEUE, [fireOf(driver, tick)])),
      );
      expect(answers.flat().sort()).toEqual(['fired', 'stale', 'stale', 'stale']);
      expect((await storedOf(driver)).fired).toBe(1);
      await driver.expectCounts({ ready: 1 });
    });

    it('is refused before it has come', async () => {
      const driver = use();
      const tick = driver.now() + 1;
      await driver.store.timetable.register(QUEUE, rule(tick));
      expect(await fire(tick)).toBe('early');
      await driver.expectCounts({});
      await driver.advance(1);
      expect(await fire(tick)).toBe('fired');
    });

    it.each([
      ['another tick', { tick: 1_700_000_000_000 }],
      ['another rule', { specHash: 'h0' }],
      ['another name', { name: 'nothing' }],
    ])('of %s than the stored one is refused', async (_, fields) => {
      const driver = use();
      const tick = await seedDue(driver);
      expect(await fire(tick, fields)).toBe('stale');
      await driver.expectCounts({});
      expect(await storedOf(driver)).toMatchObject({ nextTick: tick, lastTick: undefined });
    });

    it('is passed over without a job', async () => {
      const driver = use();
      const tick = await seedDue(driver);
      expect(await fire(tick, { jobs: [] })).toBe('fired');
      await driver.expectCounts({});
      expect(await storedOf(driver)).toMatchObject({
        ...{ nextTick: tick + MINUTE, lastTick: undefined, fired: 0, skipped: 1 },
      });
      expect(await driver.store.timetable.history(QUEUE, 'digest', 10)).toEqual([]);
    });

    it('gets no second job while its first is kept, and the schedule still goes on', async () => {
      const driver = use();
      const tick = driver.now();
      const id = await driver.putOne({ userId: `cron~digest~${tick}` });
      await driver.store.timetable.register(QUEUE, rule(tick));
      expect(await fire(tick)).toBe('fired');
      await driver.expectCounts({ ready: 1 });
      expect((await storedOf(driver)).nextTick).toBe(tick + MINUTE);
      expect(await driver.store.timetable.history(QUEUE, 'digest', 10)).toMatchObject([{ jobId: id }]);
    });

    it('gives its job a priority', async () => {
      const driver = use();
      await driver.putOne();
      const tick = await seedDue(driver);
      const job = tickJob(driver, tick, { priority: 3 });
      expect(await fire(tick, { jobs: [job] })).toBe('fired');
      expect((await driver.reserve('w1')).jobs[0].envelope).toBe(job.envelope);
    });

    it('may be the last', async () => {
      const driver = use();
      const tick = await seedDue(driver);
      expect(await fire(tick, { nextTick: undefined })).toBe('fired');
      expect(await driver.store.timetable.due(QUEUE, 10)).toMatchObject({ due: [], nextLookAt: undefined });
      expect(await fire(tick)).toBe('ended');
      expect(await storedOf(driver)).toMatchObject({ status: 'ended', nextTick: undefined, lastTick: tick });
      await driver.expectCounts({ ready: 1 });
    });

    it('fires while the queue is paused: the job waits', async () => {
      const driver = use();
      const tick = await seedDue(driver);
      await driver.store.curation.setPaused(QUEUE, true);
      expect(await fire(tick)).toBe('fired');
      expect((await driver.reserve('w1')).jobs).toEqual([]);
      await driver.expectCounts({ ready: 1 });
    });
  });

  describe('many', () => {
    it('fires are answered in order, each by itself', async () => {
      const driver = use();
      const tick = driver.now();
      const names = Array.from({ length: 120 }, (_, index) => `s${index}`);
      for (const name of names) await driver.store.timetable.register(QUEUE, rule(tick, { name }));
      const fires = [
        ...names.map((name) => fireOf(driver, tick, { name })),
        fireOf(driver, tick, { name: 's7' }),
        fireOf(driver, tick, { name: 'nothing' }),
        fireOf(driver, tick + MINUTE, { name: 's7' }),
      ];
      const answers = await driver.store.timetable.fire(QUEUE, fires);
      expect(answers.slice(0, 120)).toEqual(names.map(() => 'fired'));
      expect(answers.slice(120)).toEqual(['stale', 'stale', 'early']);
      expect(await driver.store.timetable.fire(QUEUE, [])).toEqual([]);
      await driver.expectCounts({ ready: 120 });
      const { jobs } = await driver.reserve('w1', 3);
      expect(jobs.map(({ envelope }) => /cron~\w+/.exec(envelope)?.[0])).toEqual(['cron~s0', 'cron~s1', 'cron~s2']);
    });

    it('ticks of one schedule twice in one call are fired once', async () => {
      const driver = use();
      const tick = await seedDue(driver);
      const one = fireOf(driver, tick, { nextTick: tick });
      const answers = await driver.store.timetable.fire(QUEUE, [one, one, one]);
      expect(answers).toEqual(['fired', 'fired', 'fired']); // the next tick is the same instant
      await driver.expectCounts({ ready: 1 });
      expect((await storedOf(driver)).fired).toBe(3);
    });

    it('jobs of one fire come oldest first, and the history keeps the ten newest', async () => {
      const driver = use();
      const tick = await seedDue(driver);
      await driver.advance(20 * MINUTE);
      const ticks = Array.from({ length: 12 }, (_, index) => tick + index * MINUTE);
      const jobs = ticks.map((each) => tickJob(driver, each));
      expect(await fire(tick, { jobs, missed: 5, nextTick: tick + 30 * MINUTE })).toBe('fired');
      const history = await driver.store.timetable.history(QUEUE, 'digest', 10);
      expect(history.map((run) => run.tick)).toEqual(ticks.slice(2).reverse());
      expect(history.map(({ missed }) => missed)).toEqual([5, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
      expect(await driver.store.timetable.history(QUEUE, 'digest', 3)).toEqual(history.slice(0, 3));
      expect(await storedOf(driver)).toMatchObject({ fired: 12, lastTick: ticks[11] });
      const reserved = (await driver.reserve('w1', 12)).jobs;
      expect(reserved.map(({ envelope }) => envelope)).toEqual(jobs.map(({ envelope }) => envelope));
      expect(history[0].jobId).toBe(reserved[11].id);
    });
  });

  describe('overlap', () => {
    it.each(['skip', 'queue-one'] as const)('%s enqueues only the newest of several jobs', async (overlap) => {
      const driver = use();
      const tick = await seedDue(driver);
      const jobs = [tick - 2 * MINUTE, tick - MINUTE, tick].map((each) => tickJob(driver, each));
      expect(await fire(tick, { jobs, overlap, missed: 4 })).toBe('fired');
      await driver.expectCounts({ ready: 1 });
      const [run] = await driver.store.timetable.history(QUEUE, 'digest', 10);
      expect(run).toMatchObject({ tick, missed: 6 });
      expect((await storedOf(driver)).fired).toBe(1);
    });

    it.each([
      ['is ready', async () => {}],
      ['runs', async (driver: StoreDriver) => void (await driver.reserve('w1'))],
      [
        'waits for a retry',
        async (driver: StoreDriver) => {
          const { jobs } = await driver.reserve('w1');
          const { id, token, envelope } = jobs[0];
          await driver.settle('w1', { op: 'retry', id, token, envelope, delayMs: 60 * MINUTE });
        },
      ],
    ])('skip passes a tick over while the last job %s', async (_, act) => {
      const driver = use();
      const tick = await seedDue(driver);
      await fireNext(driver, { overlap: 'skip' });
      await act(driver);
      await driver.advance(MINUTE);
      expect(await fireNext(driver, { overlap: 'skip' })).toBe('overlapped');
      expect(await storedOf(driver)).toMatchObject({
        nextTick: tick + 2 * MINUTE,
        lastTick: tick,
        fired: 1,
        skipped: 1,
      });
      expect(await driver.store.timetable.history(QUEUE, 'digest', 10)).toHaveLength(1);
    });

    it('skip goes on once the last job has settled, or is gone', async () => {
      const driver = use();
      await seedDue(driver);
      await fireNext(driver, { overlap: 'skip' });
      await end('bury');
      await driver.advance(MINUTE);
      expect(await fireNext(driver, { overlap: 'skip' })).toBe('fired');
      const [{ jobId }] = await driver.store.timetable.history(QUEUE, 'digest', 1);
      await driver.store.curation.remove(QUEUE, jobId);
      await driver.advance(MINUTE);
      expect(await fireNext(driver, { overlap: 'skip' })).toBe('fired');
      await end('complete');
      await driver.advance(MINUTE);
      expect(await fireNext(driver, { overlap: 'skip' })).toBe('fired');
    });

    it('queue-one holds the tick, looks at it every second, and fires when the last job has settled', async () => {
      const driver = use();
      const tick = await seedDue(driver);
      await fireNext(driver, { overlap: 'queue-one' });
      await driver.advance(MINUTE);
      expect(await fireNext(driver, { overlap: 'queue-one' })).toBe('held');
      expect(await storedOf(driver)).toMatchObject({ nextTick: tick + MINUTE, fired: 1, skipped: 0 });
      const { due, nextLookAt } = await driver.store.timetable.due(QUEUE, 10);
      expect({ due, nextLookAt }).toEqual({ due: [], nextLookAt: driver.now() + 1000 });
      expect(await fireNext(driver, { overlap: 'queue-one' })).toBe('early');
      await driver.advance(1000);
      expect(await fireNext(driver, { overlap: 'queue-one' })).toBe('held');
      await end('complete');
      await driver.advance(1000);
      expect((await driver.store.timetable.due(QUEUE, 10)).due).toMatchObject([{ tick: tick + MINUTE }]);
      expect(await fireNext(driver, { overlap: 'queue-one', missed: 1 })).toBe('fired');
      expect((await storedOf(driver)).nextTick).toBe(tick + 2 * MINUTE);
      await driver.expectCounts({ ready: 1, completed: 1 });
    });

    it('waits for the job of a rule that was replaced, too', async () => {
      const driver = use();
      await seedDue(driver);
      await fireNext(driver, { overlap: 'skip' });
      await driver.store.timetable.register(QUEUE, rule(driver.now() + 5, { specHash: 'h2' }));
      await driver.advance(5);
      expect(await fireNext(driver, { specHash: 'h2', overlap: 'skip' })).toBe('overlapped');
    });

    it('passes over without a job, whatever still runs', async () => {
      const driver = use();
      await seedDue(driver);
      await fireNext(driver, { overlap: 'queue-one' });
      await driver.advance(MINUTE);
      expect(await fireNext(driver, { overlap: 'queue-one', jobs: [] })).toBe('fired');
    });
  });

  describe('pausing on failure', () => {
    const careful = { pauseOnFailure: true };

    it('pauses at the tick after a run that died, until it is resumed', async () => {
      const driver = use();
      const { store } = driver;
      const tick = await seedDue(driver);
      expect(await fireNext(driver, careful)).toBe('fired');
      await end('bury');
      await driver.advance(MINUTE);
      expect(await fireNext(driver, careful)).toBe('paused');
      expect(await storedOf(driver)).toMatchObject({ status: 'paused', pauseReason: 'failure', nextTick: undefined });
      expect(await fire(tick + MINUTE, careful)).toBe('paused');
      expect((await store.timetable.due(QUEUE, 10)).nextLookAt).toBeUndefined();
      expect(await store.timetable.register(QUEUE, rule(tick, { specHash: 'h2' }))).toBe('replaced');
      expect((await storedOf(driver)).pauseReason).toBe('failure');
      expect(await store.timetable.resume(QUEUE, 'digest', 'h2', { nextTick: driver.now() })).toBe('resumed');
      expect(await fireNext(driver, { ...careful, specHash: 'h2' })).toBe('fired');
      await driver.advance(MINUTE);
      expect(await fireNext(driver, { ...careful, specHash: 'h2' })).toBe('fired');
      await driver.expectCounts({ ready: 2, dead: 1 });
    });

    it('looks at the last runs, not only at the last one', async () => {
      const driver = use();
      await seedDue(driver);
      await fireNext(driver, careful);
      await driver.advance(MINUTE);
      await fireNext(driver, careful);
      await driver.advance(MINUTE);
      await end('bury');
      await end('complete');
      expect(await fireNext(driver, careful)).toBe('paused');
    });

    it('goes on where a run died and nobody asked for it', async () => {
      const driver = use();
      await seedDue(driver);
      await fireNext(driver);
      await end('bury');
      await driver.advance(MINUTE);
      expect(await fireNext(driver)).toBe('fired');
    });
  });

  describe('a limit', () => {
    it('ends the schedule with its last job', async () => {
      const driver = use();
      const tick = await seedDue(driver);
      expect(await fireNext(driver, { limit: 2 })).toBe('fired');
      await driver.advance(MINUTE);
      expect(await fireNext(driver, { limit: 2, jobs: [] })).toBe('fired');
      await driver.advance(MINUTE);
      expect(await fireNext(driver, { limit: 2 })).toBe('fired');
      expect(await storedOf(driver)).toMatchObject({ status: 'ended', nextTick: undefined, fired: 2, skipped: 1 });
      expect(await fire(tick + 3 * MINUTE, { limit: 2 })).toBe('ended');
      expect((await driver.store.timetable.due(QUEUE, 10)).nextLookAt).toBeUndefined();
      await driver.expectCounts({ ready: 2 });
    });

    it('cuts the jobs of one fire', async () => {
      const driver = use();
      const tick = await seedDue(driver);
      const jobs = [tick - 2 * MINUTE, tick - MINUTE, tick].map((each) => tickJob(driver, each));
      expect(await fire(tick, { jobs, limit: 2 })).toBe('fired');
      await driver.expectCounts({ ready: 2 });
      expect(await storedOf(driver)).toMatchObject({ status: 'ended', fired: 2, lastTick: tick - MINUTE });
    });

    it('that was reached before ends it without a job', async () => {
      const driver = use();
      await seedDue(driver);
      await fireNext(driver);
      await driver.advance(MINUTE);
      expect(await fireNext(driver, { limit: 1 })).toBe('ended');
      expect((await storedOf(driver)).status).toBe('ended');
      await driver.expectCounts({ ready: 1 });
    });
  });

  describe('a unique key', () => {
    const KEY = 'digest one';
    const HOLDER = { uniqueKey: KEY, name: 'digest' };

    /** Fires the stored tick, with a job of the key. */
    function fireUnique(fields: Partial<ScheduleFire> = {}, job: Partial<ScheduledJob> = {}) {
      const driver = use();
      return storedOf(driver).then(({ nextTick = 0 }) =>
        fire(nextTick, { jobs: [tickJob(driver, nextTick, { uniqueKey: KEY, ...job })], ...fields }),
      );
    }

    it.each(['allow', 'skip', 'queue-one'] as const)(
      'that an enqueued job holds: the tick is passed over with overlap %s, and the next one comes as usual',
      async (overlap) => {
        const driver = use();
        const holder = await driver.putOne(HOLDER);
        const tick = await seedDue(driver);
        expect(await fireUnique({ overlap })).toBe('overlapped');
        expect(await storedOf(driver)).toMatchObject({
          ...{ status: 'active', nextTick: tick + MINUTE, lastTick: undefined, fired: 0, skipped: 1 },
        });
        expect(await driver.store.timetable.history(QUEUE, 'digest', 10)).toEqual([]);
        expect((await driver.store.timetable.due(QUEUE, 10)).nextLookAt).toBe(tick + MINUTE);
        await driver.expectCounts({ ready: 1 });
        expect((await driver.reserve('w1')).jobs).toMatchObject([{ id: holder }]);

        await driver.advance(MINUTE);
        expect(await fireUnique({ overlap })).toBe('overlapped');
        expect(await driver.store.curation.cancel(QUEUE, holder)).toBe('requested');
        await driver.advance(MINUTE);
        expect(await fireUnique({ overlap })).toBe('overlapped');
        expect(await storedOf(driver)).toMatchObject({ nextTick: tick + 3 * MINUTE, fired: 0, skipped: 3 });
      },
    );

    it('is free once its job has ended: the tick gets a job, which holds the key', async () => {
      const driver = use();
      await seedDue(driver);
      const holder = await driver.putOne(HOLDER);
      expect(await driver.store.curation.remove(QUEUE, holder)).toBe('removed');
      expect(await fireUnique()).toBe('fired');
      const [{ jobId }] = await driver.store.timetable.history(QUEUE, 'digest', 1);
      const [again] = await driver.store.intake.enqueue(QUEUE, [driver.newJob(HOLDER)]);
      expect(again).toMatchObject({ id: jobId, created: false, conflict: 'kept' });
      await driver.advance(MINUTE);
      expect(await fireUnique()).toBe('overlapped');
      await end('bury');
      await driver.advance(MINUTE);
      expect(await fireUnique()).toBe('fired');
      await end('complete');
      await driver.advance(MINUTE);
      expect(await fireUnique()).toBe('fired');
      expect(await storedOf(driver)).toMatchObject({ fired: 3, skipped: 1 });
    });

    it('that is free while its job runs lets one more tick wait behind it', async () => {
      const driver = use();
      await seedDue(driver);
      const free = { freeWhileRunning: true };
      expect(await fireUnique({}, free)).toBe('fired');
      await driver.reserve('w1');
      await driver.advance(MINUTE);
      expect(await fireUnique({}, free)).toBe('fired');
      await driver.advance(MINUTE);
      expect(await fireUnique({}, free)).toBe('overlapped');
      await driver.expectCounts({ active: 1, ready: 1 });
    });

    it('of several jobs in one fire goes to the first', async () => {
      const driver = use();
      const tick = await seedDue(driver);
      const jobs = [tick - MINUTE, tick].map((each) => tickJob(driver, each, { uniqueKey: KEY }));
      expect(await fire(tick, { jobs, missed: 3, limit: 2 })).toBe('fired');
      await driver.expectCounts({ ready: 1 });
      expect(await driver.store.timetable.history(QUEUE, 'digest', 10)).toMatchObject([{ tick: tick - MINUTE }]);
      expect(await storedOf(driver)).toMatchObject({ status: 'active', lastTick: tick - MINUTE, fired: 1, skipped: 0 });
    });

    it('of two schedules that come together gives one of them a job', async () => {
      const driver = use();
      const tick = await seedDue(driver);
      await driver.store.timetable.register(QUEUE, rule(tick, { name: 'other' }));
      const fires = ['digest', 'other'].map((name) =>
        fireOf(driver, tick, { name, jobs: [tickJob(driver, tick, { name, uniqueKey: KEY })] }),
      );
      expect(await driver.store.timetable.fire(QUEUE, fires)).toEqual(['fired', 'overlapped']);
      expect(await storedOf(driver, 'other')).toMatchObject({ nextTick: tick + MINUTE, fired: 0, skipped: 1 });
      await driver.expectCounts({ ready: 1 });
    });

    it('that is held takes nothing from a limit, and lets the last tick end the schedule', async () => {
      const driver = use();
      const holder = await driver.putOne(HOLDER);
      await seedDue(driver);
      expect(await fireUnique({ limit: 1 })).toBe('overlapped');
      await driver.store.curation.remove(QUEUE, holder);
      await driver.putOne(HOLDER);
      await driver.advance(MINUTE);
      expect(await fireUnique({ limit: 1, nextTick: undefined })).toBe('overlapped');
      expect(await storedOf(driver)).toMatchObject({ status: 'ended', fired: 0, skipped: 2 });
      expect((await driver.store.timetable.due(QUEUE, 10)).nextLookAt).toBeUndefined();
    });

    it('does not matter to a tick that has its job', async () => {
      const driver = use();
      const tick = await seedDue(driver);
      const id = await driver.putOne({ userId: `cron~digest~${tick}` });
      await driver.putOne(HOLDER);
      expect(await fireUnique()).toBe('fired');
      expect(await driver.store.timetable.history(QUEUE, 'digest', 10)).toMatchObject([{ jobId: id }]);
      await driver.expectCounts({ ready: 2 });
    });

    it('that is held answers a run by hand with the job that holds it', async () => {
      const driver = use();
      const { store } = driver;
      const tick = await seedDue(driver);
      const holder = await driver.start('w1', HOLDER);
      const job = tickJob(driver, tick, { userId: 'cron~digest~now', uniqueKey: KEY });
      const runNow = () => store.timetable.runNow(QUEUE, 'digest', 'h1', job);
      expect(await runNow()).toMatchObject({ id: holder.id, created: false, state: 'active', conflict: 'kept' });
      expect(await store.timetable.history(QUEUE, 'digest', 10)).toEqual([]);
      await driver.expectCounts({ active: 1 });
      await driver.settle('w1', driver.complete(holder));
      const receipt = await runNow();
      expect(receipt).toMatchObject({ created: true, state: 'ready' });
      expect(await runNow()).toMatchObject({ ...(receipt as object), created: false });
      expect(await fireUnique()).toBe('overlapped');
    });
  });

  describe('running one now', () => {
    it('enqueues a job beside the ticks, also while it is paused', async () => {
      const driver = use();
      const { store } = driver;
      const tick = await seedDue(driver);
      await store.timetable.pause(QUEUE, 'digest');
      const job = { ...tickJob(driver, tick + 5), userId: 'cron~digest~now' };
      const receipt = await store.timetable.runNow(QUEUE, 'digest', 'h1', job);
      expect(receipt).toEqual({ id: expect.stringMatching(/^[0-9a-z]{10}$/), created: true, state: 'ready' });
      expect(await storedOf(driver)).toMatchObject({ status: 'paused', fired: 0, lastTick: undefined });
      const { id } = receipt as { id: string };
      const run = { tick: tick + 5, firedAt: driver.now(), missed: 0, jobId: id };
      expect(await store.timetable.history(QUEUE, 'digest', 10)).toEqual([run]);
      expect(await store.timetable.runNow(QUEUE, 'digest', 'h1', job)).toMatchObject({
        id,
        created: false,
        state: 'ready',
      });
      expect(await store.timetable.history(QUEUE, 'digest', 10)).toEqual([run]);
      await driver.expectCounts({ ready: 1 });
    });

    it('answers "changed" for another rule, and "not-found" where there is none', async () => {
      const driver = use();
      const { store } = driver;
      const job = tickJob(driver, 1);
      expect(await store.timetable.runNow(QUEUE, 'digest', 'h1', job)).toBe('not-found');
      await seedDue(driver);
      expect(await store.timetable.runNow(QUEUE, 'digest', 'h2', job)).toBe('changed');
      await driver.expectCounts({});
    });

    it('counts for overlap beside the job that ran before', async () => {
      const driver = use();
      const { store } = driver;
      const tick = await seedDue(driver);
      await fireNext(driver, { overlap: 'skip' });
      await driver.reserve('slow');
      const extra = { ...tickJob(driver, tick), userId: 'cron~digest~now' };
      await store.timetable.runNow(QUEUE, 'digest', 'h1', extra);
      await end('complete');
      await driver.advance(MINUTE);
      expect(await fireNext(driver, { overlap: 'skip' })).toBe('overlapped');
    });

    it('has a priority, and wakes an idle worker', async () => {
      const driver = use();
      await seedDue(driver);
      await driver.putOne();
      const job = tickJob(driver, driver.now(), { priority: 4 });
      await driver.store.timetable.runNow(QUEUE, 'digest', 'h1', job);
      expect((await driver.reserve('w1')).jobs[0].envelope).toBe(job.envelope);
      await driver.reserve('w1');
      const log = await driver.wakesOf('w1');
      await driver.reserve('w1');
      await driver.store.timetable.runNow(QUEUE, 'digest', 'h1', { ...job, userId: 'another' });
      expect(await log.first(1)).toEqual([QUEUE]);
    });
  });
}
