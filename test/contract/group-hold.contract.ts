import { describe, expect, it } from '@jest/globals';
import type { GroupRule } from '../../src/core/groups.js';
import type { RateLimit } from '../../src/core/limits.js';
import { QUEUE, type StoreDriver } from './store-driver.js';
import {
  countOf,
  groupsOf,
  idsOf,
  limitGroups,
  makeSuspect,
  retry,
  seedsOf,
  setGroup,
  take,
  takeIds,
  viewOf,
} from './group-driver.js';

const perSecond = (limit: number, smooth = false): RateLimit => ({ limit, perMs: 1000, smooth });

export function groupHoldContract(use: () => StoreDriver): void {
  describe('jobs of a group that run at once', () => {
    it('are no more than the limit over all workers, and others go on', async () => {
      const driver = use();
      await limitGroups(driver, { running: 2 });
      await driver.put(...seedsOf('a', 'a', 'a', 'a', 'b', 'b', 'b', '-', '-', '-'));
      const started = [...(await driver.reserve('w1', 3)).jobs, ...(await driver.reserve('w2', 10)).jobs];
      expect([countOf(groupsOf(started), 'a'), countOf(groupsOf(started), 'b')]).toEqual([2, 2]);
      expect(countOf(groupsOf(started), '-')).toBe(3); // no group has no limit of groups
      expect(await driver.reserve('w3', 10)).toMatchObject({
        ...{ jobs: [], backlog: false, limited: true, nextDueAt: undefined },
      });
      expect(await viewOf(driver, 'a')).toMatchObject({ waiting: 2, running: 2, hold: { by: 'concurrency' } });
      expect(await driver.store.curation.counts(QUEUE)).toMatchObject({ ready: 3, blocked: 3, active: 7 });
    });

    it('are never more, as long as there are any, also by what code declares', async () => {
      const driver = use();
      await driver.store.limits.declare(QUEUE, { groups: { running: 2, byTime: false } });
      await driver.put(...seedsOf(...Array<string>(20).fill('a'), ...Array<string>(20).fill('b')));
      let held = (await driver.reserve('w1', 20)).jobs;
      for (let ended = 0; ended < 40;) {
        expect(['a', 'b'].map((key) => countOf(groupsOf(held), key))).toEqual([2, 2]);
        // One, two, three or all four of them end.
        const ending = held.slice(0, 1 + (ended % 4));
        ended += ending.length;
        const settlements = ending.map((job) => driver.complete(job));
        const { jobs } = await driver.reserve('w1', 20, { settlements });
        held = [...held.slice(ending.length), ...jobs];
        if (ended > 32) break;
      }
    });

    it('make room as they end, in the same turn', async () => {
      const driver = use();
      await limitGroups(driver, { running: 1 });
      const [, second] = await driver.putMany(3, { group: 'a' });
      const [job] = await take(driver);
      const { jobs } = await driver.reserve('taker', 5, { settlements: [driver.complete(job)] });
      expect(idsOf(jobs)).toEqual([second]);
    });

    it('make room as they wait for another attempt, and as their worker dies', async () => {
      const driver = use();
      await limitGroups(driver, { running: 1 });
      const [first, second] = await driver.putMany(2, { group: 'a' });
      const [job] = await take(driver);
      await driver.settle('taker', retry(job, 60_000));
      expect(await takeIds(driver)).toEqual([second]);
      await driver.store.curation.promoteJob(QUEUE, first);
      expect(await takeIds(driver)).toEqual([]);
      await driver.expireLeases();
      expect(await takeIds(driver)).toEqual([second]);
    });

    it('wake one worker that waits as they end, when theirs wants no more', async () => {
      const driver = use();
      await limitGroups(driver, { running: 1 });
      await driver.putMany(3, { group: 'a' });
      const [job] = await take(driver, 1);
      const wakes = await driver.wakesOf('w2');
      expect((await driver.reserve('w2', 5)).jobs).toEqual([]);
      await driver.settle('taker', driver.complete(job));
      await driver.barrier();
      expect(wakes.messages).toHaveLength(1);
    });

    it('let nobody be woken by an enqueue while none of the group may start', async () => {
      const driver = use();
      await limitGroups(driver, { running: 1 });
      await driver.putOne({ group: 'a' });
      await take(driver, 1);
      const wakes = await driver.wakesOf('w2');
      await driver.reserve('w2', 5);
      await driver.putMany(3, { group: 'a' });
      await driver.barrier();
      expect(wakes.messages).toHaveLength(0);
      await driver.putOne({ group: 'b' });
      await driver.barrier();
      expect(wakes.messages).toHaveLength(1);
    });

    it('are as many as the rule of a group says, where it has one', async () => {
      const driver = use();
      await limitGroups(driver, { running: 1 });
      await setGroup(driver, 'b', { running: 3 });
      await setGroup(driver, 'c', { weight: 2 });
      await driver.put(...seedsOf('a', 'a', 'b', 'b', 'b', 'b', 'c', 'c'));
      const started = groupsOf(await take(driver));
      expect(['a', 'b', 'c'].map((key) => countOf(started, key))).toEqual([1, 3, 1]);
      await setGroup(driver, 'b', { running: 1 }); // ends nothing
      await driver.store.limits.reset(QUEUE);
      expect(countOf(groupsOf(await take(driver)), 'b')).toBe(0);
      await driver.store.groups.reset(QUEUE, 'b');
      expect(groupsOf(await take(driver))).toEqual(['b']);
    });

    it('are limited together with those of the queue', async () => {
      const driver = use();
      await driver.store.limits.set(QUEUE, { running: 3, groups: { running: 2, byTime: false } });
      await driver.put(...seedsOf('a', 'a', 'a', 'b', 'b', 'b'));
      const jobs = await take(driver);
      expect(jobs).toHaveLength(3);
      const settlements = jobs.map((job) => driver.complete(job));
      const next = await driver.reserve('taker', 10, { settlements });
      expect(next.jobs).toHaveLength(3);
    });

    it('are limited where jobs are adopted, too', async () => {
      const driver = use();
      await driver.putMany(2, { group: 'a', name: 'later' });
      for (const { id, token } of await take(driver)) {
        await driver.settle('taker', { op: 'park', id, token, name: 'later' });
      }
      await limitGroups(driver, { running: 1 });
      expect((await driver.reserve('taker', 5, { adopt: '*' })).jobs).toHaveLength(1);
      expect((await driver.reserve('taker', 5, { adopt: '*' })).jobs).toHaveLength(0);
    });
  });

  describe('limits of groups that change', () => {
    it('reach what waits, whoever says them', async () => {
      const driver = use();
      await limitGroups(driver, { running: 1 });
      await driver.putMany(4, { group: 'a' });
      expect(await takeIds(driver)).toHaveLength(1);
      await limitGroups(driver, { running: 3 });
      expect(await takeIds(driver)).toHaveLength(2);
      await driver.store.limits.reset(QUEUE);
      expect(await takeIds(driver)).toHaveLength(1);
    });

    it('begin another window where the rate of a group is another one', async () => {
      const driver = use();
      await setGroup(driver, 'a', { rate: perSecond(1) });
      await driver.putMany(4, { group: 'a' });
      expect(await takeIds(driver)).toHaveLength(1);
      await setGroup(driver, 'a', { rate: { limit: 2, perMs: 60_000, smooth: false } });
      expect(await takeIds(driver)).toHaveLength(2);
      await setGroup(driver, 'a', { rate: { limit: 2, perMs: 60_000, smooth: false }, weight: 2 }); // the same rate goes on
      expect(await takeIds(driver)).toHaveLength(0);
    });
  });

  describe('a rate of groups', () => {
    it('counts a job that runs alone', async () => {
      const driver = use();
      await makeSuspect(driver, { group: 'a' });
      await driver.advance(2000);
      await limitGroups(driver, { rate: perSecond(1) });
      await driver.putOne({ group: 'a' });
      const { jobs } = await driver.reserve('taker', 5, { alone: true });
      expect(jobs).toHaveLength(1);
      await driver.settle('taker', driver.complete(jobs[0]));
      expect(await takeIds(driver)).toEqual([]);
    });

    it('is of each group by itself, and says when the next may start', async () => {
      const driver = use();
      await limitGroups(driver, { rate: perSecond(2) });
      await driver.put(...seedsOf('a', 'a', 'a', 'b', 'b', 'b'));
      const first = await driver.reserve('w1', 10);
      expect(['a', 'b'].map((key) => countOf(groupsOf(first.jobs), key))).toEqual([2, 2]);
      expect(first).toMatchObject({ backlog: false, limited: true });
      const opensAt = first.nextDueAt as number;
      expect(opensAt - driver.now()).toBeGreaterThanOrEqual(1000);
      expect(opensAt - driver.now()).toBeLessThanOrEqual(1010);
      expect(await viewOf(driver, 'a')).toMatchObject({ hold: { by: 'rate', until: opensAt } });
      expect(await driver.store.curation.counts(QUEUE)).toMatchObject({ blocked: 2 });
      await driver.advance(opensAt - driver.now() - 1);
      expect((await driver.reserve('w1', 10)).jobs).toEqual([]);
      await driver.advance(1);
      expect((await driver.reserve('w1', 10)).jobs).toHaveLength(2);
    });

    it.each([
      { limit: 5, perMs: 300, smooth: false },
      { limit: 5, perMs: 300, smooth: true },
    ])('is kept in every window, whatever the times: smooth $smooth', async (rate) => {
      const driver = use();
      await limitGroups(driver, { rate });
      await driver.putMany(60, { group: 'a' });
      await driver.putMany(60, { group: 'b' });
      const starts: Record<string, number[]> = { a: [], b: [] };
      const beganAt = driver.now();
      for (let step = 0; step < 80; step++) {
        const { jobs } = await driver.reserve(`w${step % 3}`, 1 + (step % 4));
        for (const key of groupsOf(jobs)) starts[key].push(driver.now());
        await driver.advance((step * 7) % 23);
      }
      for (const times of Object.values(starts)) {
        for (const from of times) {
          const inWindow = times.filter((at) => at >= from && at < from + rate.perMs).length;
          expect(inWindow).toBeLessThanOrEqual(rate.limit);
        }
        expect(times.length).toBeGreaterThan(((driver.now() - beganAt) / rate.perMs) * rate.limit * 0.5);
      }
    });

    it('has one worker look again in time, and the others a while later', async () => {
      const driver = use();
      await limitGroups(driver, { rate: perSecond(1) });
      await driver.putMany(3, { group: 'a' });
      const keeper = await driver.reserve('w1', 5);
      const other = await driver.reserve('w2', 5);
      expect((other.nextDueAt as number) - (keeper.nextDueAt as number)).toBe(1000);
    });

    it('counts each job by what it costs', async () => {
      const driver = use();
      await limitGroups(driver, { rate: perSecond(10) });
      const ids = await driver.put(...[6, 6, 1].map((cost) => ({ group: 'a', cost })), { group: 'b' });
      expect((await takeIds(driver)).sort()).toEqual([ids[0], ids[3]].sort());
      await driver.advance(1010);
      expect(await takeIds(driver)).toEqual([ids[1], ids[2]]);
    });

    it('is that of the rule of a group, where it has one', async () => {
      const driver = use();
      await setGroup(driver, 'a', { rate: perSecond(1) });
      await driver.put(...seedsOf('a', 'a', 'b', 'b'));
      const { jobs, limited } = await driver.reserve('w1', 10);
      expect(['a', 'b'].map((key) => countOf(groupsOf(jobs), key))).toEqual([1, 2]);
      expect(limited).toBe(true);
      await setGroup(driver, 'a', {});
      expect(groupsOf(await take(driver))).toEqual(['a']);
    });

    it('holds together with that of the queue', async () => {
      const driver = use();
      const groups = { rate: perSecond(2), byTime: false };
      await driver.store.limits.set(QUEUE, { rate: perSecond(3), groups });
      await driver.put(...seedsOf('a', 'a', 'a', 'b', 'b', 'b'));
      const first = await driver.reserve('w1', 10);
      expect(first.jobs).toHaveLength(3);
      expect(first.nextDueAt).toBeGreaterThan(driver.now());
      await driver.advance((first.nextDueAt as number) - driver.now());
      expect((await driver.reserve('w1', 10)).jobs).toHaveLength(3);
    });
  });

  describe('a group whose handler met a limit', () => {
    it('starts nothing before the time is over, and others go on; its job is the first one then', async () => {
      const driver = use();
      const [first, second] = await driver.putMany(2, { group: 'a' });
      const [{ id, token, envelope }] = await take(driver, 1);
      await driver.putOne({ group: 'b' });
      const limit = { op: 'limit', id, token, forMs: 500, scope: 'group' } as const;
      const answer = await driver.reserve('taker', 5, { settlements: [limit] });
      expect(groupsOf(answer.jobs)).toEqual(['b']);
      expect(answer.nextDueAt).toBe(driver.now() + 500);
      expect(await viewOf(driver, 'a')).toMatchObject({ hold: { by: 'gate', until: driver.now() + 500 }, waiting: 2 });
      await driver.advance(499);
      expect(await takeIds(driver)).toEqual([]);
      await driver.advance(1);
      const jobs = await take(driver);
      expect(idsOf(jobs)).toEqual([first, second]);
      expect(jobs[0].envelope).toBe(envelope);
    });

    it('starts again at once where somebody sets its rule', async () => {
      const driver = use();
      const id = await driver.putOne({ group: 'a' });
      const [{ token }] = await take(driver, 1);
      await driver.settle('taker', { op: 'limit', id, token, forMs: 3_600_000, scope: 'group' });
      const wakes = await driver.wakesOf('w2');
      expect((await driver.reserve('w2')).jobs).toEqual([]);
      await setGroup(driver, 'a', { weight: 2 });
      await driver.barrier();
      expect(wakes.messages).toHaveLength(1);
      expect(idsOf((await driver.reserve('w2')).jobs)).toEqual([id]);
    });
  });

  describe('a group that is paused', () => {
    it('starts nothing until it is resumed, and others go on', async () => {
      const driver = use();
      await setGroup(driver, 'a', { paused: true });
      const [held, free] = await driver.put(...seedsOf('a', 'b'));
      expect(await takeIds(driver)).toEqual([free]);
      expect(await viewOf(driver, 'a')).toMatchObject({ hold: { by: 'paused' }, waiting: 1, rule: { paused: true } });
      const wakes = await driver.wakesOf('w2');
      expect(await driver.reserve('w2', 5)).toMatchObject({ jobs: [], backlog: false, nextDueAt: undefined });
      await driver.store.groups.reset(QUEUE, 'a');
      await driver.barrier();
      expect(wakes.messages).toHaveLength(1);
      expect(idsOf((await driver.reserve('w2', 5)).jobs)).toEqual([held]);
    });

    it('lets what runs of it end', async () => {
      const driver = use();
      await driver.putOne({ group: 'a' });
      const [job] = await take(driver);
      await setGroup(driver, 'a', { paused: true });
      expect((await driver.settle('taker', driver.complete(job))).lost).toEqual([]);
      expect(await driver.stateOf(job.id)).toBe('completed');
    });

    it('keeps a job of it that runs alone, and only that one, from starting', async () => {
      const driver = use();
      const held = await makeSuspect(driver, { group: 'a' });
      await setGroup(driver, 'a', { paused: true });
      expect(await viewOf(driver, 'a')).toMatchObject({ waiting: 0, running: 0 });
      const free = await makeSuspect(driver, { group: 'b' });
      const first = await driver.reserve('taker', 5, { alone: true });
      expect(idsOf(first.jobs)).toEqual([free]);
      const settlements = [driver.complete(first.jobs[0])];
      const second = await driver.reserve('taker', 5, { alone: true, settlements });
      expect(second).toMatchObject({ jobs: [], suspects: false });
      await setGroup(driver, 'a', {});
      expect(idsOf((await driver.reserve('taker', 5, { alone: true })).jobs)).toEqual([held]);
    });
  });

  it('lets a worker end its jobs for one that runs alone, behind many that their group holds', async () => {
    const driver = use();
    await driver.putMany(11, { group: 'a' });
    for (let crash = 0; crash < 2; crash++) {
      await driver.reserve('dying', 11);
      await driver.expireLeases();
    }
    await setGroup(driver, 'a', { paused: true });
    const free = await makeSuspect(driver, { group: 'b' });
    expect(await driver.reserve('taker', 1)).toMatchObject({ jobs: [], suspects: true });
    expect(idsOf((await driver.reserve('taker', 1, { alone: true })).jobs)).toEqual([free]);
  });

  it.each<[string, GroupRule]>([
    ['paused', { paused: true }],
    ['concurrency', { running: 1 }],
    ['rate', { rate: perSecond(1) }],
  ])('explains a job that its group holds back: %s', async (by, rule) => {
    const driver = use();
    await setGroup(driver, 'a', rule);
    const [, , last] = await driver.putMany(3, { group: 'a' });
    const free = await driver.putOne({ group: 'b' });
    expect(await driver.store.explainer.explain(QUEUE, free)).toMatchObject({
      ahead: { count: 0 },
      group: { key: 'b', ordered: false, running: 0, rule: undefined, hold: undefined },
    });
    const [other] = await driver.put({});
    expect((await driver.store.explainer.explain(QUEUE, other))?.group).toBeUndefined();
    const started = countOf(groupsOf(await take(driver)), 'a');
    expect(started).toBe(by === 'paused' ? 0 : 1);
    expect(await driver.store.explainer.explain(QUEUE, last)).toMatchObject({
      ahead: { count: 2 - started },
      group: { key: 'a', running: started, rule, hold: { by } },
    });
  });

  it('keeps the limits of groups beside those of the queue, whoever says them', async () => {
    const { limits } = use().store;
    const groups = { running: 3, rate: perSecond(7, true), byTime: true };
    await limits.declare(QUEUE, { running: 9, groups });
    expect(await limits.read(QUEUE)).toMatchObject({ running: 9, groups });
    await limits.set(QUEUE, { running: 4 });
    expect((await limits.read(QUEUE))?.groups).toBeUndefined();
    await limits.reset(QUEUE);
    expect(await limits.read(QUEUE)).toMatchObject({ running: 9, groups });
  });
}
