import { describe, expect, it } from '@jest/globals';
import type { JobState } from '../../src/core/job.js';
import type { ActedJob, BulkRecord, BulkStep } from '../../src/core/ports/bulks.js';
import { splitRecord } from '../../src/core/envelope.js';
import { RULES } from '../../src/core/rules.js';
import { KEEP, QUEUE, type StoreDriver } from './store-driver.js';

const MINE = { executor: 'e1', leaseMs: 1000 };
const OTHER = { executor: 'e2', leaseMs: 1000 };

/** Jobs as somebody has read them. */
async function readJobs(driver: StoreDriver, ids: readonly string[]): Promise<ActedJob[]> {
  const stored = await driver.store.curation.read(QUEUE, ids);
  return stored.map((job, index) => {
    if (job === undefined) throw new Error(`There is no job ${ids[index]}`);
    const { envelope } = splitRecord(job.record);
    return { id: job.id, seen: job.record.slice(0, 14), head: envelope.slice(0, envelope.indexOf('\n')), priority: 0 };
  });
}

async function begin(driver: StoreDriver, id = 'b1'): Promise<BulkRecord> {
  expect(await driver.store.bulks.start(QUEUE, id, '{"where":""}', MINE)).toBe('started');
  return (await driver.store.bulks.read(QUEUE, id))[0];
}

function stepOf(bulk: Pick<BulkRecord, 'id' | 'place'>, step: Partial<BulkStep> = {}): BulkStep {
  return {
    ...{ ...MINE, id: bulk.id, place: bulk.place, nextPlace: '0 next', nextState: 'running', looked: 0, skipped: 0 },
    ...{ failed: 0, known: 0, watched: [], watches: false, action: 'remove', state: 'ready', jobs: [], ...step },
  };
}

export function bulkContract(use: () => StoreDriver): void {
  it('stores an operation with the moment and the highest number that it means', async () => {
    const driver = use();
    const before = await driver.putOne();
    const bulk = await begin(driver);
    expect(bulk).toEqual({
      ...{ id: 'b1', request: '{"where":""}', createdAt: driver.now(), highest: bulk.highest, state: 'running' },
      ...{ executor: 'e1', leaseEndsAt: driver.now() + 1000, looked: 0, matched: 0, done: 0, skipped: 0, failed: 0 },
      ...{ known: 0, watched: [], endedAt: undefined, place: '0 ' },
    });
    expect(before <= bulk.highest).toBe(true);
    expect(await driver.store.bulks.read(QUEUE, 'nobody')).toEqual([]);
    expect(await driver.store.bulks.read(QUEUE)).toEqual([bulk]);
  });

  it('of a queue that nobody has used means nothing', async () => {
    const driver = use();
    const bulk = await begin(driver);
    expect((await driver.putOne()) > bulk.highest).toBe(true);
  });

  it('says by the scan that operations run', async () => {
    const driver = use();
    expect((await driver.scan()).hasBulks).toBe(false);
    await begin(driver);
    expect((await driver.scan()).hasBulks).toBe(true);
    await driver.store.bulks.cancel(QUEUE, 'b1');
    expect((await driver.scan()).hasBulks).toBe(false);
  });

  it.each(['ready', 'scheduled', 'parked', 'completed', 'cancelled', 'dead'] as const)(
    'removes jobs that are %s, and counts them',
    async (state) => {
      const driver = use();
      const ids = await seed(driver, state);
      const bulk = await begin(driver);
      const jobs = await readJobs(driver, ids);
      await driver.store.curation.remove(QUEUE, ids[0]);
      const step = stepOf(bulk, { state, jobs, looked: 7, skipped: 2 });
      expect(await driver.store.bulks.step(QUEUE, step)).toEqual({ done: 2, skipped: 1 });
      await driver.expectCounts({});
      const [after] = await driver.store.bulks.read(QUEUE, 'b1');
      expect(after).toMatchObject({ looked: 7, matched: 5, done: 2, skipped: 3, place: '0 next' });
    },
  );

  it.each(['ready', 'scheduled', 'parked'] as const)('cancels jobs that are %s', async (state) => {
    const driver = use();
    const ids = await seed(driver, state);
    const jobs = await readJobs(driver, ids);
    expect(await driver.store.bulks.act(QUEUE, 'cancel', state, jobs)).toEqual({ done: 3, skipped: 0 });
    await driver.expectCounts({ cancelled: 3 });
    expect(await driver.store.bulks.act(QUEUE, 'cancel', state, jobs)).toEqual({ done: 0, skipped: 3 });
  });

  it('marks running jobs to be cancelled, once', async () => {
    const driver = use();
    const job = await driver.start('w1');
    const jobs = await readJobs(driver, [job.id]);
    expect(await driver.store.bulks.act(QUEUE, 'cancel', 'active', jobs)).toEqual({ done: 1, skipped: 0 });
    expect(await driver.store.bulks.act(QUEUE, 'cancel', 'active', jobs)).toEqual({ done: 0, skipped: 1 });
    expect((await driver.store.curation.read(QUEUE, [job.id]))[0]).toMatchObject({ cancelling: true, state: 'active' });
  });

  it('promotes scheduled jobs at once, whenever they are due', async () => {
    const driver = use();
    const [first, second] = await driver.put({ delayMs: 60_000, priority: 3 }, { delayMs: 90_000 });
    await driver.wakesOf('w1');
    const jobs = await readJobs(driver, [first, second]);
    expect(await driver.store.bulks.act(QUEUE, 'promote', 'scheduled', jobs)).toEqual({ done: 2, skipped: 0 });
    const { jobs: reserved } = await driver.reserve('w1', 5);
    expect(reserved.map(({ id }) => id)).toEqual([first, second]);
  });

  it('retries dead jobs with their new first lines and their own payloads', async () => {
    const driver = use();
    const long = `"${'x'.repeat(30_000)}"`;
    const ids = [
      ...(await driver.putEnded('dead', 1, KEEP, { payload: '"short"', name: 'old' })),
      ...(await driver.putEnded('dead', 1, KEEP, { payload: long, priority: 5 })),
    ];
    const [short, apart] = await readJobs(driver, ids);
    const asked = [
      { ...short, head: '1abc {"n":"new"}' },
      { ...apart, head: '1abc {"p":7}', priority: 7 },
    ];
    expect(await driver.store.bulks.act(QUEUE, 'retry', 'dead', asked)).toEqual({ done: 2, skipped: 0 });
    const { jobs } = await driver.reserve('w1', 5);
    expect(jobs.map(({ id }) => id)).toEqual([ids[1], ids[0]]);
    expect((await driver.store.curation.read(QUEUE, ids)).map((job) => job?.record)).toEqual([
      '1abc {"n":"new"}\n"short"',
      `1abc {"p":7}\n${long}`,
    ]);
  });

  it('does not retry a job that has died again, or whose unique key is held', async () => {
    const driver = use();
    const [again] = await driver.putEnded('dead', 1);
    const keyed = await driver.putEnded('dead', 2, KEEP, { uniqueKey: 'x a' });
    const jobs = await readJobs(driver, [again, ...keyed]);
    await driver.advance(1);
    expect(await driver.store.bulks.act(QUEUE, 'retry', 'dead', [jobs[0]])).toEqual({ done: 1, skipped: 0 });
    const [job] = (await driver.reserve('w1')).jobs;
    await driver.settle('w1', { op: 'bury', ...job, detail: '{}', envelope: undefined, keep: KEEP });
    // Of two with one key the first that is retried holds it.
    expect(await driver.store.bulks.act(QUEUE, 'retry', 'dead', jobs)).toEqual({ done: 1, skipped: 2 });
    await driver.expectCounts({ dead: 2, ready: 1 });
  });

  it.each([
    ['of a place that another step has left behind', { place: '1 elsewhere' }],
    ['of another executor', OTHER],
  ])('does nothing by a step %s', async (_what, changed) => {
    const driver = use();
    const ids = await seed(driver, 'ready');
    const bulk = await begin(driver);
    const step = stepOf(bulk, { jobs: await readJobs(driver, ids), ...changed });
    expect(await driver.store.bulks.step(QUEUE, step)).toBe('lost');
    await driver.expectCounts({ ready: 3 });
  });

  it('gives an operation to another executor once the lease of the first is over', async () => {
    const driver = use();
    const bulk = await begin(driver);
    expect(await driver.store.bulks.claim(QUEUE, OTHER)).toEqual({ claimed: [], nextFreeAt: driver.now() + 1000 });
    await driver.advance(900);
    expect(await driver.store.bulks.step(QUEUE, stepOf(bulk, { nextPlace: bulk.place, watched: ['x', 'y'] }))).toEqual({
      done: 0,
      skipped: 0,
    });
    await driver.advance(900);
    expect((await driver.store.bulks.claim(QUEUE, OTHER)).claimed).toEqual([]);
    await driver.advance(101);
    const { claimed } = await driver.store.bulks.claim(QUEUE, OTHER);
    expect(claimed).toMatchObject([{ id: 'b1', executor: 'e2', place: bulk.place, watched: ['x', 'y'] }]);
    // Who hears no reply asks again, and gets the same.
    expect((await driver.store.bulks.claim(QUEUE, OTHER)).claimed).toEqual(claimed);
    expect(await driver.store.bulks.step(QUEUE, stepOf(bulk))).toBe('lost');
  });

  it('takes an operation from the hands of its executor where that one lets it go', async () => {
    const driver = use();
    const bulk = await begin(driver);
    await driver.store.bulks.step(QUEUE, stepOf(bulk, { nextPlace: bulk.place, leaseMs: 0 }));
    expect((await driver.store.bulks.claim(QUEUE, OTHER)).claimed).toHaveLength(1);
  });

  it('adds to what is watched the jobs that a step has retried', async () => {
    const driver = use();
    const ids = await driver.putEnded('dead', 2);
    const bulk = await begin(driver);
    const jobs = await readJobs(driver, ids);
    const step = stepOf(bulk, {
      action: 'retry',
      state: 'dead',
      jobs,
      watches: true,
      watched: ['x'],
      failed: 1,
      known: 3,
    });
    await driver.store.bulks.step(QUEUE, step);
    const [after] = await driver.store.bulks.read(QUEUE, 'b1');
    expect(after).toMatchObject({ watched: ['x', ...ids], failed: 1, known: 3, done: 2 });
  });

  it('ends by its last step, by itself, or by a user; then nothing more is done', async () => {
    const driver = use();
    const ids = await seed(driver, 'ready');
    const jobs = await readJobs(driver, ids);
    for (const [id, end] of [
      ['b1', 'done'],
      ['b2', 'stopped'],
    ] as const) {
      const bulk = await begin(driver, id);
      await driver.store.bulks.step(QUEUE, stepOf(bulk, { nextState: end }));
      const [after] = await driver.store.bulks.read(QUEUE, id);
      expect(after).toMatchObject({ state: end, endedAt: driver.now(), executor: undefined, watched: [] });
      expect(await driver.store.bulks.step(QUEUE, stepOf(after, { jobs }))).toBe('over');
      expect(await driver.store.bulks.cancel(QUEUE, id)).toBe('over');
    }
    const bulk = await begin(driver, 'b3');
    expect(await driver.store.bulks.cancel(QUEUE, 'b3')).toBe('cancelled');
    expect(await driver.store.bulks.step(QUEUE, stepOf(bulk, { jobs }))).toBe('over');
    expect(await driver.store.bulks.cancel(QUEUE, 'nobody')).toBe('gone');
    expect(await driver.store.bulks.step(QUEUE, stepOf({ id: 'nobody', place: '' }))).toBe('gone');
    expect((await driver.store.bulks.claim(QUEUE, OTHER)).claimed).toEqual([]);
    await driver.expectCounts({ ready: 3 });
  });

  it('runs no more than a few at once, and remembers no more than the last that ended', async () => {
    const driver = use();
    const started: string[] = [];
    for (let round = 0; round < RULES.mostEndedBulks / RULES.mostBulks + 1; round++) {
      for (let index = 0; index < RULES.mostBulks; index++) {
        started.push(`b${started.length}`);
        await begin(driver, started.at(-1));
      }
      expect(await driver.store.bulks.start(QUEUE, 'one more', '{}', MINE)).toBe('full');
      await driver.advance(1);
      for (const id of started.slice(-RULES.mostBulks)) await driver.store.bulks.cancel(QUEUE, id);
    }
    const kept = (await driver.store.bulks.read(QUEUE)).map(({ id }) => id);
    expect(new Set(kept)).toEqual(new Set(started.slice(RULES.mostBulks)));
  });

  describe('while workers are at work', () => {
    it('neither cancels nor removes nor promotes a job that has moved on', async () => {
      const driver = use();
      const ids = await seed(driver, 'ready');
      const jobs = await readJobs(driver, ids);
      expect((await driver.reserve('w1', 3)).jobs).toHaveLength(3);
      for (const action of ['cancel', 'remove'] as const) {
        expect(await driver.store.bulks.act(QUEUE, action, 'ready', jobs)).toEqual({ done: 0, skipped: 3 });
      }
      expect(await driver.store.bulks.act(QUEUE, 'promote', 'scheduled', jobs)).toEqual({ done: 0, skipped: 3 });
      await driver.expectCounts({ active: 3 });
    });
  });
}

/** Three jobs in this state. */
async function seed(driver: StoreDriver, state: Exclude<JobState, 'active' | 'blocked'>): Promise<string[]> {
  if (state === 'ready') return driver.put({}, { priority: 2 }, { userId: 'a' });
  if (state === 'scheduled') return driver.put({ delayMs: 500 }, { delayMs: 600, userId: 'a' }, { delayMs: 700 });
  if (state !== 'parked') return driver.putEnded(state, 3);
  await driver.put({ name: 'x' }, { name: 'x y' }, { name: 'x' });
  const { jobs } = await driver.reserve('parker', 3);
  await driver.settle('parker', ...jobs.map(({ id, token }) => ({ op: 'park' as const, id, token, name: 'x' })));
  return jobs.map(({ id }) => id);
}
