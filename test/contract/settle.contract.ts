import { describe, expect, it } from '@jest/globals';
import type { ReservedJob, Settlement } from '../../src/core/ports/worker-store.js';
import { KEEP, LEASE_MS, QUEUE, type StoreDriver } from './store-driver.js';

/** limit.contract.ts has the one that is left out. */
type Kind = Exclude<Settlement['op'], 'limit'>;

const DETAIL = '{"reason":"exhausted","message":"no"}';

function settlementOf(kind: Kind, { id, token }: { id: string; token: string }, envelope: string): Settlement {
  const all: { [K in Kind]: Extract<Settlement, { op: K }> } = {
    complete: { op: 'complete', id, token, result: '{"ok":true}', envelope: undefined, keep: KEEP },
    retry: { op: 'retry', id, token, delayMs: 0, envelope },
    snooze: { op: 'snooze', id, token, delayMs: 500, envelope: undefined },
    release: { op: 'release', id, token },
    park: { op: 'park', id, token, name: 'resize' },
    cancel: { op: 'cancel', id, token, keep: KEEP },
    bury: { op: 'bury', id, token, detail: DETAIL, envelope: undefined, keep: KEEP },
  };
  return all[kind];
}

const STATE_AFTER = {
  complete: 'completed',
  retry: 'ready',
  snooze: 'scheduled',
  release: 'ready',
  park: 'parked',
  cancel: 'cancelled',
  bury: 'dead',
} as const;

const KINDS = Object.keys(STATE_AFTER) as Kind[];

export function settleContract(use: () => StoreDriver): void {
  const seed = { name: 'resize' };

  describe.each(KINDS)('%s', (kind) => {
    it(`makes an active job ${STATE_AFTER[kind]}`, async () => {
      const driver = use();
      const job = await driver.start('w1', seed);
      const reply = await driver.settle('w1', settlementOf(kind, job, driver.envelope(seed)));
      expect(reply.lost).toEqual([]);
      expect(await driver.stateOf(job.id)).toBe(STATE_AFTER[kind]);
      await driver.expectCounts({ [STATE_AFTER[kind]]: 1 });
    });

    it('is refused when a newer run exists', async () => {
      const driver = use();
      const old = await driver.start('w1', seed);
      await driver.settle('w1', { op: 'release', id: old.id, token: old.token });
      const [fresh] = (await driver.reserve('w1')).jobs;
      const reply = await driver.settle(
        'w1',
        settlementOf(kind, old, driver.envelope({ ...seed, payload: '"stale"' })),
      );
      expect(reply.lost).toEqual([old.id]);
      const [stored] = await driver.store.curation.read(QUEUE, [old.id]);
      expect(stored).toMatchObject({ state: 'active', record: driver.envelope(seed) });
      expect((await driver.settle('w1', driver.complete(fresh))).lost).toEqual([]);
    });

    it('is refused when the job has ended', async () => {
      const driver = use();
      const job = await driver.start('w1', seed);
      await driver.settle('w1', driver.complete(job, '"first"'));
      const reply = await driver.settle('w1', settlementOf(kind, job, driver.envelope(seed)));
      expect(reply.lost).toEqual([job.id]);
      expect(await driver.settledOf(job.id)).toMatchObject({ state: 'completed', detail: '"first"' });
    });

    it('is refused when the job never was, or waits', async () => {
      const driver = use();
      const id = await driver.putOne(seed);
      const envelope = driver.envelope(seed);
      const reply = await driver.settle(
        'w1',
        settlementOf(kind, { id: 'zzzzzzzzzz', token: 'w1:1' }, envelope),
        settlementOf(kind, { id, token: '' }, envelope),
      );
      expect(reply.lost.sort()).toEqual([id, 'zzzzzzzzzz'].sort());
      await driver.expectCounts({ ready: 1 });
    });

    it("is refused with another worker's token", async () => {
      const driver = use();
      const job = await driver.start('w1', seed);
      const stolen = { id: job.id, token: job.token.replace('w1', 'w2') };
      expect((await driver.settle('w2', settlementOf(kind, stolen, driver.envelope(seed)))).lost).toEqual([job.id]);
      expect(await driver.stateOf(job.id)).toBe('active');
    });

    it('settles the other jobs of a turn where one is lost', async () => {
      const driver = use();
      await driver.put(seed, seed, seed);
      const { jobs } = await driver.reserve('w1', 3);
      const envelope = driver.envelope(seed);
      const settlements = [jobs[0], { ...jobs[1], token: 'w1:1' }, jobs[2]].map((job) =>
        settlementOf(kind, job, envelope),
      );
      expect((await driver.settle('w1', ...settlements)).lost).toEqual([jobs[1].id]);
      await driver.expectCounts({ active: 1, [STATE_AFTER[kind]]: 2 });
    });
  });

  describe.each(KINDS)('%s of what two turns reserved', (kind) => {
    /** Two jobs under each of two tokens. */
    async function reserved(driver: StoreDriver): Promise<ReservedJob[]> {
      await driver.put(seed, seed, seed, seed);
      const jobs = [...(await driver.reserve('w1', 2)).jobs, ...(await driver.reserve('w1', 2)).jobs];
      expect(new Set(jobs.map(({ token }) => token)).size).toBe(2);
      return jobs;
    }

    it.each([
      ['one token behind the other', [0, 1, 2, 3]],
      ['the tokens in turns', [0, 2, 1, 3]],
    ])('settles in one turn, %s', async (_order, order) => {
      const driver = use();
      const jobs = await reserved(driver);
      const settlements = order.map((index) => settlementOf(kind, jobs[index], driver.envelope(seed)));
      expect((await driver.settle('w1', ...settlements)).lost).toEqual([]);
      await driver.expectCounts({ [STATE_AFTER[kind]]: 4 });
      await driver.expectConserved();
    });

    it('names the jobs whose lease is gone, and settles the others', async () => {
      const driver = use();
      const jobs = await reserved(driver);
      const [first, second, third, fourth] = jobs;
      // The second goes to somebody else; the fourth comes under the token of the first two.
      await driver.store.workers.reconcile(QUEUE, 'w1', [first, third, fourth]);
      const [stolen] = (await driver.reserve('w2')).jobs;
      expect(stolen.id).toBe(second.id);
      const settled = [first, second, { ...fourth, token: first.token }, third];
      const settlements = settled.map((job) => settlementOf(kind, job, driver.envelope(seed)));
      expect((await driver.settle('w1', ...settlements)).lost).toEqual([second.id, fourth.id]);
      expect([await driver.stateOf(first.id), await driver.stateOf(third.id)]).toEqual(
        Array.from({ length: 2 }, () => STATE_AFTER[kind]),
      );
      await driver.expectCounts({ active: 2, [STATE_AFTER[kind]]: 2 });
      expect((await driver.settle('w1', driver.complete(fourth))).lost).toEqual([]);
      expect((await driver.settle('w2', driver.complete(stolen))).lost).toEqual([]);
      await driver.expectConserved();
    });

    it('settles once what one turn names twice', async () => {
      const driver = use();
      const [first, second, third] = await reserved(driver);
      const named = [first, second, first, third, third];
      const settlements = named.map((job) => settlementOf(kind, job, driver.envelope(seed)));
      expect((await driver.settle('w1', ...settlements)).lost.sort()).toEqual([first.id, third.id].sort());
      await driver.expectCounts({ active: 1, [STATE_AFTER[kind]]: 3 });
      if (STATE_AFTER[kind] === 'ready') expect((await driver.reserve('w2', 10)).jobs).toHaveLength(3);
      await driver.expectConserved();
    });
  });

  it('settles every kind in one turn, and reserves what became ready', async () => {
    const driver = use();
    await driver.put(...KINDS.map(() => seed));
    const { jobs } = await driver.reserve('w1', KINDS.length);
    const settlements = KINDS.map((kind, index) => settlementOf(kind, jobs[index], driver.envelope(seed)));
    const reply = await driver.reserve('w1', 10, { settlements });
    expect(reply.lost).toEqual([]);
    const released = jobs[KINDS.indexOf('release')].id;
    const retried = jobs[KINDS.indexOf('retry')].id;
    expect(reply.jobs.map(({ id }) => id)).toEqual([released, retried]);
    await driver.expectCounts({ active: 2, completed: 1, scheduled: 1, parked: 1, cancelled: 1, dead: 1 });
  });

  it('keeps a completed job with its result and its envelope', async () => {
    const driver = use();
    const job = await driver.start('w1', { userId: 'a', payload: '"p"' });
    await driver.settle('w1', driver.complete(job, '{"n":1}'));
    const [stored] = await driver.store.curation.read(QUEUE, ['a']);
    const line = stored?.record.slice(0, stored.record.indexOf('\n'));
    expect(line).toMatch(/^C\d{13}\{"n":1\}$/);
    expect(stored?.record.slice((line?.length ?? 0) + 1)).toBe(driver.envelope({ userId: 'a', payload: '"p"' }));
  });

  it('takes the envelope that comes with a completion', async () => {
    const driver = use();
    const { id, token, envelope } = await driver.start('w1', { userId: 'a' });
    await driver.settle('w1', { op: 'complete', id, token, result: '', envelope, keep: KEEP });
    const [stored] = await driver.store.curation.read(QUEUE, ['a']);
    expect(stored?.record).toMatch(/^C\d{13}\n1/);
    expect(stored?.record.endsWith(envelope)).toBe(true);
  });

  it('completes jobs of several reservations in one turn', async () => {
    const driver = use();
    const jobs: ReservedJob[] = [];
    for (let index = 0; index < 3; index++) jobs.push(await driver.start('w1'));
    const withEnvelope = jobs.map((job, index) => ({
      ...driver.complete(job, String(index)),
      envelope: index === 1 ? job.envelope : undefined,
    }));
    expect((await driver.settle('w1', ...(withEnvelope as Settlement[]))).lost).toEqual([]);
    expect(await driver.idsIn('completed')).toEqual(jobs.map(({ id }) => id).reverse());
    for (const [index, { id }] of jobs.entries()) expect((await driver.settledOf(id))?.detail).toBe(String(index));
  });

  it('keeps an empty result', async () => {
    const driver = use();
    const job = await driver.start('w1');
    await driver.settle('w1', driver.complete(job, ''));
    expect((await driver.settledOf(job.id))?.detail).toBe('');
  });

  it('stamps ends with its own clock', async () => {
    const driver = use();
    const dead = await driver.start('w1');
    const cancelled = await driver.start('w1');
    await driver.advance(1234);
    const envelope = driver.envelope();
    await driver.settle('w1', settlementOf('bury', dead, envelope), settlementOf('cancel', cancelled, envelope));
    expect(await driver.settledOf(dead.id)).toEqual({ state: 'dead', settledAt: driver.now(), detail: DETAIL });
    expect(await driver.settledOf(cancelled.id)).toEqual({
      state: 'cancelled',
      settledAt: driver.now(),
      detail: '{"reason":"cancelled"}',
    });
  });

  it('stamps a completion with its own clock as the worker knows it', async () => {
    const driver = use();
    const job = await driver.start('w1');
    await driver.advance(3_600_000);
    await driver.store.workers.beat(QUEUE, 'w1', LEASE_MS);
    await driver.settle('w1', driver.complete(job));
    // A store may go by the clock it learned with its last reply, never by the clock of the host.
    const settledAt = (await driver.settledOf(job.id))?.settledAt ?? 0;
    expect(settledAt).toBeGreaterThanOrEqual(driver.now());
    expect(settledAt).toBeLessThan(driver.now() + 60_000);
  });

  it.each(['complete', 'cancel', 'bury'] as const)('%s keeps nothing where nothing is to be kept', async (kind) => {
    const driver = use();
    const job = await driver.start('w1', { userId: 'a' });
    const reply = await driver.settle('w1', { ...settlementOf(kind, job, ''), keep: false } as Settlement);
    expect(reply).toMatchObject({ lost: [], trimmedDead: 0 });
    expect(await driver.store.curation.read(QUEUE, [job.id, 'a'])).toEqual([undefined, undefined]);
    await driver.expectCounts({});
  });

  it('buries with a new envelope, or with the one that is stored', async () => {
    const driver = use();
    const first = await driver.start('w1');
    const second = await driver.start('w1');
    const envelope = driver.envelope({ payload: '"new"' });
    await driver.settle(
      'w1',
      { op: 'bury', id: first.id, token: first.token, detail: DETAIL, envelope, keep: KEEP },
      { op: 'bury', id: second.id, token: second.token, detail: DETAIL, envelope: undefined, keep: KEEP },
    );
    const [changed, same] = await driver.store.curation.read(QUEUE, [first.id, second.id]);
    expect(changed?.record).toBe(`D${driver.now()}${DETAIL}\n${envelope}`);
    expect(same?.record).toBe(`D${driver.now()}${DETAIL}\n${second.envelope}`);
  });

  it('stores a detail of several lines so that it can be read back', async () => {
    const driver = use();
    const { id, token, envelope } = await driver.start('w1');
    await driver.settle('w1', {
      op: 'bury',
      id,
      token,
      detail: '{\n"reason":"exhausted"}',
      envelope: undefined,
      keep: KEEP,
    });
    const [stored] = await driver.store.curation.read(QUEUE, [id]);
    expect((await driver.settledOf(id))?.detail).toBe('{ "reason":"exhausted"}');
    expect(stored?.record.endsWith(`\n${envelope}`)).toBe(true);
  });

  it('retries at once at the back, with the new envelope', async () => {
    const driver = use();
    const [first, second] = await driver.putMany(2);
    const [job] = (await driver.reserve('w1')).jobs;
    const envelope = driver.envelope({ payload: '"again"' });
    const retry: Settlement = { op: 'retry', id: first, token: job.token, delayMs: 0, envelope };
    const reply = await driver.reserve('w1', 2, { settlements: [retry] });
    expect(reply.jobs.map(({ id }) => id)).toEqual([second, first]);
    expect(reply.jobs[1].envelope).toBe(envelope);
  });

  it('retries after a delay by its own clock', async () => {
    const driver = use();
    const { id, token } = await driver.start('w1');
    const envelope = driver.envelope({ payload: '"again"' });
    const reply = await driver.reserve('w1', 1, {
      settlements: [{ op: 'retry', id, token, delayMs: 1000, envelope }],
    });
    expect(reply).toMatchObject({ jobs: [], nextDueAt: driver.now() + 1000 });
    expect((await driver.store.curation.read(QUEUE, [id]))[0]).toMatchObject({
      state: 'scheduled',
      dueAt: driver.now() + 1000,
      record: envelope,
    });
    await driver.advance(999);
    expect((await driver.reserve('w1')).jobs).toEqual([]);
    await driver.advance(1);
    expect((await driver.reserve('w1')).jobs[0]).toMatchObject({ id, envelope });
  });

  it('snoozes with the stored envelope unless given another, at once at the back', async () => {
    const driver = use();
    const ids = await driver.putMany(3);
    const { jobs } = await driver.reserve('w1', 2);
    const envelope = driver.envelope({ payload: '"later"' });
    await driver.settle(
      'w1',
      { op: 'snooze', id: ids[0], token: jobs[0].token, delayMs: 0, envelope: undefined },
      { op: 'snooze', id: ids[1], token: jobs[1].token, delayMs: 0, envelope },
    );
    const reply = await driver.reserve('w1', 3);
    expect(reply.jobs.map(({ id }) => id)).toEqual([ids[2], ids[0], ids[1]]);
    expect(reply.jobs[1].envelope).toBe(jobs[0].envelope);
    expect(reply.jobs[2].envelope).toBe(envelope);
  });

  it('releases to the front, in the order they had', async () => {
    const driver = use();
    const ids = await driver.putMany(4);
    const { jobs } = await driver.reserve('w1', 3);
    await driver.settle('w1', ...jobs.map(({ id, token }): Settlement => ({ op: 'release', id, token })));
    expect(await driver.idsIn('ready')).toEqual(ids);
    expect((await driver.reserve('w1', 4)).jobs.map(({ id }) => id)).toEqual(ids);
  });

  it('releases jobs in their order where other ends stand between them in the turn', async () => {
    const driver = use();
    const ids = await driver.putMany(4);
    const { jobs } = await driver.reserve('w1', 3);
    const release = ({ id, token }: ReservedJob): Settlement => ({ op: 'release', id, token });
    await driver.settle('w1', release(jobs[0]), driver.complete(jobs[1]), release(jobs[2]));
    expect(await driver.idsIn('ready')).toEqual([ids[0], ids[2], ids[3]]);
  });

  it('releases a prioritised job to the front of its priority', async () => {
    const driver = use();
    const ids = await driver.put({ priority: 5 }, { priority: 5 }, { priority: 7 });
    const { jobs } = await driver.reserve('w1', 2);
    expect(jobs.map(({ id }) => id)).toEqual([ids[2], ids[0]]);
    await driver.settle('w1', { op: 'release', id: ids[0], token: jobs[1].token });
    expect((await driver.reserve('w1', 3)).jobs.map(({ id }) => id)).toEqual([ids[0], ids[1]]);
  });
}
