import { expect, it } from '@jest/globals';
import type { EnqueueReceipt } from '../../src/core/ports/intake.js';
import { enqueueTogether } from './receipts.js';
import { KEEP, LEASE_MS, QUEUE, type Seed, type StoreDriver } from './store-driver.js';

const KEY = 'resize invoice-17';
const SEED: Seed = { uniqueKey: KEY, name: 'resize' };

async function enqueue(driver: StoreDriver, ...seeds: Seed[]): Promise<EnqueueReceipt[]> {
  return enqueueTogether(
    driver,
    seeds.map((seed) => driver.newJob(seed)),
  );
}

/** Nobody holds the key: the next job gets it, and is removed again. */
async function expectFree(driver: StoreDriver): Promise<void> {
  const [{ id, created }] = await enqueue(driver, { ...SEED, delayMs: 60_000 });
  expect(created).toBe(true);
  expect(await driver.store.curation.remove(QUEUE, id)).toBe('removed');
}

async function expectHeldBy(driver: StoreDriver, id: string): Promise<void> {
  expect(await enqueue(driver, SEED)).toMatchObject([{ id, created: false, conflict: 'kept' }]);
}

const retryDead = (driver: StoreDriver, id: string, settledAt = driver.now()) =>
  driver.store.curation.retryDead(QUEUE, id, settledAt, driver.envelope({ name: 'resize' }));

/** Unique keys: a job that holds one is live, and no other job of the key is stored until it ends. */
export function uniqueContract(use: () => StoreDriver): void {
  it.each(['scheduled', 'ready', 'active', 'parked'] as const)(
    'keeps the job that holds the key, and answers with it while it is %s',
    async (state) => {
      const driver = use();
      let id: string;
      if (state === 'scheduled') id = await driver.putOne({ ...SEED, delayMs: 1000 });
      else if (state === 'ready') id = await driver.putOne(SEED);
      else {
        const job = await driver.start('w1', SEED);
        id = job.id;
        if (state === 'parked') await driver.settle('w1', { op: 'park', id, token: job.token, name: 'resize' });
      }
      const before = (await driver.store.curation.read(QUEUE, [id]))[0]?.record;
      const [again] = await enqueue(driver, { ...SEED, payload: '"another"' });
      const [job] = await driver.store.curation.read(QUEUE, [id]);
      expect(await driver.store.intake.enqueue(QUEUE, [driver.newJob(SEED)])).toMatchObject([{ id, job }]);
      expect(again).toEqual({ id, created: false, state, conflict: 'kept' });
      expect((await driver.store.curation.read(QUEUE, [id]))[0]?.record).toBe(before);
      await driver.expectCounts({ [state]: 1 });
    },
  );

  it('stores a job of another key, of none, and of another queue', async () => {
    const driver = use();
    await driver.putOne(SEED);
    const others = await enqueue(driver, { uniqueKey: 'resize invoice-18' }, { uniqueKey: 'crop invoice-17' }, {});
    expect(others.map(({ created }) => created)).toEqual([true, true, true]);
    const [elsewhere] = await driver.store.intake.enqueue('other', [driver.newJob(SEED)]);
    expect(elsewhere.created).toBe(true);
  });

  it('finds a key twice in one call', async () => {
    const driver = use();
    const receipts = await enqueue(driver, { ...SEED, delayMs: 5 }, SEED, {}, { ...SEED, userId: 'a' });
    const [first] = receipts;
    const kept = { id: first.id, created: false, state: 'scheduled', conflict: 'kept' };
    expect([receipts[1], receipts[3]]).toMatchObject([kept, kept]);
    expect(receipts[2].created).toBe(true);
    await driver.expectCounts({ scheduled: 1, ready: 1 });
    // The user id of a job that was not stored is free.
    expect(await enqueue(driver, { userId: 'a' })).toMatchObject([{ created: true }]);
  });

  it('answers each repetition of a key in one call by the job that holds it', async () => {
    const driver = use();
    const replacing: Seed = { ...SEED, payload: '"newest"', onConflict: { kind: 'replace' } };
    const held = await driver.putOne(SEED);
    const other: Seed = { uniqueKey: 'resize invoice-18' };
    const receipts = await enqueue(driver, SEED, other, SEED, replacing, other, SEED);
    const [first, second] = [held, receipts[1].id];
    expect(receipts).toMatchObject([
      { id: first, created: false, conflict: 'kept' },
      { id: second, created: true },
      { id: first, created: false, conflict: 'kept' },
      { id: first, created: false, conflict: 'replaced' },
      { id: second, created: false, conflict: 'kept', state: 'ready' },
      { id: first, created: false, conflict: 'kept' },
    ]);
    expect((await driver.store.curation.read(QUEUE, [first]))[0]?.record).toMatch(/"newest"$/);
    await driver.expectCounts({ ready: 2 });
  });

  it('stores a job whose key is free after another one with that key was kept out by its user id', async () => {
    const driver = use();
    const named = await driver.putOne({ userId: 'a' });
    const receipts = await enqueue(driver, { ...SEED, userId: 'a' }, SEED, SEED);
    expect(receipts).toMatchObject([{ id: named, created: false }, { created: true }, { created: false }]);
    expect(receipts[2].id).toBe(receipts[1].id);
  });

  it('stores one job when two clients give the same key at once', async () => {
    const driver = use();
    const other = await driver.fixture.connect();
    const receipts = await Promise.all(
      [driver.store, other, driver.store, other].map((store) => store.intake.enqueue(QUEUE, [driver.newJob(SEED)])),
    );
    expect(receipts.filter(([{ created }]) => created)).toHaveLength(1);
    expect(new Set(receipts.map(([{ id }]) => id)).size).toBe(1);
    await driver.expectCounts({ ready: 1 });
  });

  it('answers with the job of the user id where that one and the key are of different jobs', async () => {
    const driver = use();
    const [named] = await driver.put({ userId: 'a' }, SEED);
    const [receipt] = await enqueue(driver, { ...SEED, userId: 'a' });
    expect(receipt).toMatchObject({ id: named, created: false });
    expect(receipt.conflict).toBeUndefined();
  });

  it.each(['completed', 'cancelled', 'dead'] as const)('frees the key when the job ends as %s', async (state) => {
    const driver = use();
    await driver.putEnded(state, 1, KEEP, SEED);
    await expectFree(driver);
  });

  it.each(['completed', 'cancelled', 'dead'] as const)(
    'frees the key when the job ends as %s and is not kept',
    async (state) => {
      const driver = use();
      const { id, token } = await driver.start('w1', SEED);
      if (state === 'completed') await driver.settle('w1', driver.complete({ id, token }, '1', false));
      else if (state === 'cancelled') await driver.settle('w1', { op: 'cancel', id, token, keep: false });
      else await driver.settle('w1', { op: 'bury', id, token, detail: '{}', envelope: undefined, keep: false });
      expect(await driver.stateOf(id)).toBeUndefined();
      await expectFree(driver);
    },
  );

  it.each<[string, Seed, (driver: StoreDriver, id: string) => Promise<unknown>]>([
    ['cancelled before it starts', {}, (driver, id) => driver.store.curation.cancel(QUEUE, id)],
    ['cancelled before it is due', { delayMs: 99 }, (driver, id) => driver.store.curation.cancel(QUEUE, id)],
    ['removed', {}, (driver, id) => driver.store.curation.remove(QUEUE, id)],
    ['purged', { priority: 3 }, (driver) => driver.store.curation.purge(QUEUE, 'ready', 10)],
    ['purged before it is due', { delayMs: 99 }, (driver) => driver.store.curation.purge(QUEUE, 'scheduled', 10)],
  ])('frees the key when the job is %s', async (_how, seed, act) => {
    const driver = use();
    const id = await driver.putOne({ ...SEED, ...seed });
    await act(driver, id);
    await expectFree(driver);
  });

  it('frees the key when a job that runs is cancelled and fails', async () => {
    const driver = use();
    const { id, token, envelope } = await driver.start('w1', SEED);
    await driver.store.curation.cancel(QUEUE, id);
    await expectHeldBy(driver, id);
    await driver.settle('w1', { op: 'retry', id, token, delayMs: 0, envelope });
    expect(await driver.stateOf(id)).toBe('cancelled');
    await expectFree(driver);
  });

  it('holds the key through retries, snoozes and crashes, and frees it from a job that is poison', async () => {
    const driver = use();
    const { id, token, envelope } = await driver.start('w1', SEED);
    await driver.settle('w1', { op: 'retry', id, token, delayMs: 5, envelope });
    await expectHeldBy(driver, id);
    await driver.advance(5);
    const [snoozed] = (await driver.reserve('w1')).jobs;
    await driver.settle('w1', { op: 'snooze', id, token: snoozed.token, delayMs: 5, envelope: undefined });
    await expectHeldBy(driver, id);
    await driver.advance(5);
    for (let crash = 0; crash < 3; crash++) {
      await driver.reserve('dying', 1, { alone: true });
      await expectHeldBy(driver, id);
      await driver.expireLeases();
    }
    expect(await driver.stateOf(id)).toBe('dead');
    await expectFree(driver);
  });

  it('lets a late end of an earlier holder free nothing', async () => {
    const driver = use();
    const late = await driver.start('w1', SEED);
    await driver.expireLeases();
    await driver.store.curation.remove(QUEUE, late.id);
    const second = await driver.putOne(SEED);
    expect((await driver.settle('w1', driver.complete(late))).lost).toEqual([late.id]);
    await expectHeldBy(driver, second);
  });

  it('lets the deletion of a job that held the key free nothing', async () => {
    const driver = use();
    const [ended] = await driver.putEnded('completed', 1, KEEP, SEED);
    const second = await driver.putOne(SEED);
    await driver.store.curation.remove(QUEUE, ended);
    await expectHeldBy(driver, second);
    await driver.store.curation.purge(QUEUE, 'completed', 10);
    await expectHeldBy(driver, second);
  });

  // ------------------------------------------------------------ free while it runs

  const FREE: Seed = { ...SEED, freeWhileRunning: true };

  it('lets one more job wait while a job runs whose key is free then', async () => {
    const driver = use();
    const first = await driver.putOne(FREE);
    await expectHeldBy(driver, first);
    const [running] = (await driver.reserve('w1')).jobs;
    const [second, third] = await enqueue(driver, FREE, FREE);
    expect(second.created).toBe(true);
    expect(third).toMatchObject({ id: second.id, created: false, conflict: 'kept' });
    // The end of the first one frees nothing that the second one holds.
    await driver.settle('w1', driver.complete(running));
    await expectHeldBy(driver, second.id);
    const [next] = (await driver.reserve('w1')).jobs;
    expect(next.id).toBe(second.id);
    await driver.settle('w1', driver.complete(next));
    await expectFree(driver);
  });

  it('holds the key again when a run of it did not finish and nobody took the key', async () => {
    const driver = use();
    const { id, token, envelope } = await driver.start('w1', FREE);
    await driver.settle('w1', { op: 'retry', id, token, delayMs: 50, envelope });
    await expectHeldBy(driver, id);
    await driver.advance(50);
    const [again] = (await driver.reserve('w1')).jobs;
    await driver.settle('w1', { op: 'release', id, token: again.token });
    await expectHeldBy(driver, id);
  });

  it('leaves the key with the job that took it while a run of another failed', async () => {
    const driver = use();
    const { id, token, envelope } = await driver.start('w1', FREE);
    const second = await driver.putOne(FREE);
    await driver.settle('w1', { op: 'retry', id, token, delayMs: 50, envelope });
    await expectHeldBy(driver, second);
    await driver.store.curation.cancel(QUEUE, id);
    await expectHeldBy(driver, second);
    await driver.store.curation.cancel(QUEUE, second);
    await expectFree(driver);
  });

  it('goes by what the holder said, not by what another job says', async () => {
    const driver = use();
    const held = await driver.start('w1', SEED);
    expect(await enqueue(driver, FREE)).toMatchObject([{ id: held.id, conflict: 'kept' }]);
  });

  it('retries a dead job while the holder runs and its key is free', async () => {
    const driver = use();
    const [id] = await driver.putEnded('dead', 1, KEEP, FREE);
    const settledAt = driver.now();
    const holder = await driver.putOne(FREE);
    expect(await retryDead(driver, id, settledAt)).toBe(`conflict ${holder}`);
    await driver.reserve('w1');
    expect(await retryDead(driver, id, settledAt)).toBe('retried');
    await expectHeldBy(driver, id);
  });

  // ------------------------------------------------------------ retry of dead jobs

  it('gives the key back to a dead job that is retried', async () => {
    const driver = use();
    const [id] = await driver.putEnded('dead', 1, KEEP, SEED);
    expect(await retryDead(driver, id)).toBe('retried');
    await expectHeldBy(driver, id);
    const [job] = (await driver.reserve('w1')).jobs;
    await driver.settle('w1', driver.complete(job));
    await expectFree(driver);
  });

  it('refuses to retry a dead job while another one holds the key', async () => {
    const driver = use();
    const [id] = await driver.putEnded('dead', 1, KEEP, SEED);
    const settledAt = driver.now();
    const holder = await driver.putOne(SEED);
    expect(await retryDead(driver, id, settledAt)).toBe(`conflict ${holder}`);
    expect(await driver.stateOf(id)).toBe('dead');
    await expectHeldBy(driver, holder);
    await driver.store.curation.cancel(QUEUE, holder);
    expect(await retryDead(driver, id, settledAt)).toBe('retried');
    await expectHeldBy(driver, id);
  });

  it('retries one of several dead jobs of a key', async () => {
    const driver = use();
    const ids = await driver.putEnded('dead', 3, KEEP, SEED);
    const answers = await Promise.all(ids.map((id) => retryDead(driver, id)));
    const [first] = ids;
    expect(answers).toEqual(['retried', `conflict ${first}`, `conflict ${first}`]);
    await driver.expectCounts({ ready: 1, dead: 2 });
  });

  it('answers a repeated key by its holder after a lease ran out', async () => {
    const driver = use();
    const { id } = await driver.start('w1', SEED);
    await driver.advance(3 * LEASE_MS);
    await driver.expireLeases();
    await expectHeldBy(driver, id);
    await driver.expectCounts({ ready: 1 });
  });
}
