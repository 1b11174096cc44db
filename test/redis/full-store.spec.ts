import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ReservedJob } from '../../src/core/ports/worker-store.js';
import { startRedisServer, type RedisServer } from '../support/redis-server.js';
import { KEEP, LEASE_MS, QUEUE } from '../contract/store-driver.js';
import { APP, fireOf, rule, seedDue, tickJob } from '../contract/schedule-seeds.js';
import { RedisDriver } from './redis-driver.js';

const FULL = { code: 'TASK_QUEUE_STORE_FULL', reply: 'OOM' };

describe('a Redis at maxmemory', () => {
  let server: RedisServer;
  let driver: RedisDriver;
  let jobs: ReservedJob[];

  beforeAll(async () => {
    server = await startRedisServer({ args: ['--maxmemory-policy', 'noeviction'] });
    driver = await RedisDriver.open({ url: server.url });
    await driver.putMany(20, { userId: undefined });
    await driver.putOne({ userId: 'known' });
    jobs = (await driver.reserve('w1', 8)).jobs;
    await seedDue(driver, { app: APP });
    await driver.fixture.pushInbox('1');
    await driver.client.config('SET', 'maxmemory', '1');
  });

  afterAll(async () => {
    await driver.client.config('SET', 'maxmemory', '0');
    await driver.close();
    await server.stop();
  });

  it('refuses new jobs, and stores none', async () => {
    await expect(driver.putOne()).rejects.toMatchObject(FULL);
    await expect(driver.put({ delayMs: 5 }, { priority: 1 })).rejects.toMatchObject(FULL);
    await expect(driver.store.intake.takeInbox(QUEUE, driver.fixture.inbox, 1)).rejects.toMatchObject(FULL);
    expect(await driver.client.llen(driver.fixture.inbox)).toBe(1);
    const { store } = driver;
    const job = tickJob(driver, driver.now());
    await expect(store.timetable.fire(QUEUE, [fireOf(driver, driver.now())])).rejects.toMatchObject(FULL);
    await expect(store.timetable.runNow(QUEUE, 'digest', 'h1', job)).rejects.toMatchObject(FULL);
    await expect(store.timetable.register(QUEUE, rule(1, { specHash: 'h2', app: APP }))).rejects.toMatchObject(FULL);
    expect((await store.timetable.due(QUEUE, 10)).due).toMatchObject([{ name: 'digest', specHash: 'h1' }]);
    await driver.expectCounts({ ready: 13, active: 8 });
  });

  it('renews leases, settles in every way and reserves', async () => {
    expect((await driver.store.workers.beat(QUEUE, 'w1', LEASE_MS)).lapsed).toBe(false);
    const [done, again, later, back, away, ended, buried] = jobs;
    const { lost, jobs: next } = await driver.reserve('w1', 2, {
      settlements: [
        driver.complete(done, '"result"'),
        { op: 'retry', ...again, delayMs: 0 },
        { op: 'snooze', ...later, delayMs: 60_000, envelope: undefined },
        { op: 'release', ...back },
        { op: 'park', ...away, name: 'default' },
        { op: 'cancel', ...ended, keep: KEEP },
        { op: 'bury', ...buried, detail: '{}', envelope: undefined, keep: KEEP },
      ],
    });
    expect(lost).toEqual([]);
    expect(next).toHaveLength(2);
    await driver.expectCounts({ ready: 13, active: 3, completed: 1, scheduled: 1, parked: 1, cancelled: 1, dead: 1 });
  });

  /** Setting the clock takes memory, too. */
  async function advance(ms: number): Promise<void> {
    await driver.client.config('SET', 'maxmemory', '0');
    await driver.advance(ms);
    await driver.client.config('SET', 'maxmemory', '1');
  }

  it('reports, promotes, cancels, removes, retries, reclaims, pauses and trims', async () => {
    const { store } = driver;
    expect((await store.workers.report(QUEUE, [{ ...jobs[7], progress: '1', logs: ['x'] }])).lost).toEqual([]);
    await advance(60_000);
    expect((await store.duties.promote(QUEUE, 10)).promoted).toBe(1);
    const [first, second] = await driver.idsIn('ready');
    expect(await store.curation.cancel(QUEUE, first)).toBe('cancelled');
    expect(await store.curation.remove(QUEUE, second)).toBe('removed');
    const [dead] = await driver.idsIn('dead');
    const settledAt = (await driver.settledOf(dead))?.settledAt ?? 0;
    expect(await store.curation.retryDead(QUEUE, dead, settledAt, driver.envelope())).toBe('retried');
    await driver.scan();
    for (let step = 0; step < 5; step++) {
      await advance(LEASE_MS / 4);
      await driver.scan();
    }
    expect((await store.curation.counts(QUEUE)).active).toBe(0);
    await store.curation.setPaused(QUEUE, true);
    await store.curation.setPaused(QUEUE, false);
    await store.workers.leave(QUEUE, 'w1');
    const { trimmed } = await store.duties.trim(QUEUE, { completed: false, cancelled: false, dead: false });
    expect(trimmed).toBeGreaterThan(0);
    await store.curation.purge(QUEUE, 'ready', 10);
    await driver.expectConserved();
  });

  it('announces, pauses, resumes and removes schedules', async () => {
    const { store } = driver;
    expect(await store.timetable.announce(QUEUE, APP, [rule(0)])).toMatchObject({ unknown: [] });
    expect(await store.timetable.pause(QUEUE, 'digest')).toBe(true);
    expect(await store.timetable.resume(QUEUE, 'digest', 'h1', { nextTick: driver.now() })).toBe('resumed');
    expect(await store.timetable.remove(QUEUE, 'digest')).toBe(true);
  });

  it('takes jobs again as soon as there is room', async () => {
    await driver.client.config('SET', 'maxmemory', '0');
    expect(await driver.putOne()).toBeTruthy();
    expect(await driver.store.intake.takeInbox(QUEUE, driver.fixture.inbox, 5)).toBe(1);
  });
});
