import { describe, expect, it } from '@jest/globals';
import { QUEUE } from '../contract/store-driver.js';
import { APP, fireNext, fireOf, MINUTE, rule, seedDue, storedOf, tickJob } from '../contract/schedule-seeds.js';
import { storeOfEachTest } from './store-of-each-test.js';

describe('schedules', () => {
  const use = storeOfEachTest();

  it('store a header, a spec and a tick, and the last runs beside them', async () => {
    const driver = use();
    const start = driver.now();
    await driver.store.timetable.register(QUEUE, rule(start + 1000, { lookAt: start + 1500 }));
    expect(await driver.hash('schedules')).toEqual({ digest: `h1 active ${start + 1000} - 0 0 ${start} 0 - - ` });
    expect(await driver.hash('specs')).toEqual({ digest: '{"rule":"h1"}' });
    expect(await driver.zset('ticks')).toEqual({ digest: start + 1500 });
    await driver.advance(1500);
    const jobs = [tickJob(driver, start + 1000, { priority: 3 })];
    const fire = fireOf(driver, start + 1000, { jobs, missed: 4, nextTick: start + 2000, lookAt: start + 2300 });
    expect(await driver.store.timetable.fire(QUEUE, [fire])).toEqual(['fired']);
    const id = (await driver.hash('ids'))[`cron~digest~${start + 1000}`];
    expect(await driver.hash('schedules')).toEqual({
      digest: `h1 active ${start + 2000} ${start + 1000} 1 0 ${start} 0 ${id} - `,
    });
    expect(await driver.hash('runs')).toEqual({ digest: `${start + 1000}:${start + 1500}:4:${id}` });
    expect(await driver.zset('ticks')).toEqual({ digest: start + 2300 });
    expect(await driver.hash('traits')).toEqual({ [id]: `p3\nucron~digest~${start + 1000}` });
    expect(Object.keys(await driver.zset('priority'))).toEqual([id]);
    await driver.store.timetable.pause(QUEUE, 'digest');
    expect((await driver.hash('schedules')).digest).toBe(`h1 paused:user - ${start + 1000} 1 0 ${start} 0 ${id} - `);
    expect(await driver.zset('ticks')).toEqual({});
    await driver.store.timetable.resume(QUEUE, 'digest', 'h1', { nextTick: start + 9000 });
    expect((await driver.hash('schedules')).digest).toBe(
      `h1 active ${start + 9000} ${start + 1000} 1 0 ${start} ${start + 1500} ${id} - `,
    );
  });

  it('keep who announced them, and which rules were replaced', async () => {
    const driver = use();
    const start = await seedDue(driver, { app: 'the shop' });
    await driver.store.timetable.register(QUEUE, rule(start, { specHash: 'h2', app: 'the shop', losesTick: true }));
    await driver.store.timetable.register(QUEUE, rule(start, { specHash: 'h3', app: 'the shop', losesTick: true }));
    expect(await driver.hash('schedules')).toEqual({ digest: `h3 active ${start} - 0 0 ${start} 0 - h2,h1 the shop` });
    expect(await driver.zset('announced')).toEqual({ digest: start });
    await driver.advance(5);
    await driver.store.timetable.announce(QUEUE, 'the shop', [rule(0, { specHash: 'h3' })]);
    expect(await driver.zset('announced')).toEqual({ digest: start + 5 });
    expect(await driver.hash('apps')).toEqual({ 'the shop': `${start + 5} ${start + 5} 0` });
    await driver.advance(59_999);
    await driver.store.timetable.announce(QUEUE, 'the shop', []);
    expect(await driver.hash('apps')).toEqual({ 'the shop': `${start + 60_004} ${start + 5} 0` });
    await driver.advance(60_000);
    await driver.store.timetable.announce(QUEUE, 'the shop', []);
    expect(await driver.hash('apps')).toEqual({ 'the shop': `${start + 120_004} ${start + 120_004} 0` });
    expect((await storedOf(driver)).status).toBe('active');
  });

  it('write nothing for the same rule', async () => {
    const driver = use();
    await seedDue(driver);
    await fireNext(driver);
    const before = await driver.contents();
    await driver.advance(7);
    expect(await driver.store.timetable.register(QUEUE, rule(driver.now()))).toBe('unchanged');
    expect(await driver.contents()).toEqual(before);
  });

  it('write nothing where a fire is refused or held, but the time of the next look', async () => {
    const driver = use();
    await seedDue(driver);
    await fireNext(driver, { overlap: 'queue-one' });
    await driver.advance(MINUTE);
    const before = await driver.contents();
    expect(await fireNext(driver, { specHash: 'h0' })).toBe('stale');
    expect(await driver.contents()).toEqual(before);
    expect(await fireNext(driver, { overlap: 'queue-one' })).toBe('held');
    expect(await driver.contents()).toEqual({ ...before, ticks: ['digest', String(driver.now() + 1000)] });
  });

  it('leave nothing behind when they are removed', async () => {
    const driver = use();
    await seedDue(driver, { app: APP });
    await fireNext(driver);
    expect(await driver.store.timetable.remove(QUEUE, 'digest')).toBe(true);
    await driver.store.curation.purge(QUEUE, 'ready', 10);
    const names = await driver.keyNames();
    expect(names).not.toEqual(expect.arrayContaining(['schedules']));
    for (const name of ['schedules', 'specs', 'ticks', 'announced', 'runs']) expect(names).not.toContain(name);
  });

  it('drop a tick whose rule was deleted by hand', async () => {
    const driver = use();
    await seedDue(driver, { name: 'a' });
    await seedDue(driver, { name: 'b' });
    await driver.client.hdel(driver.keys.schedules, 'a');
    expect(await driver.store.timetable.due(QUEUE, 10)).toMatchObject({ due: [{ name: 'b' }], nextLookAt: undefined });
    expect(await driver.zset('ticks')).toEqual({ b: driver.now() });
  });

  it('fire big payloads in several scripts, so that none keeps others waiting', async () => {
    const driver = use();
    const tick = driver.now();
    const names = Array.from({ length: 8 }, (_, index) => `s${index}`);
    for (const name of names) await driver.store.timetable.register(QUEUE, rule(tick, { name }));
    const payload = JSON.stringify('x'.repeat(250_000));
    await driver.client.config('RESETSTAT');
    const fires = names.map((name) => {
      const userId = `cron~${name}~${tick}`;
      const envelope = driver.envelope({ userId, name, payload });
      return fireOf(driver, tick, { name, jobs: [{ envelope, userId, scheduledFor: tick }] });
    });
    expect(await driver.store.timetable.fire(QUEUE, fires)).toEqual(names.map(() => 'fired'));
    await driver.expectCounts({ ready: 8 });
  });

  it('take three commands of Redis for a fire in a batch of fifty, and two more for overlap', async () => {
    const driver = use();
    const tick = driver.now();
    const names = Array.from({ length: 50 }, (_, index) => `s${index}`);
    for (const name of names) await driver.store.timetable.register(QUEUE, rule(tick, { name }));
    const fires = names.map((name) => fireOf(driver, tick, { name }));
    await driver.putOne(); // numbers are at hand
    const before = await callsOf(driver.client);
    await driver.store.timetable.fire(QUEUE, fires);
    expect((await callsOf(driver.client)) - before).toBeLessThan(50 * 5);
    await driver.expectCounts({ ready: 51 });
  });
});

/** Commands that the server has done, those of scripts among them. */
async function callsOf(client: { info(section: string): Promise<string> }): Promise<number> {
  const stats = await client.info('commandstats');
  return [...stats.matchAll(/cmdstat_(?:h|z|r)\w+:calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0);
}
