import { describe, expect, it } from '@jest/globals';
import type { StoredJob } from '../../src/core/ports/curation.js';
import { JOB_STATES } from '../../src/core/job.js';
import { KEEP, QUEUE, type StoreDriver } from './store-driver.js';

const ENDS = ['completed', 'cancelled', 'dead'] as const;
const STATES = ['scheduled', 'ready', 'active', 'parked', ...ENDS] as const;
const STRANGER = 'zzzzzzzzzz';

/** A job that got to this state; no other job may be ready. */
async function putIn(driver: StoreDriver, state: (typeof STATES)[number], userId?: string): Promise<string> {
  const seed = { name: 'resize', ...(userId === undefined ? {} : { userId }) };
  if (state === 'completed' || state === 'cancelled' || state === 'dead') {
    return (await driver.putEnded(state, 1, KEEP, seed))[0];
  }
  if (state === 'scheduled') return driver.putOne({ ...seed, delayMs: 60_000 });
  if (state === 'ready') return driver.putOne(seed);
  const { id, token } = await driver.start('w1', seed);
  if (state === 'parked') await driver.settle('w1', { op: 'park', id, token, name: 'resize' });
  return id;
}

export function curateContract(use: () => StoreDriver): void {
  // ------------------------------------------------------------ read, list, counts

  it('counts every state, and adds up', async () => {
    const driver = use();
    for (const state of STATES) if (state !== 'ready') await putIn(driver, state);
    await putIn(driver, 'ready');
    await driver.expectCounts(Object.fromEntries(STATES.map((state) => [state, 1])));
    const none = await driver.store.curation.counts('nothing-here');
    expect(Object.keys(none).sort()).toEqual([...JOB_STATES, 'paused'].sort());
    await driver.store.curation.setPaused(QUEUE, true);
    expect([(await driver.store.curation.counts(QUEUE)).paused, none.paused]).toEqual([true, false]);
    await driver.store.curation.setPaused(QUEUE, false);
    expect((await driver.store.curation.counts(QUEUE)).paused).toBe(false);
  });

  it('reads jobs in the order they were asked for', async () => {
    const driver = use();
    const [first, second] = await driver.put({ userId: 'a' }, { delayMs: 5 });
    const found = await driver.store.curation.read(QUEUE, [second, STRANGER, 'a', first, '']);
    expect(found.map((job) => job?.id)).toEqual([second, undefined, first, first, undefined]);
    expect(found.map((job) => job?.dueAt)).toEqual([driver.now() + 5, undefined, undefined, undefined, undefined]);
    expect(await driver.store.curation.read(QUEUE, [])).toEqual([]);
  });

  it.each(STATES)('reads and lists a job that is %s', async (state) => {
    const driver = use();
    const id = await putIn(driver, state);
    const [stored] = await driver.store.curation.read(QUEUE, [id]);
    expect(stored?.state).toBe(state);
    expect((await driver.store.curation.list(QUEUE, state, undefined, 10)).jobs).toEqual([stored]);
  });

  it.each(STATES)('lists what is %s page by page, each once', async (state) => {
    const driver = use();
    const ids: string[] = [];
    if (state === 'ready') ids.push(...(await driver.putMany(25)));
    else if (state === 'active') {
      await driver.putMany(25);
      ids.push(...(await driver.reserve('w1', 25)).jobs.map(({ id }) => id));
    } else for (let index = 0; index < 25; index++) ids.push(await putIn(driver, state));
    const listed = await driver.idsIn(state, 7);
    expect([...listed].sort()).toEqual([...ids].sort());
    expect(await driver.idsIn(state, 25)).toHaveLength(25);
    for (const size of [1, 24, 26, 500]) expect(await driver.idsIn(state, size)).toHaveLength(25);
  });

  it.each(ENDS)('lists what is %s newest first', async (state) => {
    const driver = use();
    const ids: string[] = [];
    for (let index = 0; index < 4; index++) {
      ids.push(await putIn(driver, state));
      await driver.advance(1);
    }
    expect(await driver.idsIn(state, 3)).toEqual(ids.reverse());
  });

  it('lists parked jobs of several names', async () => {
    const driver = use();
    const parked: string[] = [];
    for (const name of ['b', 'a', 'b']) {
      const { id, token } = await driver.start('w1', { name });
      await driver.settle('w1', { op: 'park', id, token, name });
      parked.push(id);
    }
    expect((await driver.idsIn('parked', 2)).sort()).toEqual(parked);
  });

  it.each(JOB_STATES)('lists an empty state: %s', async (state) => {
    expect(await use().store.curation.list(QUEUE, state, undefined, 10)).toEqual({ jobs: [], cursor: undefined });
  });

  it.each(STATES)('ends a listing of %s while jobs are removed under it', async (state) => {
    const driver = use();
    if (state === 'active') return; // these cannot be removed
    for (let index = 0; index < 12; index++) await (state === 'ready' ? driver.putOne() : putIn(driver, state));
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await driver.store.curation.list(QUEUE, state, cursor, 3);
      for (const { id } of page.jobs) expect(await driver.store.curation.remove(QUEUE, id)).toBe('removed');
      cursor = page.cursor;
    } while (cursor !== undefined && ++pages < 100);
    expect(cursor).toBeUndefined();
  });

  describe.each([1, 3, 7])('in pages of %i', (limit) => {
    /** Every page of a state, with something done to each job as it is met. */
    async function meetEach(
      { store }: StoreDriver,
      state: (typeof STATES)[number],
      act: (job: StoredJob) => Promise<unknown>,
    ): Promise<string[]> {
      const met: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await store.curation.list(QUEUE, state, cursor, limit);
        for (const job of page.jobs) {
          met.push(job.id);
          if (met.length > 500) throw new Error(`The listing of ${state} does not end`);
          await act(job);
        }
        cursor = page.cursor;
      } while (cursor !== undefined);
      return met;
    }

    it.each(STATES.filter((state) => state !== 'active'))(
      'meets each job that is %s once, removing it',
      async (state) => {
        const driver = use();
        const ids: string[] = [];
        // Most of them at one instant: places of equal scores.
        for (let index = 0; index < 23; index++) {
          ids.push(await (state === 'ready' ? driver.putOne() : putIn(driver, state)));
          if (index % 9 === 8) await driver.advance(1);
        }
        const met = await meetEach(driver, state, ({ id }) => driver.store.curation.remove(QUEUE, id));
        expect([...met].sort()).toEqual([...ids].sort());
        expect(new Set(met).size).toBe(met.length);
        expect(await driver.idsIn(state)).toEqual([]);
      },
    );

    it('meets each dead job once, retrying it, though some die again', async () => {
      const driver = use();
      const ids: string[] = [];
      for (let index = 0; index < 20; index++) ids.push(await putIn(driver, 'dead'));
      await driver.advance(1);
      let count = 0;
      const met = await meetEach(driver, 'dead', async ({ id, record }) => {
        await driver.store.curation.retryDead(QUEUE, id, Number(record.slice(1, 14)), driver.envelope());
        const { jobs } = await driver.reserve('w1');
        if (count++ % 3 === 0) {
          const { token } = jobs[0];
          await driver.settle('w1', { op: 'bury', id, token, detail: '{}', envelope: undefined, keep: KEEP });
        } else await driver.settle('w1', driver.complete(jobs[0]));
      });
      expect([...met].sort()).toEqual([...ids].sort());
    });

    it.each(ENDS)('meets each %s job once while others end', async (state) => {
      const driver = use();
      const ids: string[] = [];
      for (let index = 0; index < 15; index++) ids.push(await putIn(driver, state));
      await driver.advance(1);
      const met = await meetEach(driver, state, () => driver.putEnded(state, 1));
      expect([...met].sort()).toEqual([...ids].sort());
    });

    it('meets each ready job of every priority once while others come before and behind', async () => {
      const driver = use();
      const ids: string[] = [];
      for (let index = 0; index < 21; index++) {
        ids.push(await driver.putOne(index % 3 === 0 ? { priority: 1 + (index % 5) } : {}));
      }
      let added = 0;
      const met = await meetEach(driver, 'ready', async ({ id }) => {
        if (!ids.includes(id)) return;
        await driver.store.curation.cancel(QUEUE, id);
        if (added++ < 10) await driver.put({ priority: 9 }, {});
      });
      expect(met.filter((id) => ids.includes(id)).sort()).toEqual([...ids].sort());
      expect(new Set(met).size).toBe(met.length);
    });

    it('meets each ready job that waits while workers take the others', async () => {
      const driver = use();
      const ids = await driver.putMany(24);
      const taken: string[] = [];
      const met = await meetEach(driver, 'ready', async () => {
        taken.push(...(await driver.reserve('w1', 1)).jobs.map(({ id }) => id));
      });
      // What was taken before its page came is not ready any more.
      expect([...new Set([...met, ...taken])].sort()).toEqual([...ids].sort());
      expect(new Set(met).size).toBe(met.length);
    });

    it('meets each suspect once, cancelling it', async () => {
      const driver = use();
      const ids = await driver.putMany(8);
      for (const worker of ['crasher-1', 'crasher-2']) {
        expect((await driver.reserve(worker, 8)).jobs).toHaveLength(8);
        await driver.expireLeases();
      }
      const others = await driver.put({ priority: 2 }, {});
      const met = await meetEach(driver, 'ready', ({ id }) => driver.store.curation.cancel(QUEUE, id));
      expect(met).toEqual([...ids.sort(), ...others]);
    });

    it('meets each job that was scheduled once while they are hurried', async () => {
      const driver = use();
      const ids = await driver.put(...Array.from({ length: 16 }, (_, index) => ({ delayMs: 1000 + (index % 4) })));
      const met = await meetEach(driver, 'scheduled', async ({ id }) => {
        await driver.store.curation.remove(QUEUE, id);
        await driver.putOne({ delayMs: 10 });
      });
      expect([...met].sort()).toEqual([...ids].sort());
    });
  });

  it('goes on in a long line of which workers take thousands between two pages', async () => {
    const driver = use();
    const ids: string[] = [];
    for (let bulk = 0; bulk < 14; bulk++) ids.push(...(await driver.putMany(1000)));
    async function pageAt(index: number): Promise<string> {
      let cursor: string | undefined;
      for (let met = 0; met < index; met += 500)
        ({ cursor } = await driver.store.curation.list(QUEUE, 'ready', cursor, 500));
      return cursor ?? '';
    }
    const twelfth = await pageAt(12_000);
    for (let turn = 0; turn < 11; turn++) expect((await driver.reserve('w1', 1000)).jobs).toHaveLength(1000);
    await driver.putMany(10);
    let page = await driver.store.curation.list(QUEUE, 'ready', twelfth, 500);
    while (page.jobs.length === 0) page = await driver.store.curation.list(QUEUE, 'ready', page.cursor, 500);
    expect(page.jobs.map(({ id }) => id)).toEqual(ids.slice(12_000, 12_500));
    // They took the last one that was listed, and more: what is left begins behind.
    for (let turn = 0; turn < 2; turn++) await driver.reserve('w1', 1000);
    page = await driver.store.curation.list(QUEUE, 'ready', page.cursor, 5);
    expect(page.jobs.map(({ id }) => id)).toEqual(ids.slice(13_000, 13_005));
  });

  it('goes on behind a completed job that others have ended after by the hundred', async () => {
    const driver = use();
    const keep = { ...KEEP, count: 10_000 };
    const ids = await driver.putEnded('completed', 20, keep);
    await driver.advance(1);
    const { cursor } = await driver.store.curation.list(QUEUE, 'completed', undefined, 4);
    await driver.putEnded('completed', 600, keep);
    const page = await driver.store.curation.list(QUEUE, 'completed', cursor, 10);
    expect(page.jobs.map(({ id }) => id)).toEqual(ids.slice(6, 16).reverse());
    // Trimmed away: all that was older is gone, too.
    await driver.putEnded('completed', 1, { ...keep, count: 100 });
    for (let more = true; more;)
      ({ more } = await driver.store.duties.trim(QUEUE, {
        completed: { ...keep, count: 100 },
        cancelled: keep,
        dead: keep,
      }));
    expect(await driver.store.curation.list(QUEUE, 'completed', page.cursor, 10)).toEqual({
      jobs: [],
      cursor: undefined,
    });
  });

  it('ends a listing of active jobs while they end', async () => {
    const driver = use();
    await driver.putMany(12);
    const tokens = new Map((await driver.reserve('w1', 12)).jobs.map(({ id, token }) => [id, token]));
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await driver.store.curation.list(QUEUE, 'active', cursor, 3);
      await driver.settle('w1', ...page.jobs.map(({ id }) => driver.complete({ id, token: tokens.get(id) ?? '' })));
      cursor = page.cursor;
    } while (cursor !== undefined && ++pages < 100);
    expect(cursor).toBeUndefined();
  });

  it.each(JOB_STATES)('refuses a cursor that it never gave: %s', async (state) => {
    const driver = use();
    for (const cursor of ['nonsense', '-1', '1e9', 'x:1', '1:', '\n']) {
      await expect(driver.store.curation.list(QUEUE, state, cursor, 10)).rejects.toMatchObject({
        code: 'TASK_QUEUE_INVALID_VALUE',
      });
    }
  });

  // ------------------------------------------------------------ cancel

  it.each(['scheduled', 'ready', 'parked'] as const)('cancels a job that is %s at once', async (state) => {
    const driver = use();
    const id = await putIn(driver, state, 'a');
    expect(await driver.store.curation.cancel(QUEUE, 'a')).toBe('cancelled');
    expect(await driver.settledOf(id)).toEqual({
      state: 'cancelled',
      settledAt: driver.now(),
      detail: '{"reason":"cancelled"}',
    });
    await driver.expectCounts({ cancelled: 1 });
    expect(await driver.store.curation.cancel(QUEUE, id)).toBe('finished');
    await driver.advance(60_000);
    expect((await driver.reserve('w1', 5, { adopt: '*' })).jobs).toEqual([]);
  });

  it('cancels a job with a priority', async () => {
    const driver = use();
    const id = await driver.putOne({ priority: 3 });
    expect(await driver.store.curation.cancel(QUEUE, id)).toBe('cancelled');
    await driver.expectCounts({ cancelled: 1 });
  });

  it.each(ENDS)('answers "finished" for a job that is %s', async (state) => {
    const driver = use();
    const id = await putIn(driver, state);
    expect(await driver.store.curation.cancel(QUEUE, id)).toBe('finished');
    expect(await driver.stateOf(id)).toBe(state);
  });

  it('answers "not-found" for a job that does not exist', async () => {
    expect(await use().store.curation.cancel(QUEUE, STRANGER)).toBe('not-found');
  });

  describe('cancel of an active job', () => {
    it('marks it, and answers each beat and turn of its worker with the mark', async () => {
      const driver = use();
      const { id } = await driver.start('w1', { userId: 'a' });
      await driver.start('w2');
      expect(await driver.store.curation.cancel(QUEUE, 'a')).toBe('requested');
      expect(await driver.store.curation.cancel(QUEUE, id)).toBe('requested');
      expect((await driver.store.curation.read(QUEUE, [id]))[0]).toMatchObject({ state: 'active', cancelling: true });
      expect((await driver.store.workers.beat(QUEUE, 'w1', 8000)).cancelling).toEqual([id]);
      expect((await driver.store.workers.beat(QUEUE, 'w1', 8000)).cancelling).toEqual([id]);
      expect((await driver.store.workers.beat(QUEUE, 'w2', 8000)).cancelling).toEqual([]);
      expect((await driver.reserve('w1', 0)).cancelling).toEqual([id]);
      expect((await driver.reserve('w2', 0)).cancelling).toEqual([]);
    });

    it('lets a completion stand', async () => {
      const driver = use();
      const job = await driver.start('w1');
      await driver.store.curation.cancel(QUEUE, job.id);
      await driver.settle('w1', driver.complete(job));
      expect((await driver.store.curation.read(QUEUE, [job.id]))[0]).toMatchObject({
        state: 'completed',
        cancelling: false,
      });
    });

    it.each(['retry', 'retry later', 'snooze', 'release', 'park', 'cancel'] as const)('ends it at %s', async (kind) => {
      const driver = use();
      const { id, token, envelope } = await driver.start('w1', { name: 'resize', priority: 2 });
      await driver.store.curation.cancel(QUEUE, id);
      const settlements = {
        retry: { op: 'retry', id, token, delayMs: 0, envelope },
        'retry later': { op: 'retry', id, token, delayMs: 50, envelope },
        snooze: { op: 'snooze', id, token, delayMs: 50, envelope: undefined },
        release: { op: 'release', id, token },
        park: { op: 'park', id, token, name: 'resize' },
        cancel: { op: 'cancel', id, token, keep: KEEP },
      } as const;
      expect((await driver.settle('w1', settlements[kind])).lost).toEqual([]);
      expect(await driver.settledOf(id)).toMatchObject({ state: 'cancelled', detail: '{"reason":"cancelled"}' });
      expect((await driver.store.curation.read(QUEUE, [id]))[0]?.cancelling).toBe(false);
      await driver.expectCounts({ cancelled: 1 });
    });

    it('lets it die', async () => {
      const driver = use();
      const { id, token } = await driver.start('w1');
      await driver.store.curation.cancel(QUEUE, id);
      await driver.settle('w1', {
        op: 'bury',
        id,
        token,
        detail: '{"reason":"exhausted"}',
        envelope: undefined,
        keep: KEEP,
      });
      expect((await driver.store.curation.read(QUEUE, [id]))[0]).toMatchObject({ state: 'dead', cancelling: false });
    });
  });

  // ------------------------------------------------------------ remove

  it.each(['scheduled', 'ready', 'parked', ...ENDS] as const)('removes a job that is %s', async (state) => {
    const driver = use();
    const id = await putIn(driver, state, 'a');
    expect(await driver.store.curation.remove(QUEUE, 'a')).toBe('removed');
    expect(await driver.store.curation.read(QUEUE, [id, 'a'])).toEqual([undefined, undefined]);
    expect(await driver.store.curation.remove(QUEUE, id)).toBe('not-found');
    await driver.expectCounts({});
    await driver.advance(60_000);
    expect((await driver.reserve('w1', 5, { adopt: '*' })).jobs).toEqual([]);
  });

  it('does not remove a job that runs', async () => {
    const driver = use();
    const job = await driver.start('w1');
    expect(await driver.store.curation.remove(QUEUE, job.id)).toBe('active');
    expect((await driver.settle('w1', driver.complete(job))).lost).toEqual([]);
  });

  it.each(['scheduled', 'ready', 'parked', ...ENDS] as const)('removes a job that is %s', async (state) => {
    const driver = use();
    const id = await putIn(driver, state, 'a');
    expect(await driver.store.curation.remove(QUEUE, id)).toBe('removed');
    await driver.expectCounts({});
  });

  // ------------------------------------------------------------ promote

  it('promotes a job that is delayed, at the back, and wakes a worker', async () => {
    const driver = use();
    const [late, waiting] = await driver.put({ delayMs: 3_600_000, userId: 'late' }, {});
    const wakes = await driver.wakesOf('w1');
    expect((await driver.reserve('w1')).jobs.map(({ id }) => id)).toEqual([waiting]);
    await driver.reserve('w1', 3);
    expect(await driver.store.curation.promoteJob(QUEUE, 'late')).toBe('promoted');
    expect(await wakes.first(1)).toEqual([QUEUE]);
    await driver.expectCounts({ ready: 1, active: 1 });
    const { jobs, nextDueAt } = await driver.reserve('w1', 3);
    expect(jobs.map(({ id }) => id)).toEqual([late]);
    expect(nextDueAt).toBeUndefined();
    expect(await driver.store.curation.promoteJob(QUEUE, late)).toBe('active');
  });

  it('promotes a job that waits for its next attempt, with its priority', async () => {
    const driver = use();
    const { id, token } = await driver.start('w1', { priority: 4 });
    const envelope = driver.envelope({ priority: 4 });
    await driver.settle('w1', { op: 'retry', id, token, delayMs: 3_600_000, envelope });
    await driver.put({}, { priority: 9 }, { priority: 4 });
    expect(await driver.store.curation.promoteJob(QUEUE, id)).toBe('promoted');
    expect(await driver.store.curation.promoteJob(QUEUE, id)).toBe('ready');
    const { jobs } = await driver.reserve('w1', 4);
    expect(jobs.map((job) => job.id).indexOf(id)).toBe(2);
    expect(jobs).toHaveLength(4);
  });

  it('promotes once when two ask at once, also while paused', async () => {
    const driver = use();
    const other = await driver.fixture.connect();
    const [id] = await driver.put({ delayMs: 1000 }, { delayMs: 900 });
    await driver.store.curation.setPaused(QUEUE, true);
    const answers = await Promise.all([driver.store, other].map((store) => store.curation.promoteJob(QUEUE, id)));
    expect(answers).toContain('promoted');
    await driver.expectCounts({ ready: 1, scheduled: 1 });
    await driver.store.curation.setPaused(QUEUE, false);
    expect((await driver.reserve('w1', 5)).jobs.map((job) => job.id)).toEqual([id]);
    await driver.expectConserved();
  });

  it.each(['ready', 'active', 'parked', ...ENDS] as const)(
    'promotes nothing that is %s, and says so',
    async (state) => {
      const driver = use();
      const id = await putIn(driver, state, 'a');
      expect(await driver.store.curation.promoteJob(QUEUE, 'a')).toBe(state);
      expect(await driver.stateOf(id)).toBe(state);
      await driver.expectCounts({ [state]: 1 });
      expect(await driver.store.curation.promoteJob(QUEUE, STRANGER)).toBe('not-found');
    },
  );

  it('answers with the token of an active job', async () => {
    const driver = use();
    const { id, token } = await driver.start('w1');
    expect((await driver.store.curation.read(QUEUE, [id]))[0]).toMatchObject({ state: 'active', token });
    await driver.store.workers.leave(QUEUE, 'w1');
    expect((await driver.store.curation.read(QUEUE, [id]))[0]?.token).toBeUndefined();
  });

  it('removes by number one job of many', async () => {
    const driver = use();
    const ids = await driver.putMany(3);
    expect(await driver.store.curation.remove(QUEUE, ids[1])).toBe('removed');
    expect(await driver.idsIn('ready')).toEqual([ids[0], ids[2]]);
  });

  // ------------------------------------------------------------ purge

  it.each(['scheduled', 'ready', 'parked', ...ENDS] as const)(
    'purges what is %s in steps, and nothing else',
    async (state) => {
      const driver = use();
      for (let index = 0; index < 7; index++)
        await (state === 'ready' ? driver.putOne({ userId: `u${index}` }) : putIn(driver, state, `u${index}`));
      if (state !== 'scheduled') await driver.putOne({ delayMs: 1000 });
      else await driver.putOne();
      const first = await driver.store.curation.purge(QUEUE, state, 3);
      expect(first).toEqual({ removed: 3, more: true });
      expect((await driver.store.curation.counts(QUEUE))[state]).toBe(4);
      expect(await driver.store.curation.purge(QUEUE, state, 3)).toEqual({ removed: 3, more: true });
      expect(await driver.store.curation.purge(QUEUE, state, 3)).toEqual({ removed: 1, more: false });
      expect(await driver.store.curation.purge(QUEUE, state, 3)).toEqual({ removed: 0, more: false });
      await driver.expectCounts(state === 'scheduled' ? { ready: 1 } : { scheduled: 1 });
      expect(await driver.store.curation.read(QUEUE, ['u0', 'u6'])).toEqual([undefined, undefined]);
      await driver.store.curation.purge(QUEUE, 'ready', 10);
      const [again] = await driver.store.intake.enqueue(QUEUE, [driver.newJob({ userId: 'u3' })]);
      expect(again.created).toBe(true);
      expect((await driver.reserve('w1', 10)).jobs.map(({ id }) => id)).toEqual([again.id]);
    },
  );

  it('purges priorities and holes, too', async () => {
    const driver = use();
    const ids = await driver.put({}, { priority: 4 }, {}, { priority: 9 }, {});
    await driver.store.curation.cancel(QUEUE, ids[0]);
    await driver.store.curation.remove(QUEUE, ids[2]);
    let removed = 0;
    for (let steps = 0; steps < 20; steps++) {
      const reply = await driver.store.curation.purge(QUEUE, 'ready', 2);
      removed += reply.removed;
      if (!reply.more) break;
    }
    expect(removed).toBe(3);
    await driver.expectCounts({ cancelled: 1 });
  });

  it('purges suspects, and says when some are left', async () => {
    const driver = use();
    await driver.putMany(3);
    for (const worker of ['crasher-1', 'crasher-2']) {
      expect((await driver.reserve(worker, 3)).jobs).toHaveLength(3);
      await driver.expireLeases();
    }
    expect(await driver.store.curation.purge(QUEUE, 'ready', 2)).toEqual({ removed: 2, more: true });
    expect(await driver.store.curation.purge(QUEUE, 'ready', 2)).toEqual({ removed: 1, more: false });
    await driver.expectCounts({});
  });

  it('purges no more than the limit of jobs that ended together, oldest first', async () => {
    const driver = use();
    const ids = await driver.putMany(5);
    const { jobs } = await driver.reserve('w1', 5);
    await driver.settle('w1', ...jobs.map((job) => driver.complete(job)));
    await driver.store.curation.remove(QUEUE, ids[0]);
    expect(await driver.store.curation.purge(QUEUE, 'completed', 3)).toEqual({ removed: 3, more: true });
    expect(await driver.idsIn('completed')).toEqual([ids[4]]);
    await driver.settle('w1', driver.complete(await driver.start('w1')));
    await driver.expectCounts({ completed: 2 });
    expect(await driver.store.curation.purge(QUEUE, 'completed', 3)).toEqual({ removed: 2, more: false });
    await driver.expectCounts({});
  });

  it('purges nothing that is blocked, as nothing is', async () => {
    expect(await use().store.curation.purge(QUEUE, 'blocked', 10)).toEqual({ removed: 0, more: false });
  });

  it('purges a large backlog in bounded steps', async () => {
    const driver = use();
    await driver.putMany(1000);
    await driver.putMany(700);
    let removed = 0;
    for (let more = true; more;) {
      const reply = await driver.store.curation.purge(QUEUE, 'ready', 5000);
      expect(reply.removed).toBeLessThanOrEqual(1000);
      removed += reply.removed;
      more = reply.more;
    }
    expect(removed).toBe(1700);
    await driver.expectCounts({});
  });

  // ------------------------------------------------------------ retry of dead jobs

  it('makes a dead job ready with a new envelope, at the back', async () => {
    const driver = use();
    const id = await putIn(driver, 'dead', 'a');
    const [waiting] = await driver.putMany(1);
    const settledAt = driver.now();
    await driver.advance(100);
    const envelope = driver.envelope({ userId: 'a', payload: '"again"' });
    expect(await driver.store.curation.retryDead(QUEUE, id, settledAt, envelope)).toBe('retried');
    await driver.expectCounts({ ready: 2 });
    const { jobs } = await driver.reserve('w1', 2);
    expect(jobs.map((job) => job.id)).toEqual([waiting, id]);
    expect(jobs[1]).toMatchObject({ envelope, crashes: 0 });
    expect(await driver.store.curation.cancel(QUEUE, 'a')).toBe('requested');
  });

  it('gives a retried job the priority of its envelope', async () => {
    const driver = use();
    const id = await putIn(driver, 'dead');
    await driver.putOne({ priority: 5 });
    await driver.putOne();
    await driver.store.curation.retryDead(QUEUE, id, driver.now(), driver.envelope({ priority: 7 }));
    expect((await driver.reserve('w1', 1)).jobs[0].id).toBe(id);
  });

  it('retries a dead job by its user id', async () => {
    const driver = use();
    await putIn(driver, 'dead', 'a');
    expect(await driver.store.curation.retryDead(QUEUE, 'a', driver.now(), driver.envelope({ userId: 'a' }))).toBe(
      'retried',
    );
    await driver.expectCounts({ ready: 1 });
  });

  it('retries once when two ask at once', async () => {
    const driver = use();
    const other = await driver.fixture.connect();
    const id = await putIn(driver, 'dead');
    const envelope = driver.envelope();
    const answers = await Promise.all(
      [driver.store, other].map((store) => store.curation.retryDead(QUEUE, id, driver.now(), envelope)),
    );
    expect(answers.sort()).toEqual(['changed', 'retried']);
    await driver.expectCounts({ ready: 1 });
  });

  it('answers "changed" for a job that died again since it was read', async () => {
    const driver = use();
    const id = await putIn(driver, 'dead');
    const readAt = driver.now();
    await driver.advance(10);
    await driver.store.curation.retryDead(QUEUE, id, readAt, driver.envelope());
    const [{ token }] = (await driver.reserve('w1')).jobs;
    await driver.settle('w1', {
      op: 'bury',
      id,
      token,
      detail: '{"reason":"exhausted"}',
      envelope: undefined,
      keep: KEEP,
    });
    expect(await driver.store.curation.retryDead(QUEUE, id, readAt, driver.envelope())).toBe('changed');
    expect(await driver.stateOf(id)).toBe('dead');
  });

  it.each(['scheduled', 'ready', 'active', 'completed', 'cancelled'] as const)(
    'answers "changed" for a job that is %s',
    async (state) => {
      const driver = use();
      const id = await putIn(driver, state);
      expect(await driver.store.curation.retryDead(QUEUE, id, driver.now(), driver.envelope())).toBe('changed');
      expect(await driver.stateOf(id)).toBe(state);
    },
  );

  it('answers "not-found" for a dead job that is gone', async () => {
    const driver = use();
    const id = await putIn(driver, 'dead');
    await driver.store.curation.remove(QUEUE, id);
    expect(await driver.store.curation.retryDead(QUEUE, id, driver.now(), driver.envelope())).toBe('not-found');
  });
}
