import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Bulks } from '../../src/core/ports/bulks.js';
import type { Connection } from '../../src/core/ports/connection.js';
import type { Store } from '../../src/core/ports/store.js';
import { UNTIL_WOKEN } from '../../src/duties/periodic-loop.js';
import { BulkExecutor, LEASE_MS } from '../../src/inspector/bulk/bulk-executor.js';
import type { BulkRequest } from '../../src/inspector/bulk/bulk-request.js';
import { readModuleOptions } from '../../src/options/options-reader.js';
import { QueueService } from '../../src/queue/queue.service.js';
import { knownQueues } from '../support/known-queues.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { memoryKind, redisKind } from '../support/stores.js';
import { KEEP, QUEUE, StoreDriver, type Seed } from './store-driver.js';

const GOES_ON = () => false;

describe.each([memoryKind, redisKind])('The executor of bulk operations on $name', ({ openStore }) => {
  let driver: StoreDriver;
  let logger: RecordingLogger;

  beforeEach(async () => {
    driver = new StoreDriver(await openStore());
    logger = new RecordingLogger();
  });

  afterEach(() => driver.fixture.close());

  /** @param changed verbs of the port that do something else on the way */
  function executor(id: string, changed: Partial<Bulks> = {}): BulkExecutor {
    const bulks = Object.assign(Object.create(driver.store.bulks) as Bulks, changed);
    // On Redis a process guesses what time it is between two replies: here it knows.
    const connection = Object.create(driver.store.connection, { now: { value: () => driver.now() } }) as Connection;
    const store = Object.create(driver.store, { bulks: { value: bulks }, connection: { value: connection } }) as Store;
    const service = new QueueService(store, readModuleOptions({ connection: 'memory://' }), knownQueues([QUEUE]));
    return new BulkExecutor(service.scopeOf(QUEUE), id, logger);
  }

  async function start(request: BulkRequest, id = 'b1', executorId = 'e1'): Promise<void> {
    const lease = { executor: executorId, leaseMs: LEASE_MS };
    expect(await driver.store.bulks.start(QUEUE, id, JSON.stringify(request), lease)).toBe('started');
  }

  const stateOf = async (id = 'b1') => (await driver.store.bulks.read(QUEUE, id))[0];

  /** Turns until nothing is to be done at once: a turn ends early on a slow machine. @returns the delay before the next, ms */
  async function workOut(one: BulkExecutor): Promise<number> {
    for (;;) {
      const delayMs = await one.work(GOES_ON);
      if (delayMs > 0) return delayMs;
    }
  }

  async function bury(count: number): Promise<void> {
    const { jobs } = await driver.reserve('burier', count);
    expect(jobs).toHaveLength(count);
    const detail = '{"reason":"exhausted","message":"no"}';
    const ends = jobs.map(({ id, token }) => ({
      ...{ op: 'bury' as const, id, token, detail, envelope: undefined, keep: { ...KEEP, count: 1000 } },
    }));
    await driver.settle('burier', ...ends);
  }

  async function putDead(count: number, seed: Seed = {}): Promise<string[]> {
    const ids = await driver.putMany(count, seed);
    await bury(count);
    return ids;
  }

  it('goes through all pages, and sleeps until it is woken', async () => {
    await putDead(130, { name: 'send' });
    await putDead(700, { name: 'other' });
    await start({ where: 'name:send', action: 'retry' });
    expect(await workOut(executor('e1'))).toBe(UNTIL_WOKEN);
    expect(await stateOf()).toMatchObject({ state: 'done', looked: 830, matched: 130, done: 130, skipped: 0 });
    await driver.expectCounts({ ready: 130, dead: 700 });
  });

  it('means jobs that were there when it was started, as they were then', async () => {
    await putDead(60);
    await driver.put({}, { delayMs: 500 });
    await start({ where: '', action: 'retry' });
    await start({ where: '', action: 'cancel' }, 'b2');
    await driver.advance(10);
    await driver.put({ name: 'late' });
    const { jobs } = await driver.reserve('w1', 1); // the ready one dies after the start
    await driver.settle('w1', { op: 'bury', ...jobs[0], detail: '{}', envelope: undefined, keep: KEEP });
    await workOut(executor('e1'));
    expect(await stateOf('b1')).toMatchObject({ state: 'done', matched: 60, done: 60 });
    // Of those that were not dead then, one is scheduled; and the retried ones were there, too.
    await driver.expectCounts({ cancelled: 61, ready: 1, dead: 1 });
  });

  it.each([
    ['cancel', 'active'],
    ['remove', 'completed'],
    ['remove', 'parked'],
    ['promote', 'scheduled'],
  ] as const)('does "%s" to more jobs that are %s than fit into a step', async (action, state) => {
    const count = 120;
    await driver.putMany(count, state === 'scheduled' ? { delayMs: 60_000 } : { name: 'x' });
    if (state !== 'scheduled') {
      const { jobs } = await driver.reserve('w1', count);
      if (state === 'completed') {
        const keep = { ...KEEP, count: 1000 };
        await driver.settle('w1', ...jobs.map((job) => driver.complete(job, '1', keep)));
      }
      if (state === 'parked') {
        await driver.settle('w1', ...jobs.map(({ id, token }) => ({ op: 'park' as const, id, token, name: 'x' })));
      }
    }
    await driver.expectCounts({ [state]: count });
    // A worker says when a job completed, by its guess of the time of the store.
    await driver.advance(1000);
    await start({ where: `state:${state}`, action });
    await workOut(executor('e1'));
    const ended = await stateOf();
    expect(ended).toMatchObject({ state: 'done', done: count });
    // An active job may be met twice.
    expect(ended.matched - ended.skipped).toBe(count);
    await driver.expectCounts({ cancel: { active: count }, remove: {}, promote: { ready: count } }[action]);
  });

  it('keeps a rate', async () => {
    await putDead(100);
    await start({ where: '', action: 'retry', rate: 2 });
    const own = executor('e1');
    expect(await workOut(own)).toBe(500);
    expect(await stateOf()).toMatchObject({ done: 1 });
    await driver.advance(300);
    expect(await workOut(own)).toBe(200);
    expect(await stateOf()).toMatchObject({ done: 1 });
    for (let step = 0; step < 10; step++) {
      await driver.advance(600);
      await workOut(own);
    }
    expect(await stateOf()).toMatchObject({ done: 11 });
    await driver.store.bulks.cancel(QUEUE, 'b1');
    await start({ where: '', action: 'retry', rate: 40 }, 'b2');
    expect(await workOut(own)).toBe(250);
    expect(await stateOf('b2')).toMatchObject({ done: 10 });
  });

  it('goes on with an operation whose executor is gone, once its lease is over', async () => {
    await putDead(20);
    await start({ where: '', action: 'retry', rate: 4 });
    await workOut(executor('e1'));
    const second = executor('e2');
    const delayMs = await workOut(second);
    expect(delayMs).toBeGreaterThanOrEqual(LEASE_MS);
    expect(delayMs).toBeLessThan(LEASE_MS + 1000);
    await driver.advance(LEASE_MS + 1);
    await workOut(second);
    expect(await stateOf()).toMatchObject({ executor: 'e2', done: 2 });
  });

  it('does nothing more by a lease that it has lost, so that each job is met once', async () => {
    await putDead(180);
    await start({ where: '', action: 'remove' });
    let steps = 0;
    const other = executor('e2');
    const late = executor('e1', {
      async step(queue, step) {
        if (++steps === 2) {
          // It stood still here for longer than its lease.
          await driver.advance(LEASE_MS + 1);
          await workOut(other);
        }
        return driver.store.bulks.step(queue, step);
      },
    });
    expect(await workOut(late)).toBe(UNTIL_WOKEN);
    expect(steps).toBe(2);
    expect(await stateOf()).toMatchObject({ state: 'done', looked: 180, matched: 180, done: 180, skipped: 0 });
  });

  it('goes on where the store says, after a step whose reply was lost', async () => {
    await putDead(120);
    await start({ where: '', action: 'retry' });
    let isLost = true;
    const own = executor('e1', {
      async step(queue, step) {
        const answer = await driver.store.bulks.step(queue, step);
        if (isLost) throw new Error('no reply');
        return answer;
      },
    });
    await expect(workOut(own)).rejects.toThrow('no reply');
    isLost = false;
    await workOut(own);
    expect(await stateOf()).toMatchObject({ state: 'done', looked: 120, matched: 120, done: 120, skipped: 0 });
  });

  it('does no further step of an operation that was cancelled', async () => {
    await putDead(120);
    await start({ where: '', action: 'retry' });
    let steps = 0;
    const own = executor('e1', {
      async step(queue, step) {
        if (++steps === 2) await driver.store.bulks.cancel(queue, 'b1');
        return driver.store.bulks.step(queue, step);
      },
    });
    expect(await workOut(own)).toBe(UNTIL_WOKEN);
    expect(await stateOf()).toMatchObject({ state: 'cancelled', done: 50 });
    await driver.expectCounts({ ready: 50, dead: 70 });
  });

  it('begins nothing while it stops, and lets others go on at once', async () => {
    await putDead(20);
    await start({ where: '', action: 'retry', rate: 4 });
    const own = executor('e1');
    await own.work(() => true);
    expect(await stateOf()).toMatchObject({ done: 0, executor: 'e1' });
    await own.release();
    await driver.advance(1);
    await workOut(executor('e2'));
    expect(await stateOf()).toMatchObject({ done: 1, executor: 'e2' });
  });

  it('has several operations take turns', async () => {
    await putDead(120, { name: 'a' });
    await putDead(120, { name: 'b' });
    await start({ where: 'name:a', action: 'remove' }, 'b1');
    await start({ where: 'name:b', action: 'remove' }, 'b2');
    const ids: string[] = [];
    const own = executor('e1', {
      step(queue, step) {
        ids.push(step.id);
        return driver.store.bulks.step(queue, step);
      },
    });
    await workOut(own);
    expect(new Set(ids.slice(0, 2))).toEqual(new Set(['b1', 'b2']));
    expect([await stateOf('b1'), await stateOf('b2')]).toMatchObject([
      { state: 'done', done: 120 },
      { state: 'done', done: 120 },
    ]);
  });

  it('counts as skipped what cannot be retried: another job holds its unique key', async () => {
    await driver.putEnded('dead', 3, KEEP, { uniqueKey: 'x 1' });
    await start({ where: '', action: 'retry' });
    await workOut(executor('e1'));
    expect(await stateOf()).toMatchObject({ state: 'done', matched: 3, done: 1, skipped: 2 });
  });

  describe('with stopIf', () => {
    const stopIf = { failures: 0.25, after: 8 };

    it('has no more than a hundred jobs without an outcome, and goes on as outcomes become known', async () => {
      await putDead(150);
      await start({ where: '', action: 'retry', stopIf });
      const own = executor('e1');
      expect(await workOut(own)).toBe(250);
      expect(await stateOf()).toMatchObject({ state: 'running', done: 100, known: 0 });
      const { jobs } = await driver.reserve('w1', 20);
      await driver.settle('w1', ...jobs.map((job) => driver.complete(job)));
      // A look reads fifty: those that were looked at longest ago.
      for (let look = 0; look < 2; look++) {
        await driver.advance(400);
        await workOut(own);
      }
      expect(await stateOf()).toMatchObject({ state: 'running', done: 120, known: 20, failed: 0 });
      expect((await stateOf()).watched).toHaveLength(100);
    });

    it('stops once more than the share failed again, be it in one run or for good', async () => {
      await putDead(150);
      await start({ where: '', action: 'retry', stopIf });
      const own = executor('e1');
      await workOut(own);
      const { jobs } = await driver.reserve('w1', 9);
      const [dies, retries, ...others] = jobs;
      const envelope = driver.envelope().replace('\n', ' {"a":2}\n');
      const keep = KEEP;
      await driver.settle('w1', { op: 'bury', ...dies, detail: '{}', envelope: undefined, keep });
      await driver.settle('w1', { op: 'retry', id: retries.id, token: retries.token, delayMs: 60_000, envelope });
      await driver.settle('w1', ...others.slice(0, 6).map((job) => driver.complete(job)));
      for (let look = 0; look < 2; look++) {
        await driver.advance(400);
        await workOut(own);
      }
      // Two of eight are a quarter, which is accepted.
      expect(await stateOf()).toMatchObject({ state: 'running', known: 8, failed: 2 });
      await driver.settle('w1', { op: 'bury', ...others[6], detail: '{}', envelope: undefined, keep });
      for (let look = 0; look < 3; look++) {
        await driver.advance(400);
        await workOut(own);
      }
      const stopped = await stateOf();
      expect(stopped).toMatchObject({ state: 'stopped', known: 9, failed: 3 });
      expect(stopped.done).toBeLessThan(150);
    });

    it('follows outcomes on behalf of an executor that is gone', async () => {
      await putDead(150);
      await start({ where: '', action: 'retry', stopIf: { failures: 0, after: 1 } });
      await workOut(executor('e1'));
      await bury(1);
      await driver.advance(LEASE_MS + 1);
      const second = executor('e2');
      for (let look = 0; look < 3 && (await stateOf()).state === 'running'; look++) {
        await workOut(second);
        await driver.advance(250);
      }
      expect(await stateOf()).toMatchObject({ state: 'stopped', known: 1, failed: 1 });
    });
  });

  it('leaves to others what it cannot read, and says so once', async () => {
    await start({ where: '', action: 'paint' as never });
    const own = executor('e1');
    expect(await workOut(own)).toBe(UNTIL_WOKEN);
    await driver.advance(1);
    await workOut(own);
    expect(logger.lines).toEqual([expect.stringContaining('bulk operation "b1" is left to other processes')]);
    await driver.advance(1);
    const lease = { executor: 'e2', leaseMs: LEASE_MS };
    expect((await driver.store.bulks.claim(QUEUE, lease)).claimed).toMatchObject([{ id: 'b1', state: 'running' }]);
  });
});
