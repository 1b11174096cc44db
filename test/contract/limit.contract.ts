import { describe, expect, it } from '@jest/globals';
import type { QueueLimits } from '../../src/core/limits.js';
import { decodeEnvelope } from '../../src/core/envelope.js';
import { QUEUE, type Seed, type StoreDriver } from './store-driver.js';

export function limitContract(use: () => StoreDriver): void {
  async function limited(limits: QueueLimits, ...seeds: Seed[]): Promise<{ driver: StoreDriver; ids: string[] }> {
    const driver = use();
    await driver.store.limits.set(QUEUE, limits);
    return { driver, ids: await driver.put(...seeds) };
  }

  const seeds = (count: number, seed: Seed = {}): Seed[] => Array.from({ length: count }, () => seed);
  const perSecond = (limit: number, smooth = false): QueueLimits => ({ rate: { limit, perMs: 1000, smooth } });

  describe('jobs that run at once', () => {
    it('are no more than the limit over all workers, in their order', async () => {
      const { driver, ids } = await limited({ running: 3 }, ...seeds(5));
      const first = await driver.reserve('w1', 2);
      const second = await driver.reserve('w2', 5);
      const third = await driver.reserve('w3', 5);
      expect([first, second, third].map(({ jobs }) => jobs.map(({ id }) => id))).toEqual([
        ids.slice(0, 2),
        ids.slice(2, 3),
        [],
      ]);
      expect(second).toMatchObject({ backlog: false, limited: true, nextDueAt: undefined });
    });

    it('make room as they end, in the same turn', async () => {
      const { driver, ids } = await limited({ running: 1 }, ...seeds(3));
      const { jobs } = await driver.reserve('w1', 5);
      const next = await driver.reserve('w1', 5, { settlements: [driver.complete(jobs[0])] });
      expect(next.jobs.map(({ id }) => id)).toEqual([ids[1]]);
    });

    it('wake one worker that waits as they end, when theirs wants no more', async () => {
      const { driver } = await limited({ running: 1 }, ...seeds(3));
      const { jobs } = await driver.reserve('w1');
      const wakes = await driver.wakesOf('w2');
      await driver.reserve('w2', 5);
      await driver.settle('w1', driver.complete(jobs[0]));
      await driver.barrier();
      expect(wakes.messages).toHaveLength(1);
    });

    it('make room when their worker dies', async () => {
      const { driver, ids } = await limited({ running: 1 }, ...seeds(2));
      await driver.reserve('w1', 2);
      await driver.expireLeases();
      const { jobs } = await driver.reserve('w2', 2);
      expect(jobs.map(({ id }) => id)).toEqual([ids[0]]);
    });

    it('let nobody be woken by an enqueue while none may start', async () => {
      const { driver } = await limited({ running: 1 }, {});
      await driver.reserve('w1');
      const wakes = await driver.wakesOf('w2');
      await driver.reserve('w2', 5);
      await driver.putMany(3);
      await driver.barrier();
      expect(wakes.messages).toHaveLength(0);
    });
  });

  describe('a rate', () => {
    it('lets no more start in a window, and says when the next may', async () => {
      const { driver, ids } = await limited(perSecond(3), ...seeds(5));
      const first = await driver.reserve('w1', 5);
      expect(first.jobs.map(({ id }) => id)).toEqual(ids.slice(0, 3));
      expect(first.backlog).toBe(false);
      const opensAt = first.nextDueAt as number;
      expect(opensAt - driver.now()).toBeGreaterThanOrEqual(1000);
      expect(opensAt - driver.now()).toBeLessThanOrEqual(1010);
      await driver.advance(opensAt - driver.now() - 1);
      expect((await driver.reserve('w1', 5)).jobs).toEqual([]);
      await driver.advance(1);
      expect((await driver.reserve('w1', 5)).jobs.map(({ id }) => id)).toEqual(ids.slice(3));
    });

    it.each([
      { limit: 7, perMs: 500, smooth: false },
      { limit: 7, perMs: 500, smooth: true },
      { limit: 5, perMs: 30, smooth: false },
      { limit: 40, perMs: 20, smooth: true },
    ])('is kept in every window of $perMs ms, whatever the times: $limit, smooth $smooth', async (rate) => {
      const { driver } = await limited({ rate }, ...seeds(150));
      const starts: number[] = [];
      const beganAt = driver.now();
      for (let step = 0; step < 120 && starts.length < 150; step++) {
        const { jobs } = await driver.reserve(`w${step % 3}`, 1 + (step % 4));
        for (const _ of jobs) starts.push(driver.now());
        await driver.advance((step * 7) % 23);
      }
      for (const from of starts) {
        const inWindow = starts.filter((at) => at >= from && at < from + rate.perMs).length;
        expect(inWindow).toBeLessThanOrEqual(rate.limit);
      }
      const windows = (driver.now() - beganAt) / rate.perMs;
      expect(starts.length).toBeGreaterThan(Math.min(149, windows * rate.limit * 0.5));
    });

    it('that is smooth spaces starts evenly', async () => {
      const { driver } = await limited(perSecond(4, true), ...seeds(3));
      const beganAt = driver.now();
      const starts: number[] = [];
      while (starts.length < 3) {
        const { jobs, nextDueAt } = await driver.reserve('w1', 5);
        for (const _ of jobs) starts.push(driver.now() - beganAt);
        if (nextDueAt !== undefined) await driver.advance(nextDueAt - driver.now());
      }
      expect(starts).toEqual([0, 242, 495]); // a quarter of the second, to a hundredth
    });

    it('has one worker look again in time, and the others a while later', async () => {
      const { driver } = await limited(perSecond(1), ...seeds(3));
      const keeper = await driver.reserve('w1', 5);
      const other = await driver.reserve('w2', 5);
      expect((other.nextDueAt as number) - (keeper.nextDueAt as number)).toBe(1000);
    });

    it('has somebody look again for what comes after the worker that knew took the last job', async () => {
      const { driver } = await limited(perSecond(10, true), {});
      const wakes = await driver.wakesOf('w1');
      await driver.reserve('w1', 5);
      await driver.putOne();
      await driver.barrier();
      expect(wakes.messages).toHaveLength(1);
      const closed = await driver.reserve('w1', 5);
      await driver.advance((closed.nextDueAt as number) - driver.now());
      expect((await driver.reserve('w1', 5)).jobs).toHaveLength(1);
      await driver.putOne(); // the rate is closed again, and nobody knows
      await driver.barrier();
      expect(wakes.messages).toHaveLength(2);
    });

    it('takes a start that came late from no later one', async () => {
      const { driver } = await limited(perSecond(50, true), ...seeds(60));
      const beganAt = driver.now();
      let started = 0;
      while (driver.now() < beganAt + 1000) {
        const { jobs, nextDueAt } = await driver.reserve('w1', 60);
        started += jobs.length;
        await driver.advance(Math.max((nextDueAt as number) - driver.now(), 0) + 4); // late by as much, each time
      }
      expect(started).toBeGreaterThanOrEqual(48);
      expect(started).toBeLessThanOrEqual(51);
    });

    it('that is raised lets what waits start at once, also a smooth one', async () => {
      const slow = { rate: { limit: 1, perMs: 60_000, smooth: true } };
      const { driver } = await limited(slow, ...seeds(2));
      expect((await driver.reserve('w1')).jobs).toHaveLength(1);
      await driver.store.limits.set(QUEUE, { rate: { limit: 600, perMs: 60_000, smooth: true } });
      expect((await driver.reserve('w1')).jobs).toHaveLength(1);
    });

    it('has an idle worker know of an earlier due time while it is closed', async () => {
      const { driver } = await limited({ running: 1 }, {});
      await driver.reserve('w1');
      const wakes = await driver.wakesOf('w2');
      await driver.reserve('w2', 5);
      await driver.putOne({ delayMs: 2000 });
      await driver.barrier();
      expect(wakes.messages).toHaveLength(1);
    });

    it('has another worker look again where the one that knows has no room left', async () => {
      const { driver } = await limited(perSecond(2), {});
      const wakes = await driver.wakesOf('w2');
      await driver.reserve('w1');
      await driver.reserve('w2');
      await driver.putMany(4);
      await driver.barrier();
      expect(wakes.messages).toHaveLength(1);
      const taken = await driver.reserve('w1', 1);
      expect(taken.jobs).toHaveLength(1);
      const woken = await driver.reserve('w2');
      expect(woken.jobs).toEqual([]);
      expect(woken.nextDueAt).toBeGreaterThan(driver.now());
    });

    it('counts each job by what it costs, and none overtakes one that costs too much', async () => {
      const { driver, ids } = await limited(perSecond(10), { cost: 4 }, { cost: 4 }, { cost: 4 }, {});
      const first = await driver.reserve('w1', 5);
      expect(first.jobs.map(({ id }) => id)).toEqual(ids.slice(0, 2));
      expect(first.backlog).toBe(false);
      await driver.advance((first.nextDueAt as number) - driver.now());
      expect((await driver.reserve('w1', 5)).jobs.map(({ id }) => id)).toEqual(ids.slice(2));
    });

    it('starts a job that costs more than it ever has alone, in an empty window', async () => {
      const { driver, ids } = await limited(perSecond(5), {}, { cost: 20 }, {});
      const first = await driver.reserve('w1', 5);
      expect(first.jobs.map(({ id }) => id)).toEqual([ids[0]]);
      await driver.advance((first.nextDueAt as number) - driver.now());
      const second = await driver.reserve('w1', 5);
      expect(second.jobs.map(({ id }) => id)).toEqual([ids[1]]);
      expect(second.nextDueAt).toBeGreaterThan(driver.now());
    });

    it.each([{ priority: 0 }, { priority: 5 }])('cuts a line without losing its order: %p', async ({ priority }) => {
      const { driver, ids } = await limited(perSecond(3), ...seeds(4, { priority, cost: 2 }));
      const taken: string[] = [];
      while (taken.length < 4) {
        const { jobs, nextDueAt } = await driver.reserve('w1', 5);
        taken.push(...jobs.map(({ id }) => id));
        if (nextDueAt !== undefined) await driver.advance(nextDueAt - driver.now());
      }
      expect(taken).toEqual(ids);
    });

    it('holds together with a limit of what runs', async () => {
      const { driver } = await limited({ running: 2, ...perSecond(3) }, ...seeds(6));
      const { jobs } = await driver.reserve('w1', 6);
      expect(jobs).toHaveLength(2);
      const done = await driver.reserve('w1', 6, { settlements: jobs.map((job) => driver.complete(job)) });
      expect(done.jobs).toHaveLength(1);
      expect(done.nextDueAt).toBeGreaterThan(driver.now());
    });
  });

  it('lets a worker whose own jobs fill the limit make room for a suspect, and one that waits not claim it', async () => {
    const driver = use();
    const suspect = await driver.start('w0');
    await driver.expireLeases();
    await driver.reserve('w0');
    await driver.expireLeases();
    expect(suspect.id).toBeDefined();
    await driver.store.limits.set(QUEUE, { running: 1 });
    await driver.putMany(3);
    const { jobs } = await driver.reserve('w1');
    expect(jobs).toHaveLength(1);
    expect((await driver.reserve('w2', 1, { alone: true })).suspects).toBe(false);
    const next = await driver.reserve('w1', 0, {});
    expect(next.suspects).toBe(true); // it takes no more, and its last end leaves room for the suspect
    const last = await driver.reserve('w1', 1, { alone: true, settlements: jobs.map((job) => driver.complete(job)) });
    expect(last.jobs.map(({ id }) => id)).toEqual([suspect.id]);
  });

  describe('a job whose handler met a limit', () => {
    it('goes back to its place untouched, and nothing starts before the time is over', async () => {
      const driver = use();
      const { id, token, envelope } = await driver.start('w1');
      const later = await driver.putOne();
      const answer = await driver.reserve('w1', 5, { settlements: [{ op: 'limit', id, token, forMs: 500 }] });
      expect(answer).toMatchObject({
        jobs: [],
        lost: [],
        backlog: false,
        limited: true,
        nextDueAt: driver.now() + 500,
      });
      await driver.advance(499);
      expect((await driver.reserve('w2', 5)).jobs).toEqual([]);
      await driver.advance(1);
      const { jobs } = await driver.reserve('w1', 5);
      expect(jobs.map((job) => job.id)).toEqual([id, later]);
      expect(decodeEnvelope(jobs[0].envelope)).toEqual(decodeEnvelope(envelope));
    });

    it.each([
      ['set', (driver: StoreDriver) => driver.store.limits.set(QUEUE, {})],
      ['reset', (driver: StoreDriver) => driver.store.limits.reset(QUEUE)],
    ])('starts again at once where the limits are %s by hand', async (_verb, open) => {
      const driver = use();
      const { id, token } = await driver.start('w1');
      await driver.settle('w1', { op: 'limit', id, token, forMs: 3_600_000 });
      const wakes = await driver.wakesOf('w2');
      expect((await driver.reserve('w2')).jobs).toEqual([]);
      await open(driver);
      await driver.barrier();
      expect(wakes.messages).toHaveLength(1);
      expect((await driver.reserve('w2')).jobs.map((job) => job.id)).toEqual([id]);
    });

    it('holds nothing back where somebody wants it cancelled: it ends', async () => {
      const driver = use();
      const { id, token } = await driver.start('w1');
      await driver.store.curation.cancel(QUEUE, id);
      await driver.settle('w1', { op: 'limit', id, token, forMs: 3_600_000 });
      expect(await driver.stateOf(id)).toBe('cancelled');
      await driver.putOne();
      expect((await driver.reserve('w2')).jobs).toHaveLength(1);
    });

    it('holds nothing back where its lease was lost', async () => {
      const driver = use();
      const { id } = await driver.start('w1');
      const { lost } = await driver.settle('w1', { op: 'limit', id, token: 'w1:1', forMs: 500 });
      expect(lost).toEqual([id]);
      await driver.putOne();
      expect((await driver.reserve('w2')).jobs).toHaveLength(1);
    });
  });

  describe('the limits of a queue', () => {
    const [one, two] = [
      { running: 1, rate: undefined },
      { running: 2, rate: undefined },
    ];

    it('are none until somebody says so', async () => {
      expect(await use().store.limits.read(QUEUE)).toBeUndefined();
    });

    it('are those that were set, else those that code declares', async () => {
      const { limits } = use().store;
      expect(await limits.declare(QUEUE, one)).toBe('changed');
      expect(await limits.declare(QUEUE, one)).toBe('same');
      await limits.set(QUEUE, two);
      expect(await limits.read(QUEUE)).toEqual(two);
      await limits.reset(QUEUE);
      expect(await limits.read(QUEUE)).toEqual(one);
    });

    it('are gone once the deployment that declared them is', async () => {
      const driver = use();
      const { limits } = driver.store;
      await limits.declare(QUEUE, one);
      expect(await limits.declare(QUEUE, undefined)).toBe('outdated'); // a process of the time before
      await driver.advance(60_000);
      expect(await limits.declare(QUEUE, undefined)).toBe('changed');
      expect(await limits.read(QUEUE)).toBeUndefined();
    });

    it('can be set to none, whatever code declares', async () => {
      const { limits } = use().store;
      await limits.declare(QUEUE, one);
      await limits.set(QUEUE, {});
      expect(await limits.read(QUEUE)).toEqual({ running: undefined, rate: undefined });
    });

    it('are not set back by an older deployment while a newer one declares its own', async () => {
      const driver = use();
      const { limits } = driver.store;
      await limits.declare(QUEUE, one);
      await limits.declare(QUEUE, two);
      expect(await limits.declare(QUEUE, one)).toBe('outdated');
      await driver.advance(59_000);
      await limits.declare(QUEUE, two);
      await driver.advance(59_000);
      expect(await limits.declare(QUEUE, one)).toBe('outdated');
      expect(await limits.read(QUEUE)).toEqual(two);
      await driver.advance(1000);
      expect(await limits.declare(QUEUE, one)).toBe('changed'); // nobody declares the newer ones any more: a rollback
    });

    it('let what waits start at once where they are raised or taken away', async () => {
      const { driver } = await limited(one, ...seeds(5));
      await driver.reserve('w1', 1);
      const wakes = await driver.wakesOf('w2');
      expect((await driver.reserve('w2', 5)).jobs).toEqual([]);
      await driver.store.limits.set(QUEUE, two);
      await driver.barrier();
      expect(wakes.messages).toHaveLength(1);
      expect((await driver.reserve('w2', 5)).jobs).toHaveLength(1);
      await driver.store.limits.reset(QUEUE);
      expect((await driver.reserve('w2', 5)).jobs).toHaveLength(3);
    });

    it('end nothing that runs where they are lowered', async () => {
      const { driver } = await limited(two, ...seeds(3));
      const { jobs } = await driver.reserve('w1', 3);
      await driver.store.limits.set(QUEUE, one);
      const next = await driver.reserve('w1', 3, { settlements: [driver.complete(jobs[0])] });
      expect(next).toMatchObject({ jobs: [], lost: [] });
    });
  });
}
