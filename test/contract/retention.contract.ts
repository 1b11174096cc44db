import { describe, expect, it } from '@jest/globals';
import type { RetentionRule, SettledState } from '../../src/core/job.js';
import { DAY_MS, KEEP, QUEUE, type BrokerDriver } from './broker-driver.js';

const ENDS = ['completed', 'cancelled', 'dead'] as const;
const ALL_KEPT: Record<SettledState, RetentionRule> = { completed: KEEP, cancelled: KEEP, dead: KEEP };

export function retentionContract(use: () => BrokerDriver): void {
  async function trimAll(retention: Record<SettledState, RetentionRule>) {
    let trimmed = 0;
    let trimmedDead = 0;
    for (let steps = 0; steps < 100; steps++) {
      const reply = await use().broker.trim(QUEUE, retention);
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
      const receipts = await driver.broker.enqueue(QUEUE, [
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
      await driver.broker.remove(QUEUE, ids[1]);
      await driver.broker.remove(QUEUE, ids[3]);
      ids.push(...(await driver.putEnded(state, 2, rule)));
      expect(await driver.idsIn(state)).toEqual([ids[5], ids[4], ids[2], ids[0]]);
      ids.push(...(await driver.putEnded(state, 1, rule)));
      expect(await driver.idsIn(state)).toEqual([ids[6], ids[5], ids[4], ids[2]]);
    });
  });

  it('tells how many dead letters a turn trimmed', async () => {
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
    const kept = (await driver.broker.counts(QUEUE)).completed;
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
    await driver.broker.cancel(QUEUE, id);
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
    for (const { id } of marked) expect(await driver.broker.cancel(QUEUE, id)).toBe('requested');
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
