import { describe, expect, it } from '@jest/globals';
import type { JobState } from '../../src/core/job.js';
import { KEEP, QUEUE } from '../contract/store-driver.js';
import type { RedisDriver } from './redis-driver.js';
import { expectOnlyResidue, storeOfEachTest } from './store-of-each-test.js';

const use = storeOfEachTest();
/** How a producer in another language may write the header of a job. */
const FOREIGN = '1 {"m": 5, "n" : "send mail"}\n1';

async function park(driver: RedisDriver): Promise<string> {
  const [{ id }] = await driver.store.intake.enqueue(QUEUE, [{ envelope: FOREIGN }]);
  const { jobs } = await driver.reserve('w1');
  await driver.settle('w1', { op: 'park', id, token: jobs[0].token, name: 'send mail' });
  expect(await driver.zset('parked')).toEqual({ [`send mail ${id}`]: 0 });
  return id;
}

/** One job with everything that can hang on it, in each state that is not active. */
const SEEDS: Record<string, (driver: RedisDriver) => Promise<string>> = {
  scheduled: (driver) => driver.putOne({ userId: 'a', delayMs: 50, priority: 3 }),
  ready: (driver) => driver.putOne({ userId: 'a' }),
  prioritised: (driver) => driver.putOne({ userId: 'a', priority: 3 }),
  parked: park,
  suspect: async (driver) => {
    const { id } = await driver.start('w1', { userId: 'a', priority: 2 });
    await driver.seedCrashes(id, 2);
    await driver.store.workers.reconcile(QUEUE, 'w1', []);
    return id;
  },
  completed: async (driver) => (await driver.putEnded('completed', 1, KEEP, { userId: 'a', priority: 3 }))[0],
  cancelled: async (driver) => (await driver.putEnded('cancelled', 1, KEEP, { userId: 'a', priority: 3 }))[0],
  dead: async (driver) => (await driver.putEnded('dead', 1, KEEP, { userId: 'a', priority: 3 }))[0],
};
const cases = Object.entries(SEEDS);
const unsettled = cases.filter(([state]) => !['completed', 'cancelled', 'dead'].includes(state));

function stateOfCase(name: string): Exclude<JobState, 'active'> {
  return name === 'prioritised' || name === 'suspect' ? 'ready' : (name as Exclude<JobState, 'active'>);
}

async function drop(driver: RedisDriver): Promise<void> {
  for (const worker of ['w1', 'seeder', 'sweeper']) {
    await driver.reserve(worker, 10); // passes over holes
    await driver.store.workers.leave(QUEUE, worker);
  }
}

describe('remove.lua and purge.lua', () => {
  it.each(cases)('remove leaves nothing of a job that is %s', async (name, seed) => {
    const driver = use();
    const id = await seed(driver);
    await driver.store.notices.awaitSettled(QUEUE, id, 60_000);
    await driver.expectCounts({ [stateOfCase(name)]: 1 });
    expect(await driver.store.curation.remove(QUEUE, id)).toBe('removed');
    await driver.expectCounts({});
    await drop(driver);
    if (name === 'completed') {
      // Its number stays in its element until retention passes over it.
      await driver.store.duties.trim(QUEUE, { completed: false, cancelled: KEEP, dead: KEEP });
    }
    await expectOnlyResidue(driver);
  });

  it.each(cases)('purge leaves nothing of a job that is %s', async (name, seed) => {
    const driver = use();
    const id = await seed(driver);
    await driver.store.notices.awaitSettled(QUEUE, id, 60_000);
    expect(await driver.store.curation.purge(QUEUE, stateOfCase(name), 10)).toEqual({ removed: 1, more: false });
    await drop(driver);
    await expectOnlyResidue(driver);
  });

  it('purges a thousand of a state in steps and answers when there is no more', async () => {
    const driver = use();
    await driver.putMany(700);
    await driver.putMany(300, { priority: 1 });
    for (const id of (await driver.list('ready')).slice(0, 50)) await driver.store.curation.cancel(QUEUE, id);
    let removed = 0;
    for (;;) {
      const step = await driver.store.curation.purge(QUEUE, 'ready', 1000);
      removed += step.removed;
      if (!step.more) break;
    }
    expect(removed).toBe(950);
    expect(await driver.meta('readyHoles')).toBe('0');
    await driver.expectCounts({ cancelled: 50 });
  });

  it('purges empty states and leaves a record of the call alone', async () => {
    const driver = use();
    for (const state of ['scheduled', 'ready', 'parked', 'blocked', 'completed', 'cancelled', 'dead'] as const) {
      expect(await driver.store.curation.purge(QUEUE, state, 10)).toEqual({ removed: 0, more: false });
    }
    expect(await driver.keyNames()).toEqual(['meta']);
    expect(Object.keys(await driver.hash('meta'))).toEqual(
      Object.keys(await driver.callRecords()).map((caller) => `@${caller}`),
    );
  });

  it('never takes the filler of a hash for a job', async () => {
    const driver = use();
    const { id } = await driver.start('w1');
    expect((await driver.client.hget(driver.keys.jobs, '-'))?.length).toBe(65);
    expect(await driver.store.curation.read(QUEUE, ['-'])).toEqual([undefined]);
    expect(await driver.store.curation.cancel(QUEUE, '-')).toBe('not-found');
    expect(await driver.store.curation.remove(QUEUE, '-')).toBe('not-found');
    expect(await driver.store.curation.retryDead(QUEUE, '-', 1, '1\n1')).toBe('not-found');
    expect(await driver.idsIn('active')).toEqual([id]);
    await driver.expectCounts({ active: 1 });
  });
});

describe('cancel.lua', () => {
  it.each(unsettled)('moves a job that is %s, and only its record stays', async (_, seed) => {
    const driver = use();
    const id = await seed(driver);
    const envelope = await driver.record(id);
    expect(await driver.store.curation.cancel(QUEUE, id)).toBe('cancelled');
    const kept = `X${driver.now()}{"reason":"cancelled"}\n${envelope}`;
    expect(await driver.record(id)).toBe(kept);
    expect(await driver.zset('cancelled')).toEqual({ [id]: driver.now() });
    expect(await driver.meta('cancelledBytes')).toBe(String(Buffer.byteLength(kept)));
    await driver.expectCounts({ cancelled: 1 });
    for (const gone of ['crashes', 'parked', 'scheduled', 'priority', 'suspects', 'cancelling']) {
      expect(await driver.keyNames()).not.toContain(gone);
    }
    await driver.store.curation.purge(QUEUE, 'cancelled', 10);
    await drop(driver);
    await expectOnlyResidue(driver);
  });

  it('counts a hole for each job in the list, and for no other', async () => {
    const driver = use();
    for (const [, seed] of unsettled) {
      const id = await seed(driver);
      const holes = Number((await driver.meta('readyHoles')) ?? 0);
      const inList = (await driver.list('ready')).includes(id);
      await driver.store.curation.cancel(QUEUE, id);
      expect(Number((await driver.meta('readyHoles')) ?? 0) - holes).toBe(inList ? 1 : 0);
      await driver.expectCounts({ cancelled: 1 });
      await driver.store.curation.purge(QUEUE, 'cancelled', 1);
    }
  });
});

describe('retry-dead.lua', () => {
  it('moves the job with its new envelope, its priority and its bytes', async () => {
    const driver = use();
    const id = await SEEDS.dead(driver);
    const settledAt = driver.now();
    const envelope = driver.envelope({ userId: 'a', priority: 7, payload: '2' });
    await driver.advance(5);
    expect(await driver.store.curation.retryDead(QUEUE, 'a', settledAt, envelope)).toBe('retried');
    expect(await driver.record(id)).toBe(envelope);
    expect(await driver.hash('traits')).toEqual({ [id]: 'ua\np7' });
    expect(await driver.meta('deadBytes')).toBe('0');
    expect(await driver.store.curation.retryDead(QUEUE, 'a', settledAt, envelope)).toBe('changed');
    await driver.expectCounts({ ready: 1 });
    expect(await driver.hash('ids')).toEqual({ a: id });
  });

  it('writes nothing where another job holds the unique key', async () => {
    const driver = use();
    const [id] = await driver.putEnded('dead', 1, KEEP, { uniqueKey: 'x a' });
    const settledAt = driver.now();
    const holder = await driver.putOne({ uniqueKey: 'x a' });
    const before = await driver.record(id);
    const envelope = driver.envelope({ priority: 7, payload: '2' });
    expect(await driver.store.curation.retryDead(QUEUE, id, settledAt, envelope)).toBe(`conflict ${holder}`);
    expect(await driver.record(id)).toBe(before);
    expect(await driver.hash('traits')).toEqual({ [id]: 'qx a', [holder]: 'qx a' });
    expect(await driver.hash('uniques')).toEqual({ 'x a': holder });
    expect(await driver.meta('torn')).toBeNull();
  });

  it('leaves a job alone that died again since it was read', async () => {
    const driver = use();
    const id = await SEEDS.dead(driver);
    expect(await driver.store.curation.retryDead(QUEUE, id, driver.now() - 1, '1\n2')).toBe('changed');
    await driver.expectCounts({ dead: 1 });
  });
});

describe('list.lua and read.lua', () => {
  it('lists suspects, priorities and the rest as one line of ready jobs, across pages', async () => {
    const driver = use();
    const suspect = await SEEDS.suspect(driver);
    const plain = await driver.putMany(4);
    const first = await driver.putMany(3, { priority: 5 });
    for (const limit of [1, 2, 3, 5, 8, 50]) {
      expect(await driver.idsIn('ready', limit)).toEqual([suspect, ...first, ...plain]);
    }
  });

  it('lists large elements newest first, a page at a time', async () => {
    const driver = use();
    const ended: string[] = [];
    const keep = { ...KEEP, count: 1000 }; // one rule, one element
    for (const size of [3, 250, 1]) {
      const ids = await driver.putMany(size);
      const { jobs } = await driver.reserve('w1', size);
      await driver.settle('w1', ...jobs.map((job) => driver.complete(job, '1', keep)));
      ended.push(...ids);
    }
    expect(await driver.list('completed')).toHaveLength(3);
    for (const limit of [1, 7, 251, 500]) expect(await driver.idsIn('completed', limit)).toEqual([...ended].reverse());
  });

  it('lists every active job, though a scan gives pages of its own size', async () => {
    const driver = use();
    const ids = await driver.putMany(600);
    await driver.reserve('w1', 600);
    for (const limit of [1, 10, 599, 1000]) {
      // HSCAN may name a field twice while its table grows.
      expect([...new Set(await driver.idsIn('active', limit))].sort()).toEqual(ids);
    }
  });

  it('leaves holes out of pages', async () => {
    const driver = use();
    const ids = await driver.putMany(9);
    await driver.store.curation.cancel(QUEUE, ids[1]);
    await driver.store.curation.remove(QUEUE, ids[4]);
    expect(await driver.idsIn('ready', 3)).toEqual(ids.filter((_, index) => index !== 1 && index !== 4));
  });

  it('lists by number what has the user id of another job for a number', async () => {
    const driver = use();
    const first = await driver.putOne();
    const second = await driver.putOne({ userId: first });
    expect(await driver.idsIn('ready')).toEqual([first, second]);
    expect((await driver.store.curation.read(QUEUE, [first]))[0]?.id).toBe(first);
  });

  it('registers a waiter until the job ends, and never one for a job that has ended', async () => {
    const driver = use();
    const { id, token } = await driver.start('w1');
    await driver.store.notices.awaitSettled(QUEUE, id, 5000);
    expect(await driver.hash('waiters')).toEqual({ [id]: String(driver.now() + 5000) });
    await driver.settle('w1', driver.complete({ id, token }));
    await driver.store.notices.awaitSettled(QUEUE, id, 5000);
    await driver.store.notices.awaitSettled(QUEUE, 'gone', 5000);
    expect(await driver.keyNames()).not.toContain('waiters');
  });
});

describe('promote.lua', () => {
  it('moves what is due to the millisecond, in order, by level', async () => {
    const driver = use();
    const [late, first, second, high] = await driver.put(
      { delayMs: 31 },
      { delayMs: 10 },
      { delayMs: 30 },
      { delayMs: 30, priority: 4 },
    );
    await driver.advance(30);
    expect(await driver.store.duties.promote(QUEUE, 100)).toEqual({ promoted: 3, nextDueAt: driver.now() + 1 });
    expect(await driver.list('ready')).toEqual([first, second]);
    expect(Object.keys(await driver.zset('priority'))).toEqual([high]);
    expect(Object.keys(await driver.zset('scheduled'))).toEqual([late]);
    expect(await driver.store.duties.promote(QUEUE, 100)).toEqual({ promoted: 0, nextDueAt: driver.now() + 1 });
  });

  it('promotes a thousand in steps', async () => {
    const driver = use();
    const ids = await driver.putMany(1000, { delayMs: 1 });
    await driver.advance(1);
    expect((await driver.store.duties.promote(QUEUE, 1000)).promoted).toBe(500);
    expect((await driver.store.duties.promote(QUEUE, 1000)).promoted).toBe(500);
    expect(await driver.list('ready')).toEqual(ids);
  });
});
