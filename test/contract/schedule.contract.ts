import { describe, expect, it } from '@jest/globals';
import type { QueueSignal } from '../../src/core/ports/notices.js';
import { MessageLog } from '../support/message-log.js';
import { QUEUE, type StoreDriver } from './store-driver.js';
import { APP, fireNext, fireOf, MINUTE, rule, seedDue, storedOf } from './schedule-seeds.js';

/** Rules: how they come, are announced, paused, read and removed. How they fire is in fire.contract.ts. */
export function scheduleContract(use: () => StoreDriver): void {
  describe('registering', () => {
    it('creates a rule, and writes nothing for the same one', async () => {
      const driver = use();
      const tick = driver.now() + MINUTE;
      expect(await driver.store.timetable.register(QUEUE, rule(tick))).toBe('created');
      expect(await driver.store.timetable.register(QUEUE, rule(tick + 5 * MINUTE))).toBe('unchanged');
      expect(await driver.store.timetable.read(QUEUE, ['digest', 'nothing'])).toEqual([
        {
          ...{ name: 'digest', specHash: 'h1', spec: '{"rule":"h1"}', app: undefined },
          ...{ status: 'active', pauseReason: undefined, nextTick: tick, lastTick: undefined },
          ...{ fired: 0, skipped: 0, createdAt: driver.now(), announcedAt: undefined },
        },
        undefined,
      ]);
    });

    it('counts a changed rule from its new tick, and begins its counts anew', async () => {
      const driver = use();
      const tick = await seedDue(driver);
      const createdAt = driver.now();
      await fireNext(driver);
      await fireNext(driver, { jobs: [] });
      await driver.advance(5);
      expect(await driver.store.timetable.register(QUEUE, rule(tick + 7, { specHash: 'h2' }))).toBe('replaced');
      expect(await storedOf(driver)).toMatchObject({
        ...{ specHash: 'h2', spec: '{"rule":"h2"}', nextTick: tick + 7, lastTick: tick },
        ...{ fired: 0, skipped: 0, createdAt },
      });
      expect(await driver.store.timetable.history(QUEUE, 'digest', 10)).toHaveLength(1);
    });

    it('keeps a spec byte for byte', async () => {
      const driver = use();
      const spec = '{"pattern":"0 12 * * *","zone":"Europe/Berlin","note":"é\\n %s"}\nsecond line ';
      await driver.store.timetable.register(QUEUE, rule(driver.now(), { name: 'a-b.c_d', spec }));
      expect(await storedOf(driver, 'a-b.c_d')).toMatchObject({ name: 'a-b.c_d', spec });
      expect((await driver.store.timetable.due(QUEUE, 1)).due).toMatchObject([{ name: 'a-b.c_d', spec }]);
    });

    it('keeps the schedules of queues apart', async () => {
      const driver = use();
      const tick = await seedDue(driver);
      expect(await driver.store.timetable.read('other', ['digest'])).toEqual([undefined]);
      expect(await driver.store.timetable.fire('other', [fireOf(driver, tick)])).toEqual(['stale']);
    });

    it('stores a rule without a tick as ended, and starts it again with another rule', async () => {
      const driver = use();
      expect(await driver.store.timetable.register(QUEUE, rule(undefined))).toBe('created');
      expect(await storedOf(driver)).toMatchObject({ status: 'ended', nextTick: undefined });
      expect(await driver.store.timetable.register(QUEUE, rule(driver.now()))).toBe('unchanged');
      expect(await driver.store.timetable.due(QUEUE, 10)).toMatchObject({ due: [], nextLookAt: undefined });
      const again = rule(driver.now() + 1, { specHash: 'h2' });
      expect(await driver.store.timetable.register(QUEUE, again)).toBe('replaced');
      expect(await storedOf(driver)).toMatchObject({ status: 'active', nextTick: driver.now() + 1 });
      expect(await driver.store.timetable.register(QUEUE, rule(undefined, { specHash: 'h3' }))).toBe('replaced');
      expect((await driver.store.timetable.due(QUEUE, 10)).due).toEqual([]);
    });

    it('lets neither code take a schedule made at run time, nor the other way round', async () => {
      const driver = use();
      const tick = await seedDue(driver);
      const declared = rule(tick, { name: 'nightly', app: APP });
      expect(await driver.store.timetable.register(QUEUE, rule(tick, { specHash: 'h2', app: APP }))).toBe('conflict');
      expect(await driver.store.timetable.register(QUEUE, rule(tick, { app: APP }))).toBe('conflict');
      expect(await driver.store.timetable.register(QUEUE, declared)).toBe('created');
      expect(await driver.store.timetable.register(QUEUE, { ...declared, app: undefined })).toBe('conflict');
      expect(await storedOf(driver)).toMatchObject({ specHash: 'h1', app: undefined });
      expect(await storedOf(driver, 'nightly')).toMatchObject({ app: APP, announcedAt: driver.now() });
    });

    it('goes back to an older rule at once where no code declares it', async () => {
      const driver = use();
      const tick = driver.now() + MINUTE;
      expect(await driver.store.timetable.register(QUEUE, rule(tick))).toBe('created');
      expect(await driver.store.timetable.register(QUEUE, rule(tick, { specHash: 'h2' }))).toBe('replaced');
      expect(await driver.store.timetable.register(QUEUE, rule(tick))).toBe('replaced');
    });
  });

  describe('replacing a rule in the moment of a tick', () => {
    it('waits until a tick that has come is fired, by the rule it belongs to', async () => {
      const driver = use();
      const { store } = driver;
      const tick = await seedDue(driver);
      const successor = rule(tick + 7, { specHash: 'h2' });
      expect(await store.timetable.register(QUEUE, successor)).toBe('due');
      expect(await storedOf(driver)).toMatchObject({ specHash: 'h1', nextTick: tick });
      expect(await store.timetable.register(QUEUE, rule(undefined, { specHash: 'h2' }))).toBe('due');
      await fireNext(driver);
      expect(await store.timetable.register(QUEUE, successor)).toBe('replaced');
      await driver.expectCounts({ ready: 1 });
    });

    it('does not fire by the new rule what the old one has fired', async () => {
      const driver = use();
      const tick = await seedDue(driver);
      await fireNext(driver);
      expect(await driver.store.timetable.register(QUEUE, rule(tick, { specHash: 'h2' }))).toBe('due');
      expect(await driver.store.timetable.register(QUEUE, rule(tick + 1, { specHash: 'h2' }))).toBe('replaced');
    });

    it('fires it before its jitter is over, and no tick that has not come', async () => {
      const driver = use();
      const tick = driver.now() + 10;
      await driver.store.timetable.register(QUEUE, rule(tick, { lookAt: tick + MINUTE }));
      expect(await fireNext(driver, { atOnce: true })).toBe('early');
      await driver.advance(10);
      expect(await fireNext(driver)).toBe('early');
      expect(await driver.store.timetable.register(QUEUE, rule(tick + 5, { specHash: 'h2' }))).toBe('due');
      expect(await fireNext(driver, { atOnce: true })).toBe('fired');
    });

    it('drops the tick where the call permits it', async () => {
      const driver = use();
      const tick = await seedDue(driver);
      const successor = rule(tick + 7, { specHash: 'h2', losesTick: true });
      expect(await driver.store.timetable.register(QUEUE, successor)).toBe('replaced');
      expect(await storedOf(driver)).toMatchObject({ specHash: 'h2', nextTick: tick + 7 });
    });

    it('asks nothing of one that is paused and stays so', async () => {
      const driver = use();
      const tick = await seedDue(driver);
      await fireNext(driver);
      await driver.store.timetable.pause(QUEUE, 'digest');
      expect(await driver.store.timetable.register(QUEUE, rule(tick, { specHash: 'h2' }))).toBe('replaced');
      expect((await storedOf(driver)).pauseReason).toBe('user');
    });
  });

  describe('a rolling deployment', () => {
    it('is not set back by old instances while one of the new lives, and may be rolled back after', async () => {
      const driver = use();
      const { store } = driver;
      const tick = driver.now() + 60 * MINUTE;
      const [old, successor] = ['h1', 'h2'].map((specHash) => rule(tick, { specHash, app: APP }));
      await store.timetable.register(QUEUE, old);
      expect(await store.timetable.register(QUEUE, successor)).toBe('replaced');
      expect(await store.timetable.register(QUEUE, old)).toBe('outdated');
      await driver.advance(MINUTE - 1);
      expect(await store.timetable.register(QUEUE, old)).toBe('outdated');
      await store.timetable.announce(QUEUE, APP, [successor]);
      await driver.advance(MINUTE - 1);
      expect(await store.timetable.announce(QUEUE, APP, [old])).toMatchObject({ outdated: ['digest'], unknown: [] });
      await driver.advance(1);
      expect(await store.timetable.announce(QUEUE, APP, [old])).toMatchObject({ outdated: [], unknown: ['digest'] });
      expect(await store.timetable.register(QUEUE, old)).toBe('replaced');
      expect(await store.timetable.register(QUEUE, successor)).toBe('outdated');
      expect((await storedOf(driver)).specHash).toBe('h1');
    });

    it('knows the last eight rules', async () => {
      const driver = use();
      const { store } = driver;
      const hashes = Array.from({ length: 10 }, (_, index) => `h${index}`);
      const tick = driver.now() + MINUTE;
      for (const specHash of hashes) await store.timetable.register(QUEUE, rule(tick, { specHash, app: APP }));
      for (const specHash of hashes.slice(1, -1)) {
        const answer = await store.timetable.register(QUEUE, rule(tick, { specHash, app: APP }));
        expect([specHash, answer]).toEqual([specHash, 'outdated']);
      }
      const first = rule(tick, { specHash: 'h0', app: APP });
      expect(await store.timetable.register(QUEUE, first)).toBe('replaced');
    });

    it('lets another app take a rule over only when the first has been silent for a minute', async () => {
      const driver = use();
      const { store } = driver;
      const tick = driver.now() + 60 * MINUTE;
      const [own, other] = [APP, 'office hours'].map((app) => rule(tick, { app }));
      await store.timetable.register(QUEUE, own);
      expect(await store.timetable.register(QUEUE, other)).toBe('conflict');
      expect(await store.timetable.register(QUEUE, { ...other, specHash: 'h2' })).toBe('conflict');
      const announced = await store.timetable.announce(QUEUE, 'office hours', [other]);
      expect(announced).toEqual({ outdated: [], unknown: ['digest'], removed: [] });
      await driver.advance(MINUTE - 1);
      expect(await store.timetable.register(QUEUE, other)).toBe('conflict');
      expect(await storedOf(driver)).toMatchObject({ app: APP, specHash: 'h1' });
      await driver.advance(1);
      expect(await store.timetable.register(QUEUE, other)).toBe('unchanged');
      expect(await storedOf(driver)).toMatchObject({ app: 'office hours', announcedAt: driver.now() });
      expect(await store.timetable.register(QUEUE, own)).toBe('conflict');
    });
  });

  describe('announcing', () => {
    it('stamps what is stored as announced, and names what has to be registered again', async () => {
      const driver = use();
      await seedDue(driver, { app: APP });
      await seedDue(driver, { name: 'made' });
      await driver.advance(20_000);
      const announced = [rule(0), rule(0, { name: 'lost' }), rule(0, { name: 'made' })];
      expect(await driver.store.timetable.announce(QUEUE, APP, announced)).toEqual({
        outdated: [],
        unknown: ['lost', 'made'],
        removed: [],
      });
      expect((await storedOf(driver)).announcedAt).toBe(driver.now());
      expect((await storedOf(driver, 'made')).announcedAt).toBeUndefined();
    });

    /** Instances of the app announce every 20 s what they hold. */
    async function announceFor(ms: number, app: string, names: string[]): Promise<string[]> {
      const driver = use();
      const removed: string[] = [];
      for (let passed = 0; passed <= ms; passed += 20_000) {
        if (passed > 0) await driver.advance(20_000);
        const announced = names.map((name) => rule(0, { name }));
        removed.push(...(await driver.store.timetable.announce(QUEUE, app, announced)).removed);
      }
      return removed;
    }

    it('pauses what no instance of the app names for a minute, and nothing else', async () => {
      const driver = use();
      await seedDue(driver, { app: APP });
      await seedDue(driver, { name: 'kept', app: APP });
      await seedDue(driver, { name: 'of another app', app: 'office' });
      await seedDue(driver, { name: 'made' });
      await seedDue(driver, { name: 'held', app: APP });
      await driver.store.timetable.pause(QUEUE, 'held');
      expect(await announceFor(40_000, APP, ['kept'])).toEqual([]);
      expect((await storedOf(driver)).status).toBe('active');
      expect(await announceFor(40_000, APP, ['kept'])).toEqual(['digest']);
      expect(await storedOf(driver)).toMatchObject({
        ...{ status: 'paused', pauseReason: 'removed', nextTick: undefined, announcedAt: undefined },
      });
      expect((await driver.store.timetable.due(QUEUE, 10)).due.map(({ name }) => name).sort()).toEqual([
        'kept',
        'made',
        'of another app',
      ]);
      expect(await storedOf(driver, 'held')).toMatchObject({ pauseReason: 'user', announcedAt: undefined });
      expect(await announceFor(120_000, APP, ['kept'])).toEqual([]);
    });

    it('pauses nothing where the whole app was away', async () => {
      const driver = use();
      await seedDue(driver, { app: APP });
      await seedDue(driver, { name: 'kept', app: APP });
      await announceFor(40_000, APP, ['kept', 'digest']);
      await driver.advance(10 * MINUTE);
      expect(await announceFor(40_000, APP, ['kept'])).toEqual([]);
      expect(await announceFor(0, APP, ['kept', 'digest'])).toEqual([]);
      expect(await announceFor(40_000, APP, ['kept', 'digest'])).toEqual([]);
      expect((await storedOf(driver)).status).toBe('active');
    });

    it('does not resume a removed one, which nobody would pause again', async () => {
      const driver = use();
      await seedDue(driver, { app: APP });
      await announceFor(2 * MINUTE, APP, []);
      const answer = await driver.store.timetable.resume(QUEUE, 'digest', 'h1', { nextTick: driver.now() + MINUTE });
      expect(answer).toBe('removed');
      expect(await storedOf(driver)).toMatchObject({ status: 'paused', pauseReason: 'removed' });
    });

    it('goes on with a removed one that is declared again, from a tick after now', async () => {
      const driver = use();
      const { store } = driver;
      await seedDue(driver, { app: APP });
      await fireNext(driver);
      await announceFor(2 * MINUTE, APP, []);
      expect(await store.timetable.announce(QUEUE, APP, [rule(0)])).toMatchObject({ unknown: ['digest'] });
      const tick = driver.now() + MINUTE;
      expect(await store.timetable.register(QUEUE, rule(tick, { app: APP }))).toBe('replaced');
      expect(await storedOf(driver)).toMatchObject({
        ...{ status: 'active', pauseReason: undefined, nextTick: tick, fired: 1, announcedAt: driver.now() },
      });
      expect(await store.timetable.announce(QUEUE, APP, [rule(0)])).toMatchObject({ unknown: [] });
    });

    it('finds what was removed behind many schedules of an app that is away', async () => {
      const driver = use();
      for (let index = 0; index < 120; index++) await seedDue(driver, { name: `other${index}`, app: 'office' });
      await seedDue(driver, { name: 'the last', app: APP });
      expect(await announceFor(MINUTE + 20_000, APP, [])).toEqual(['the last']);
      expect((await storedOf(driver, 'other0')).status).toBe('active');
    });
  });

  describe('pausing and resuming', () => {
    it('pauses until somebody resumes it, whatever a deployment says, and backfills nothing', async () => {
      const driver = use();
      const { store } = driver;
      const tick = await seedDue(driver);
      expect(await store.timetable.pause(QUEUE, 'digest')).toBe(true);
      expect(await storedOf(driver)).toMatchObject({ status: 'paused', pauseReason: 'user', nextTick: undefined });
      expect(await store.timetable.due(QUEUE, 10)).toMatchObject({ due: [], nextLookAt: undefined });
      expect(await store.timetable.fire(QUEUE, [fireOf(driver, tick)])).toEqual(['paused']);
      expect(await store.timetable.register(QUEUE, rule(tick))).toBe('unchanged');
      expect(await store.timetable.register(QUEUE, rule(tick, { specHash: 'h2' }))).toBe('replaced');
      expect(await storedOf(driver)).toMatchObject({ status: 'paused', pauseReason: 'user', specHash: 'h2' });
      expect(await store.timetable.resume(QUEUE, 'digest', 'h1', { nextTick: tick })).toBe('changed');
      const next = { nextTick: tick + MINUTE, lookAt: tick + MINUTE + 5 };
      expect(await store.timetable.resume(QUEUE, 'digest', 'h2', next)).toBe('resumed');
      expect(await storedOf(driver)).toMatchObject({
        status: 'active',
        pauseReason: undefined,
        nextTick: tick + MINUTE,
      });
      expect((await store.timetable.due(QUEUE, 10)).nextLookAt).toBe(tick + MINUTE + 5);
      await driver.expectCounts({});
    });

    it('answers that there is no such schedule to pause or resume', async () => {
      const { store } = use();
      expect(await store.timetable.pause(QUEUE, 'digest')).toBe(false);
      expect(await store.timetable.resume(QUEUE, 'digest', 'h1', { nextTick: 1 })).toBe('not-found');
    });

    it('leaves one that is not paused as it is', async () => {
      const driver = use();
      const tick = await seedDue(driver);
      const answer = await driver.store.timetable.resume(QUEUE, 'digest', 'h1', { nextTick: tick + MINUTE });
      expect(answer).toBe('resumed');
      expect((await storedOf(driver)).nextTick).toBe(tick);
    });

    it('keeps an ended one ended, and ends one that has no tick left when it is resumed', async () => {
      const driver = use();
      const { store } = driver;
      await seedDue(driver);
      await store.timetable.pause(QUEUE, 'digest');
      expect(await store.timetable.resume(QUEUE, 'digest', 'h1', { nextTick: undefined })).toBe('resumed');
      expect(await storedOf(driver)).toMatchObject({ status: 'ended', nextTick: undefined });
      expect(await store.timetable.pause(QUEUE, 'digest')).toBe(true);
      expect((await storedOf(driver)).status).toBe('ended');
      expect((await store.timetable.due(QUEUE, 10)).due).toEqual([]);
    });

    it('keeps a pause of a user over the end and return of its code', async () => {
      const driver = use();
      await seedDue(driver, { app: APP });
      await driver.store.timetable.pause(QUEUE, 'digest');
      for (let seconds = 0; seconds <= 80; seconds += 20) {
        await driver.store.timetable.announce(QUEUE, APP, []);
        await driver.advance(20_000);
      }
      expect(await driver.store.timetable.register(QUEUE, rule(driver.now(), { app: APP }))).toBe('unchanged');
      expect(await storedOf(driver)).toMatchObject({ pauseReason: 'user', announcedAt: driver.now() });
    });
  });

  describe('waking schedulers', () => {
    it('sends a signal only when a schedule is to be looked at earlier than all others', async () => {
      const driver = use();
      const { store } = driver;
      const log = new MessageLog<QueueSignal>();
      await store.notices.onSignal(QUEUE, log.listener);
      const start = driver.now();
      await store.timetable.register(QUEUE, rule(start + MINUTE));
      await store.timetable.register(QUEUE, rule(start + MINUTE, { name: 'b' }));
      await store.timetable.register(QUEUE, rule(start + 2 * MINUTE, { name: 'c' }));
      await store.timetable.register(QUEUE, rule(start, { name: 'd', lookAt: start + 2 * MINUTE }));
      await driver.barrier();
      expect(await log.first(1)).toEqual([{ type: 'schedules' }]);
      expect(log.messages).toHaveLength(1);
      await store.timetable.register(QUEUE, rule(start + 1, { name: 'c', specHash: 'h2' }));
      await log.first(2);
      await store.timetable.pause(QUEUE, 'c');
      await store.timetable.resume(QUEUE, 'c', 'h2', { nextTick: start + 2 });
      expect(await log.first(3)).toHaveLength(3);
    });

    it('answers a scan when the next schedule is to be looked at', async () => {
      const driver = use();
      expect((await driver.scan()).nextLookAt).toBeUndefined();
      await driver.store.timetable.register(QUEUE, rule(driver.now() + 1, { lookAt: driver.now() + 7 }));
      expect((await driver.scan()).nextLookAt).toBe(driver.now() + 7);
    });
  });

  describe('listing and removing', () => {
    it('meets every schedule, page by page, while others come and go', async () => {
      const driver = use();
      const { store } = driver;
      // Of the length of a real one: a store may keep very short ones together.
      const specHash = 'h'.repeat(32);
      const names = Array.from({ length: 250 }, (_, index) => `s${index}`);
      for (const name of names) await store.timetable.register(QUEUE, rule(undefined, { name, specHash }));
      const met = new Set<string>();
      let cursor: string | undefined;
      let pages = 0;
      do {
        const page = await store.timetable.list(QUEUE, cursor, 40);
        expect(page.schedules.length).toBeLessThan(60);
        for (const schedule of page.schedules) {
          expect(schedule).toMatchObject({ specHash, status: 'ended' });
          met.add(schedule.name);
        }
        await store.timetable.register(QUEUE, rule(undefined, { name: `new${pages}`, specHash }));
        await store.timetable.remove(QUEUE, `new${pages - 1}`);
        cursor = page.cursor;
      } while (cursor !== undefined && ++pages < 100);
      expect([...met].filter((name) => name.startsWith('s')).sort()).toEqual(names.sort());
      expect(pages).toBeGreaterThan(3);
    });

    it('lists an empty queue, and refuses a cursor it did not give', async () => {
      const { store } = use();
      expect(await store.timetable.list(QUEUE, undefined, 10)).toEqual({ schedules: [], cursor: undefined });
      await expect(store.timetable.list(QUEUE, 'x', 10)).rejects.toMatchObject({ name: 'InvalidValueError' });
    });

    it('removes a schedule and its history, and leaves its jobs', async () => {
      const driver = use();
      const { store } = driver;
      const tick = await seedDue(driver);
      await fireNext(driver);
      expect(await store.timetable.remove(QUEUE, 'digest')).toBe(true);
      expect(await store.timetable.remove(QUEUE, 'digest')).toBe(false);
      expect(await store.timetable.read(QUEUE, ['digest'])).toEqual([undefined]);
      expect(await store.timetable.history(QUEUE, 'digest', 10)).toEqual([]);
      expect((await store.timetable.due(QUEUE, 10)).nextLookAt).toBeUndefined();
      expect(await store.timetable.fire(QUEUE, [fireOf(driver, tick + MINUTE)])).toEqual(['stale']);
      await driver.expectCounts({ ready: 1 });
      expect(await store.timetable.register(QUEUE, rule(tick))).toBe('created');
      expect(await store.timetable.history(QUEUE, 'digest', 10)).toEqual([]);
    });
  });
}
