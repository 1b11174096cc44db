import { describe, expect, it } from '@jest/globals';
import { QUEUE, type StoreDriver } from './store-driver.js';
import { groupChaosContract } from './group-chaos.contract.js';
import { groupHoldContract } from './group-hold.contract.js';
import { orderedGroupContract } from './ordered-group.contract.js';
import * as group from './group-driver.js';

const { countOf, groupsOf, idsOf, seedsOf, serve, setGroup, take, takeIds } = group;

export function groupContract(use: () => StoreDriver): void {
  describe('the jobs of groups', () => {
    it('take turns, however many one group has', async () => {
      const driver = use();
      await driver.putMany(6, { group: 'a' });
      await driver.putMany(2, { group: 'b' });
      expect(groupsOf(await take(driver, 8))).toEqual(['a', 'b', 'a', 'b', 'a', 'a', 'a', 'a']);
    });

    it('take turns over all calls and workers', async () => {
      const driver = use();
      await driver.putMany(4, { group: 'a' });
      await driver.putMany(4, { group: 'b' });
      const served: string[] = [];
      for (const worker of ['w1', 'w2', 'w3', 'w1']) served.push(...groupsOf((await driver.reserve(worker, 2)).jobs));
      expect(served).toEqual(['a', 'b', 'a', 'b', 'a', 'b', 'a', 'b']);
    });

    it('start in the order in which they came, inside of a group', async () => {
      const driver = use();
      const ids = await driver.put(...seedsOf('a', 'b', 'a', 'b', 'a', 'b'));
      const taken = await takeIds(driver);
      expect(taken.filter((id) => ids.indexOf(id) % 2 === 0)).toEqual([ids[0], ids[2], ids[4]]);
      expect(taken.filter((id) => ids.indexOf(id) % 2 === 1)).toEqual([ids[1], ids[3], ids[5]]);
    });

    it('share the queue with all that have none, which count as one group', async () => {
      const driver = use();
      await driver.put({}, {}, { priority: 3 }, { priority: 3 });
      await driver.put(...seedsOf('a', 'a', 'a', 'a', 'b', 'b', 'b', 'b'));
      const first = await take(driver, 6);
      for (const key of ['-', 'a', 'b']) expect(countOf(groupsOf(first), key)).toBe(2);
    });

    it('are started by weight', async () => {
      const driver = use();
      await setGroup(driver, 'b', { weight: 3 });
      await driver.put(...seedsOf(...Array<string>(20).fill('a'), ...Array<string>(20).fill('b')));
      const started = groupsOf(await take(driver, 16));
      expect(countOf(started, 'a')).toBe(4);
      expect(countOf(started, 'b')).toBe(12);
    });

    it('are started by a weight that changes while they wait', async () => {
      const driver = use();
      await driver.put(...seedsOf(...Array<string>(20).fill('a'), ...Array<string>(20).fill('b')));
      expect(countOf(groupsOf(await take(driver, 8)), 'a')).toBe(4);
      await setGroup(driver, 'a', { weight: 4 });
      const later = countOf(groupsOf(await take(driver, 10)), 'a');
      expect(later).toBeGreaterThanOrEqual(7);
      expect(later).toBeLessThanOrEqual(9);
      await driver.store.groups.reset(QUEUE, 'a');
      const last = countOf(groupsOf(await take(driver, 8)), 'a');
      expect(last).toBeGreaterThanOrEqual(3);
      expect(last).toBeLessThanOrEqual(5);
    });

    it('make up for nothing: a group that comes late begins where the others are', async () => {
      const driver = use();
      await driver.put(...seedsOf(...Array<string>(20).fill('a')));
      await take(driver, 10);
      await driver.put(...seedsOf('b', 'b', 'b', 'b', 'b', 'b'));
      const next = groupsOf(await take(driver, 8));
      expect(countOf(next, 'a')).toBeGreaterThanOrEqual(3);
      expect(countOf(next, 'b')).toBeGreaterThanOrEqual(3);
    });

    it('lose no turn to groups that never have more than one job', async () => {
      const driver = use();
      const tricklers = ['t1', 't2', 't3', 't4', 't5'];
      await driver.put(...seedsOf(...Array<string>(60).fill('backlog'), ...tricklers));
      const served = await serve(driver, 60, async (key) => {
        if (key !== 'backlog') await driver.putOne({ group: key });
      });
      expect(countOf(served, 'backlog')).toBeGreaterThanOrEqual(9); // its sixth
      expect(countOf(served, 'backlog')).toBeLessThanOrEqual(11);
    });

    it('lose no turn to a group that has had its share, was empty, and was cleaned up after', async () => {
      const driver = use();
      await setGroup(driver, 'comer', { weight: 0.25 });
      await driver.put(...seedsOf(...Array<string>(12).fill('backlog'), 'comer'));
      const started = await take(driver, 2);
      expect(groupsOf(started).sort()).toEqual(['backlog', 'comer']); // the comer's next turn is four of the backlog's away
      await driver.settle('taker', ...started.map((job) => driver.complete(job)));
      for (let step = 0; step < 3; step++) {
        await driver.store.duties.trim(QUEUE, { completed: false, cancelled: false, dead: false });
      }
      await driver.putOne({ group: 'comer' });
      expect(groupsOf(await take(driver, 3))).toEqual(['backlog', 'backlog', 'backlog']);
      expect(groupsOf(await take(driver, 4))).toContain('comer');
    });

    it('of many small groups start before what a large one has', async () => {
      const driver = use();
      await driver.putMany(200, { group: 'large' });
      const small = Array.from({ length: 20 }, (_, index) => `small${index}`);
      await driver.put(...seedsOf(...small, ...small));
      const started = groupsOf(await take(driver, 44));
      expect(started.filter((key) => key !== 'large')).toHaveLength(40);
    });

    it('leave nothing behind that holds others up, where those that waited are cancelled or removed', async () => {
      const driver = use();
      await driver.put(...seedsOf('a', 'a', 'a', 'a', 'a', 'a'));
      const [first, second] = await driver.put(...seedsOf('b', 'b'));
      await take(driver, 4);
      const left = await driver.put(...seedsOf('b', 'b'));
      await driver.store.curation.cancel(QUEUE, left[0]);
      await driver.store.curation.remove(QUEUE, left[1]);
      expect(await driver.stateOf(first)).toBe('active');
      expect(await driver.stateOf(second)).toBe('active');
      await driver.put(...seedsOf('c', 'c'));
      const next = groupsOf(await take(driver, 4));
      expect(countOf(next, 'c')).toBe(2);
      expect(countOf(next, 'a')).toBe(2);
      expect(await take(driver, 10)).toHaveLength(2);
    });

    it('share the time that jobs take, where the queue says so', async () => {
      const driver = use();
      await group.limitGroups(driver, { byTime: true });
      await driver.putMany(60, { group: 'slow' });
      await driver.putMany(200, { group: 'quick' });
      const spent = { slow: 0, quick: 0 };
      for (let index = 0; index < 120; index++) {
        const { jobs } = await driver.reserve('w1', 1);
        const [key] = groupsOf(jobs) as ['slow' | 'quick'];
        const durationMs = key === 'slow' ? 1000 : 100;
        spent[key] += durationMs;
        await driver.advance(durationMs);
        await driver.settle('w1', { ...driver.complete(jobs[0]), durationMs });
      }
      expect(spent.slow / spent.quick).toBeGreaterThan(0.7);
      expect(spent.slow / spent.quick).toBeLessThan(1.4);
    });

    it('are charged what they took, however many started before any of them ended', async () => {
      const driver = use();
      await group.limitGroups(driver, { byTime: true });
      await driver.putMany(30, { group: 'slow' });
      await driver.putMany(30, { group: 'quick' });
      const started = await take(driver, 10);
      const [slow, quick] = ['slow', 'quick'].map((key) => started.filter((job) => groupsOf([job])[0] === key));
      expect([slow.length, quick.length]).toEqual([5, 5]);
      await driver.advance(100);
      await driver.settle('taker', ...quick.map((job) => ({ ...driver.complete(job), durationMs: 100 })));
      await driver.advance(900);
      await driver.settle('taker', ...slow.map((job) => ({ ...driver.complete(job), durationMs: 1000 })));
      // The slow group has had 5000 ms, the other one 500: it may start some 45 jobs before the slow one starts its next.
      expect(groupsOf(await take(driver, 20))).toEqual(Array<string>(20).fill('quick'));
    });

    it('run by priority inside of their group, and by nothing of another one', async () => {
      const driver = use();
      const [low, high] = await driver.put({ group: 'a' }, { group: 'a', priority: 5 });
      const [other] = await driver.put({ group: 'b' });
      const taken = await takeIds(driver);
      expect(taken.filter((id) => id !== other)).toEqual([high, low]);
      expect(taken.indexOf(other)).toBeLessThan(2);
    });

    it('come back to their place: released and reclaimed ones to the front, retried and due ones to the back', async () => {
      const driver = use();
      const due = await driver.putOne({ group: 'a', delayMs: 500 });
      const [released, retried, waiting] = await driver.putMany(3, { group: 'a' });
      const jobs = await take(driver, 2);
      await driver.settle(
        'taker',
        { op: 'release', id: released, token: jobs[0].token },
        { op: 'retry', id: retried, token: jobs[1].token, delayMs: 0, envelope: jobs[1].envelope },
      );
      await driver.advance(500);
      expect(await takeIds(driver)).toEqual([released, waiting, retried, due]);
      await driver.expireLeases();
      expect(await takeIds(driver)).toEqual([released, waiting, retried, due].sort());
    });

    it('wait in the lane of their group again when a dead one is retried', async () => {
      const driver = use();
      const id = await driver.putOne({ group: 'a' });
      const [job] = await take(driver, 1);
      await driver.settle('taker', group.bury(job));
      const [stored] = await driver.store.curation.read(QUEUE, [id]);
      const settledAt = (await driver.settledOf(id))?.settledAt as number;
      const envelope = stored?.record.split('\n').slice(1).join('\n') as string;
      await driver.store.curation.retryDead(QUEUE, id, settledAt, envelope);
      expect(await group.viewOf(driver, 'a')).toMatchObject({ waiting: 1, running: 0 });
      await setGroup(driver, 'a', { paused: true });
      expect(await take(driver)).toEqual([]);
    });
  });

  describe('the jobs of a group', () => {
    it('are listed: those that wait in order, then those that run', async () => {
      const driver = use();
      const ids = await driver.putMany(3, { group: 'a' });
      await driver.putOne({ group: 'b' });
      await driver.putOne();
      await driver.reserve('w1', 1);
      const page = await driver.store.groups.jobs(QUEUE, 'a', '', 10);
      expect(page).toEqual({ ids: [ids[1], ids[2], ids[0]], cursor: '' });
      expect(await driver.store.groups.jobs(QUEUE, 'nobody', '', 10)).toEqual({ ids: [], cursor: '' });
    });

    it('are listed page by page', async () => {
      const driver = use();
      const ids = await driver.putMany(7, { group: 'a' });
      const listed: string[] = [];
      let cursor = '';
      do {
        const page = await driver.store.groups.jobs(QUEUE, 'a', cursor, 2);
        listed.push(...page.ids);
        ({ cursor } = page);
      } while (cursor !== '');
      expect(listed).toEqual(ids);
    });

    it('are found among the ready jobs of the queue, each once', async () => {
      const driver = use();
      const seeds = seedsOf('b', '-', 'a', 'b', 'a', '-', 'b');
      const ids = await driver.put(...seeds, { priority: 4 }, { group: 'a', priority: 4 });
      const listed = await driver.idsIn('ready', 2);
      expect([...listed].sort()).toEqual([...ids].sort());
      expect(listed.filter((id) => [2, 4, 8].includes(ids.indexOf(id)))).toEqual([ids[8], ids[2], ids[4]]);
      const scanned: string[] = [];
      let cursor: string | undefined;
      do {
        const step = await driver.store.search.scan(QUEUE, 'ready', cursor, {
          needles: [],
          payloads: false,
          on: 'primary',
          most: 2,
        });
        scanned.push(...idsOf(step.jobs));
        ({ cursor } = step);
      } while (cursor !== undefined);
      expect(scanned.sort()).toEqual([...ids].sort());
    });

    it('are cancelled, removed and purged as others', async () => {
      const driver = use();
      const [cancelled, removed] = await driver.put(...seedsOf('a', 'a', 'a', 'b', '-'));
      expect(await driver.store.curation.cancel(QUEUE, cancelled)).toBe('cancelled');
      expect(await driver.store.curation.remove(QUEUE, removed)).toBe('removed');
      await driver.expectCounts({ ready: 3, cancelled: 1 });
      expect(await group.viewOf(driver, 'a')).toMatchObject({ waiting: 1 });
      let purged = 0;
      for (let more = true; more;) {
        const answer = await driver.store.curation.purge(QUEUE, 'ready', 2);
        purged += answer.removed;
        ({ more } = answer);
      }
      expect(purged).toBe(3);
      await driver.expectCounts({ cancelled: 1 });
      expect(await group.listGroups(driver)).toEqual([]);
      expect(await take(driver)).toEqual([]);
    });

    it('are what they are where a call changes the job that waits: one of another group changes nothing', async () => {
      const driver = use();
      const unique = { uniqueKey: 'default k', onConflict: { kind: 'replace' } as const };
      const id = await driver.putOne({ ...unique, group: 'a', payload: '1' });
      const answer = (seed: object) => driver.store.intake.enqueue(QUEUE, [driver.newJob({ ...unique, ...seed })]);
      expect(await answer({ group: 'b', payload: '2' })).toMatchObject([{ id, conflict: 'kept' }]);
      expect(await answer({ payload: '2' })).toMatchObject([{ id, conflict: 'kept' }]);
      expect(await answer({ group: 'a', payload: '3' })).toMatchObject([{ id, conflict: 'replaced' }]);
      expect(await driver.store.groups.jobs(QUEUE, 'a', '', 10)).toMatchObject({ ids: [id] });
      const jobs = await take(driver);
      expect(jobs.map(({ id: taken, envelope }) => [taken, envelope.split('\n')[1]])).toEqual([[id, '3']]);
      await driver.settle('taker', driver.complete(jobs[0]));
      const next = await driver.putOne({ ...unique, group: 'a' });
      expect(await answer({ group: 'a', payload: '4' })).toMatchObject([{ id: next, conflict: 'replaced' }]);
      await driver.store.curation.cancel(QUEUE, next);
      await driver.expectCounts({ completed: 1, cancelled: 1 });
      expect(await group.listGroups(driver)).toEqual([]);
    });
  });

  describe('the groups of a queue', () => {
    it('are those that have a rule, or jobs that wait or run, in the order of their keys', async () => {
      const driver = use();
      expect(await group.listGroups(driver)).toEqual([]);
      await driver.put(...seedsOf('run', 'gone'), { group: 'later', delayMs: 5000 });
      const jobs = await take(driver, 2);
      await driver.settle('taker', driver.complete(jobs[1]));
      await driver.put(...seedsOf('wait', 'wait', '-'));
      await setGroup(driver, 'alone', { weight: 2, running: 3 });
      const hold = undefined;
      expect(await group.listGroups(driver, 1)).toEqual([
        { key: 'alone', waiting: 0, running: 0, rule: expect.objectContaining({ weight: 2, running: 3 }), hold },
        { key: 'run', waiting: 0, running: 1, rule: undefined, hold },
        { key: 'wait', waiting: 2, running: 0, rule: undefined, hold },
      ]);
    });

    it('have one rule each, which is replaced whole, and kept until it is reset', async () => {
      const driver = use();
      await setGroup(driver, 'a', { weight: 2, paused: true });
      await setGroup(driver, 'a', { running: 4 });
      await driver.store.duties.trim(QUEUE, { completed: false, cancelled: false, dead: false });
      const rule = (await group.viewOf(driver, 'a'))?.rule;
      expect(rule).toMatchObject({ running: 4 });
      expect(rule?.weight).toBeUndefined();
      expect(rule?.paused ?? false).toBe(false);
      expect(await driver.store.groups.reset(QUEUE, 'a')).toBe(true);
      expect(await driver.store.groups.reset(QUEUE, 'a')).toBe(false);
      expect(await group.listGroups(driver)).toEqual([]);
    });
  });

  groupHoldContract(use);
  orderedGroupContract(use);
  groupChaosContract(use);
}
