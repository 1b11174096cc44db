import { describe, expect, it } from '@jest/globals';
import type { JobEnd } from '../../src/core/ports/duties.js';
import type { Settlement } from '../../src/core/ports/worker-store.js';
import { readHead } from '../../src/core/envelope-head.js';
import type { RetentionRule, SettledState } from '../../src/core/job.js';
import { DAY_MS, KEEP, QUEUE, type StoreDriver, type Seed } from './store-driver.js';

const ENDS = ['completed', 'cancelled', 'dead'] as const;
const ALL_KEPT: Record<SettledState, RetentionRule> = { completed: KEEP, cancelled: KEEP, dead: KEEP };

export function retentionContract(use: () => StoreDriver): void {
  async function trimAll(retention: Record<SettledState, RetentionRule>) {
    let trimmed = 0;
    let trimmedDead = 0;
    for (let steps = 0; steps < 100; steps++) {
      const reply = await use().store.duties.trim(QUEUE, retention);
      trimmed += reply.trimmed;
      trimmedDead += reply.trimmedDead;
      if (!reply.more) return { trimmed, trimmedDead };
    }
    throw new Error('trim does not end');
  }

  describe.each(ENDS)('%s', (state) => {
    it('keeps the newest, up to the count', async () => {
      const driver = use();
      const ids = await driver.putEnded(state, 8, { ...KEEP, count: 3 });
      expect(await driver.idsIn(state)).toEqual(ids.slice(5).reverse());
      await driver.expectCounts({ [state]: 3 });
    });

    it('keeps nothing with a count of 0', async () => {
      const driver = use();
      await driver.putEnded(state, 2, { ...KEEP, count: 0 });
      await driver.expectCounts({});
    });

    it('keeps the newest, up to the bytes', async () => {
      const driver = use();
      const payload = JSON.stringify('x'.repeat(500));
      const ids = await driver.putEnded(state, 6, { ...KEEP, bytes: 2000 }, { payload });
      expect(await driver.idsIn(state)).toEqual(ids.slice(3).reverse());
    });

    it('counts bytes, not characters', async () => {
      const driver = use();
      const payload = JSON.stringify('é'.repeat(500));
      const ids = await driver.putEnded(state, 3, { ...KEEP, bytes: 2500 }, { payload });
      expect(await driver.idsIn(state)).toEqual(ids.slice(1).reverse());
    });

    it('frees the user ids of what it trims', async () => {
      const driver = use();
      for (const userId of ['a', 'b']) await driver.putEnded(state, 1, { ...KEEP, count: 1 }, { userId });
      const receipts = await driver.store.intake.enqueue(QUEUE, [
        driver.newJob({ userId: 'a' }),
        driver.newJob({ userId: 'b' }),
      ]);
      expect(receipts.map(({ created }) => created)).toEqual([true, false]);
    });

    it('trims by count, bytes and age when asked to', async () => {
      const driver = use();
      const ids = await driver.putEnded(state, 6);
      await driver.advance(1000);
      ids.push(...(await driver.putEnded(state, 2)));
      expect(await trimAll(ALL_KEPT)).toEqual({ trimmed: 0, trimmedDead: 0 });
      const dead = (count: number) => (state === 'dead' ? count : 0);
      expect(await trimAll({ ...ALL_KEPT, [state]: { ...KEEP, count: 5 } })).toEqual({
        trimmed: 3,
        trimmedDead: dead(3),
      });
      expect(await driver.idsIn(state)).toEqual(ids.slice(3).reverse());
      expect(await trimAll({ ...ALL_KEPT, [state]: { ...KEEP, ageMs: 999 } })).toEqual({
        trimmed: 3,
        trimmedDead: dead(3),
      });
      expect(await driver.idsIn(state)).toEqual(ids.slice(6).reverse());
      expect(await trimAll({ ...ALL_KEPT, [state]: { ...KEEP, bytes: 1 } })).toEqual({
        trimmed: 2,
        trimmedDead: dead(2),
      });
      await driver.expectCounts({});
    });

    it('keeps what is exactly as old as allowed', async () => {
      const driver = use();
      await driver.putEnded(state, 1);
      await driver.advance(DAY_MS);
      expect(await trimAll(ALL_KEPT)).toMatchObject({ trimmed: 0 });
      await driver.advance(1);
      expect(await trimAll(ALL_KEPT)).toMatchObject({ trimmed: 1 });
    });

    it('trims everything where nothing is to be kept', async () => {
      const driver = use();
      for (const each of ENDS) await driver.putEnded(each, 3);
      await trimAll({ ...ALL_KEPT, [state]: false });
      await driver.expectCounts({ completed: 3, cancelled: 3, dead: 3, [state]: 0 });
    });

    it('counts right after some were removed', async () => {
      const driver = use();
      const rule = { ...KEEP, count: 4 };
      const ids = await driver.putEnded(state, 4, rule);
      await driver.store.curation.remove(QUEUE, ids[1]);
      await driver.store.curation.remove(QUEUE, ids[3]);
      ids.push(...(await driver.putEnded(state, 2, rule)));
      expect(await driver.idsIn(state)).toEqual([ids[5], ids[4], ids[2], ids[0]]);
      ids.push(...(await driver.putEnded(state, 1, rule)));
      expect(await driver.idsIn(state)).toEqual([ids[6], ids[5], ids[4], ids[2]]);
    });
  });

  describe.each(ENDS)('own retention of what is %s', (state) => {
    /** Ends so many jobs in one turn. */
    async function endTogether(count: number, seed: Seed = {}): Promise<string[]> {
      const driver = use();
      await driver.put(...Array.from({ length: count }, () => seed));
      const { jobs } = await driver.reserve('w1', count);
      const detail = '{"reason":"exhausted","message":"no"}';
      const settlements = jobs.map((job): Settlement => {
        if (state === 'completed') return driver.complete(job, '1', KEEP);
        const { id, token } = job;
        if (state === 'cancelled') return { op: 'cancel', id, token, keep: KEEP };
        return { op: 'bury', id, token, detail, envelope: undefined, keep: KEEP };
      });
      await driver.settle('w1', ...settlements);
      return jobs.map(({ id }) => id);
    }

    /** Behind a place, page by page. */
    async function readAll(place: string | undefined, limit: number) {
      const ends: JobEnd[] = [];
      for (let pages = 0; pages < 1000; pages++) {
        const page = await use().store.duties.readEnds(QUEUE, state, place, limit);
        expect(page.now).toBe(use().now());
        ends.push(...page.ends);
        place = page.place;
        if (!page.more) return { ends, place };
      }
      throw new Error('the ends do not end');
    }
    const idsOf = (ends: readonly JobEnd[]) => ends.map(({ id }) => id);

    it.each([1, 3, 100])('reads each end once, oldest first, by pages of %i', async (limit) => {
      const driver = use();
      const ids: string[] = [];
      expect(await readAll(undefined, limit)).toEqual({ ends: [], place: undefined });
      for (const count of [1, 5, 1, 40]) {
        ids.push(...(await endTogether(count)).sort());
        await driver.advance(1);
      }
      const first = await readAll(undefined, limit);
      expect(idsOf(first.ends)).toHaveLength(47);
      expect(idsOf(first.ends).sort()).toEqual([...ids].sort());
      expect(idsOf(first.ends).slice(0, 1)).toEqual(ids.slice(0, 1));
      expect(idsOf(first.ends).slice(1, 6).sort()).toEqual(ids.slice(1, 6));
      const later = (await endTogether(7)).sort();
      const next = await readAll(first.place, limit);
      expect(idsOf(next.ends).slice(-7).sort()).toEqual(later);
      // The last millisecond of some states is read once more: others may end in it.
      for (const { seen } of next.ends.slice(0, -7)) expect(seen).toBe(first.ends.at(-1)?.seen);
    });

    it('misses none that ends in the millisecond that was read last', async () => {
      const met = new Set<string>();
      const ids: string[] = [];
      let place: string | undefined;
      for (const count of [3, 30, 1, 2]) {
        ids.push(...(await endTogether(count)));
        const read = await readAll(place, 2);
        place = read.place;
        for (const id of idsOf(read.ends)) met.add(id);
      }
      expect([...met].sort()).toEqual(ids.sort());
    });

    it('reads the first line of an envelope and the bytes of the record, but no payload', async () => {
      const driver = use();
      const [id] = await endTogether(1, { name: 'resize', payload: JSON.stringify('é'.repeat(50)) });
      const [stored] = await driver.store.curation.read(QUEUE, [id]);
      const { ends } = await readAll(undefined, 10);
      expect(ends).toEqual([
        {
          id,
          seen: stored?.record.slice(0, 14),
          bytes: Buffer.byteLength(stored?.record ?? ''),
          head: stored?.record.split('\n')[1],
        },
      ]);
      expect(readHead(ends[0].head)?.header.n).toBe('resize');
    });

    it('goes on at its place when the jobs that it read are gone', async () => {
      const driver = use();
      const ids = await driver.putEnded(state, 6);
      const { place } = await driver.store.duties.readEnds(QUEUE, state, undefined, 3);
      await driver.advance(1);
      ids.push(...(await driver.putEnded(state, 2)));
      await driver.store.duties.dropEnds(QUEUE, (await readAll(undefined, 100)).ends.slice(0, 3));
      expect(idsOf((await readAll(place, 2)).ends)).toEqual(ids.slice(3));
      await driver.store.curation.purge(QUEUE, state, 4);
      expect(idsOf((await readAll(place, 2)).ends)).toEqual(ids.slice(7));
      await driver.store.curation.purge(QUEUE, state, 7);
      expect((await readAll(place, 2)).ends).toEqual([]);
    });

    it('removes many in one call, and everything beside them', async () => {
      const driver = use();
      const named = await driver.putEnded(state, 1, KEEP, { userId: 'a' });
      const ids = [...named, ...(await endTogether(40))];
      const events: string[] = [];
      await driver.store.notices.onEvents(QUEUE, (batch) => events.push(...batch.map(({ event }) => event)));
      const { ends } = await readAll(undefined, 100);
      const gone = ends.filter((_, index) => index === 0 || index % 3 === 1);
      expect(await driver.store.duties.dropEnds(QUEUE, gone)).toBe(gone.length);
      expect(await driver.store.duties.dropEnds(QUEUE, gone)).toBe(0);
      const left = ids.filter((id) => !idsOf(gone).includes(id));
      await driver.expectCounts({ [state]: left.length });
      expect((await driver.idsIn(state)).sort()).toEqual([...left].sort());
      expect(idsOf((await readAll(undefined, 100)).ends).sort()).toEqual([...left].sort());
      expect((await driver.store.intake.enqueue(QUEUE, [driver.newJob({ userId: 'a' })]))[0].created).toBe(true);
      await trimAll({ ...ALL_KEPT, [state]: { ...KEEP, count: 5 } });
      expect((await driver.idsIn(state)).length).toBeGreaterThanOrEqual(5);
      await trimAll({ ...ALL_KEPT, [state]: false });
      await driver.expectCounts({ ready: 1 });
      await driver.barrier();
      expect(events).toEqual(['enqueued']);
    });

    it('spares jobs that have changed since they were read, and jobs that have not ended', async () => {
      const driver = use();
      const [id] = await endTogether(1);
      const waiting = await driver.putOne();
      const others = [
        { id, seen: 'C1600000000000' },
        { id, seen: 'D1600000000000' },
        { id: waiting, seen: 'C1600000000000' },
        { id: 'zzz9', seen: 'X1600000000000' },
      ];
      expect(await driver.store.duties.dropEnds(QUEUE, others)).toBe(0);
      await driver.expectCounts({ [state]: 1, ready: 1 });
    });
  });

  it('answers how many dead letters a turn trimmed', async () => {
    const driver = use();
    await driver.putEnded('dead', 2, { ...KEEP, count: 2 });
    const { id, token } = await driver.start('w1');
    const bury = {
      op: 'bury',
      id,
      token,
      detail: '{"reason":"exhausted"}',
      envelope: undefined,
      keep: { ...KEEP, count: 1 },
    } as const;
    expect((await driver.settle('w1', bury)).trimmedDead).toBe(2);
    expect(await driver.idsIn('dead')).toEqual([id]);
  });

  it('keeps at least what the count allows of jobs that ended together', async () => {
    const driver = use();
    const rule = { ...KEEP, count: 5 };
    for (let round = 0; round < 4; round++) {
      await driver.putMany(4);
      const { jobs } = await driver.reserve('w1', 4);
      await driver.settle('w1', ...jobs.map((job) => driver.complete(job, '1', rule)));
    }
    const kept = (await driver.store.curation.counts(QUEUE)).completed;
    expect(kept).toBeGreaterThanOrEqual(5);
    expect(kept).toBeLessThan(5 + 4);
  });

  it('keeps jobs that have not ended', async () => {
    const driver = use();
    await driver.start('w1');
    await driver.put({}, { delayMs: 10_000_000_000 });
    await driver.advance(DAY_MS * 400);
    expect(await trimAll({ completed: false, cancelled: false, dead: false })).toMatchObject({ trimmed: 0 });
    await driver.expectCounts({ ready: 1, active: 1, scheduled: 1 });
  });

  it('trims what a cancel or a crash ended', async () => {
    const driver = use();
    const id = await driver.putOne();
    await driver.store.curation.cancel(QUEUE, id);
    await driver.advance(DAY_MS + 1);
    expect(await trimAll(ALL_KEPT)).toEqual({ trimmed: 1, trimmedDead: 0 });
    await driver.expectCounts({});
  });

  it('leaves what is kept of the others alone when a marked job ends as cancelled', async () => {
    const driver = use();
    const roomy = { ...KEEP, count: 10_000 };
    await driver.putMany(1003);
    const { jobs } = await driver.reserve('w1', 1003);
    const marked = jobs.splice(0, 3);
    await driver.settle('w1', ...jobs.map(({ id, token }) => ({ op: 'cancel' as const, id, token, keep: roomy })));
    for (const { id } of marked) expect(await driver.store.curation.cancel(QUEUE, id)).toBe('requested');
    const [released, retried, parked] = marked.map(({ id, token }) => ({ id, token }));
    const envelope = driver.envelope();
    await driver.settle(
      'w1',
      { op: 'release', ...released },
      { op: 'retry', ...retried, delayMs: 0, envelope },
      { op: 'park', ...parked, name: 'default' },
    );
    await driver.expectCounts({ cancelled: 1003 });
    expect(await trimAll({ ...ALL_KEPT, cancelled: roomy })).toEqual({ trimmed: 0, trimmedDead: 0 });
    expect(await trimAll({ ...ALL_KEPT, cancelled: false })).toEqual({ trimmed: 1003, trimmedDead: 0 });
  });

  it('trims many in bounded steps', async () => {
    const driver = use();
    for (let round = 0; round < 3; round++) {
      await driver.putMany(1000);
      const { jobs } = await driver.reserve('w1', 1000);
      await driver.settle('w1', ...jobs.map((job) => driver.complete(job, '1', { ...KEEP, count: 10_000 })));
    }
    await driver.expectCounts({ completed: 3000 });
    expect(await trimAll({ ...ALL_KEPT, completed: false })).toMatchObject({ trimmed: 3000 });
    await driver.expectCounts({});
  });
}
