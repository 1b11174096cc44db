import { describe, expect, it } from '@jest/globals';
import { UnsupportedError } from '../../src/core/errors/store-errors.js';
import type { JobState } from '../../src/core/job.js';
import type { StoredJob } from '../../src/core/ports/curation.js';
import type { ScanRequest } from '../../src/core/ports/search.js';
import { KEEP, QUEUE, type StoreDriver } from './store-driver.js';

const ENDS = ['completed', 'cancelled', 'dead'] as const;
const ALL: ScanRequest = { needles: [], payloads: true, on: 'primary' };
const keep = { ...KEEP, count: 10_000, bytes: 100_000_000 };

/** Each candidate of a walk, with something done between its steps. */
async function walk(
  driver: StoreDriver,
  state: JobState,
  request: Partial<ScanRequest> = {},
  between: (met: readonly StoredJob[]) => Promise<unknown> = async () => {},
): Promise<StoredJob[]> {
  const met: StoredJob[] = [];
  let cursor: string | undefined;
  for (let steps = 0; steps < 200; steps++) {
    const step = await driver.store.search.scan(QUEUE, state, cursor, { ...ALL, ...request });
    expect(step.looked).toBeLessThanOrEqual(600);
    met.push(...step.jobs);
    ({ cursor } = step);
    if (cursor === undefined) return met;
    await between(step.jobs);
  }
  throw new Error(`The walk through ${state} does not end`);
}

const idsOf = (jobs: readonly StoredJob[]) => jobs.map(({ id }) => id);
const needle = (text: string, inPayload = false) => ({ anyOf: [text], inPayload });

/** So many jobs that completed together, a thousand at a time. */
async function complete(driver: StoreDriver, count: number): Promise<string[]> {
  const ids = await driver.putMany(count);
  const { jobs } = await driver.reserve('finisher', count);
  await driver.settle('finisher', ...jobs.map((job) => driver.complete(job, '1', keep)));
  return ids;
}

async function bury(driver: StoreDriver, count: number): Promise<string[]> {
  const ids = await driver.putMany(count);
  const { jobs } = await driver.reserve('undertaker', count);
  await driver.settle(
    'undertaker',
    ...jobs.map(({ id, token }) => ({ op: 'bury' as const, id, token, detail: '{}', envelope: undefined, keep })),
  );
  return ids;
}

export function searchContract(use: () => StoreDriver): void {
  it('walks through jobs of every state, as reading shows them', async () => {
    const driver = use();
    const { id: parked, token } = await driver.start('w1', { name: 'resize image' });
    await driver.settle('w1', { op: 'park', id: parked, token, name: 'resize image' });
    for (const state of ENDS) await driver.putEnded(state, 2);
    const active = await driver.start('w1');
    await driver.put({}, { priority: 3 }, { delayMs: 1000 });
    for (const state of ['parked', 'active', 'scheduled', 'ready', ...ENDS] as const) {
      const met = await walk(driver, state);
      const read = await driver.store.curation.read(QUEUE, idsOf(met));
      expect(met).toEqual(read);
      expect(met).toHaveLength((await driver.store.curation.counts(QUEUE))[state]);
    }
    expect(idsOf(await walk(driver, 'active'))).toEqual([active.id]);
    expect(await walk(driver, 'blocked')).toEqual([]);
  });

  it.each(['scheduled', 'ready', 'active', 'parked', 'blocked', ...ENDS] as const)(
    'ends at once where nothing is %s',
    async (state) => {
      const step = await use().store.search.scan(QUEUE, state, undefined, ALL);
      expect(step).toMatchObject({ jobs: [], looked: 0, reachedAt: undefined, cursor: undefined });
    },
  );

  it.each(ENDS)('meets what is %s newest first, and says how far it came', async (state) => {
    const driver = use();
    const ids: string[] = [];
    for (let index = 0; index < 4; index++) {
      ids.push(...(await driver.putEnded(state, 1)));
      await driver.advance(1000);
    }
    const step = await driver.store.search.scan(QUEUE, state, undefined, ALL);
    expect(idsOf(step.jobs)).toEqual(ids.reverse());
    // A worker writes the end of a completed job by its own reckoning of the store's time.
    expect(Math.abs((step.reachedAt ?? 0) - (driver.now() - 4000))).toBeLessThan(1000);
  });

  it('meets ready jobs from the back of the line, then priorities, then suspects', async () => {
    const driver = use();
    const suspects = await driver.putMany(3);
    for (const worker of ['crasher-1', 'crasher-2']) {
      await driver.reserve(worker, 3);
      await driver.expireLeases();
    }
    const ids = await driver.put({}, { priority: 2 }, { priority: 9 }, { priority: 2 }, {});
    const met = idsOf(await walk(driver, 'ready'));
    expect(met).toEqual([ids[4], ids[0], ids[3], ids[1], ids[2], ...suspects.sort()]);
  });

  it('meets scheduled jobs from the latest due time', async () => {
    const driver = use();
    const ids = await driver.put({ delayMs: 10 }, { delayMs: 30 }, { delayMs: 20 });
    expect(idsOf(await walk(driver, 'scheduled'))).toEqual([ids[1], ids[2], ids[0]]);
    expect((await walk(driver, 'scheduled'))[0].dueAt).toBe(driver.now() + 30);
  });

  it('answers the jobs that have a text of each needle, by record, or by number where asked', async () => {
    const driver = use();
    const [a, b, c] = await driver.put(
      { payload: '"red apple"', name: 'eat' },
      { payload: '"green apple"', userId: 'pear-1' },
      { payload: '"red.pear"' },
    );
    const of = async (...needles: ScanRequest['needles']) => idsOf(await walk(driver, 'ready', { needles })).sort();
    expect(await of(needle('apple', true))).toEqual([a, b]);
    expect(await of(needle('red', true), needle('"eat"'))).toEqual([a]);
    expect(await of({ anyOf: ['green', 'red.pear'], inPayload: true })).toEqual([b, c]);
    expect(await of(needle('pear-1'))).toEqual([b]);
    expect(await of({ ...needle(c), inNumber: true })).toEqual([c]);
    expect(await of(needle(c))).toEqual([]);
    // No pattern of Lua.
    expect(await of(needle('red.apple', true))).toEqual([]);
    expect(await of(needle('[a-z]+', true))).toEqual([]);
  });

  it('finds what lies in long payloads, and reads them where they are wanted', async () => {
    const driver = use();
    const payload = JSON.stringify(`${'x'.repeat(30_000)} straw`);
    const [long, short] = await driver.put({ payload, name: 'hay' }, { payload: '"straw"' }, { name: 'hay' });
    const needles = [needle('straw', true)];
    const met = await walk(driver, 'ready', { needles });
    expect(idsOf(met).sort()).toEqual([long, short]);
    expect(met.find(({ id }) => id === long)?.record.endsWith(payload)).toBe(true);
    const heads = await walk(driver, 'ready', { needles: [needle('hay')], payloads: false });
    expect(heads).toHaveLength(2);
    for (const { record } of heads) expect(record).toContain('\n');
  });

  it('reads long results', async () => {
    const driver = use();
    const job = await driver.start('w1');
    const result = JSON.stringify('y'.repeat(40_000));
    await driver.settle('w1', driver.complete(job, result));
    const [stored] = await walk(driver, 'completed', { needles: [needle('nothing that it has')] });
    // Long records are the caller's to look at.
    expect(stored === undefined || stored.record.includes(result)).toBe(true);
    expect((await walk(driver, 'completed'))[0].record).toContain(result);
  });

  describe.each([
    ['dead', bury],
    ['completed', complete],
    ['scheduled', (driver: StoreDriver, count: number) => driver.putMany(count, { delayMs: 60_000 })],
    ['ready', (driver: StoreDriver, count: number) => driver.putMany(count)],
    ['ready', (driver: StoreDriver, count: number) => driver.putMany(count, { priority: 4 })],
  ] as const)('through many jobs that are %s', (state, seed) => {
    it('meets each once while they are removed behind it', async () => {
      const driver = use();
      const ids = [...(await seed(driver, 900)), ...(await seed(driver, 400))];
      const met = await walk(driver, state, {}, async (jobs) => {
        for (const { id } of jobs.slice(0, 40)) await driver.store.curation.remove(QUEUE, id);
      });
      expect(idsOf(met).sort()).toEqual([...ids].sort());
    });

    it('meets each that stays once while others leave in front of it', async () => {
      const driver = use();
      const ids = [...(await seed(driver, 900)), ...(await seed(driver, 400))];
      const gone = new Set<string>();
      const met = await walk(driver, state, {}, async () => {
        for (const id of ids.filter((_, index) => index % 31 === gone.size % 31).slice(0, 30)) {
          await driver.store.curation.remove(QUEUE, id);
          gone.add(id);
        }
      });
      expect(new Set(idsOf(met)).size).toBe(met.length);
      const stayed = ids.filter((id) => !gone.has(id));
      expect(
        idsOf(met)
          .filter((id) => !gone.has(id))
          .sort(),
      ).toEqual(stayed.sort());
    });

    it('meets each once while others come', async () => {
      const driver = use();
      const ids = [...(await seed(driver, 900)), ...(await seed(driver, 400))];
      await driver.advance(1);
      const met = await walk(driver, state, {}, () => seed(driver, 60));
      expect(new Set(idsOf(met)).size).toBe(met.length);
      expect(
        idsOf(met)
          .filter((id) => ids.includes(id))
          .sort(),
      ).toEqual([...ids].sort());
    });
  });

  it('meets each ready job that stays once while workers take the oldest and thousands come', async () => {
    const driver = use();
    const ids = [...(await driver.putMany(1000)), ...(await driver.putMany(1000))];
    const taken: string[] = [];
    let steps = 0;
    const met = await walk(driver, 'ready', {}, async () => {
      if (steps++ > 2) return;
      for (let bulk = 0; bulk < 4; bulk++) await driver.putMany(1000);
      taken.push(...(await driver.reserve('w1', 300)).jobs.map(({ id }) => id));
    });
    const all = new Set(idsOf(met));
    expect(all.size).toBe(met.length);
    expect(ids.filter((id) => !taken.includes(id) && !all.has(id))).toEqual([]);
  });

  it('ends where workers have taken the job of its place, and with it all that are older', async () => {
    const driver = use();
    await driver.putMany(700);
    const step = await driver.store.search.scan(QUEUE, 'ready', undefined, ALL);
    expect((await driver.reserve('w1', 690)).jobs).toHaveLength(690);
    const met: string[] = [];
    let { cursor } = step;
    while (cursor !== undefined) {
      const next = await driver.store.search.scan(QUEUE, 'ready', cursor, ALL);
      met.push(...idsOf(next.jobs));
      ({ cursor } = next);
    }
    expect(met).toEqual([]);
  });

  it('does not meet what has left the line without a trace', async () => {
    const driver = use();
    const ids = await driver.putMany(5);
    await driver.store.curation.cancel(QUEUE, ids[1]);
    await driver.store.curation.remove(QUEUE, ids[3]);
    expect(idsOf(await walk(driver, 'ready'))).toEqual([ids[4], ids[2], ids[0]]);
  });

  it('refuses a place that no step gave, and a replica that is not there', async () => {
    const { store } = use();
    await expect(store.search.scan(QUEUE, 'ready', undefined, { ...ALL, on: 'replica' })).rejects.toThrow(
      UnsupportedError,
    );
  });
}
