import { describe, expect, it } from '@jest/globals';
import { DAY_MS, KEEP, QUEUE } from '../contract/store-driver.js';
import { expectOnlyResidue, storeOfEachTest } from './store-of-each-test.js';

const NOTHING = { completed: false, cancelled: false, dead: false } as const;

describe('trim.lua', () => {
  const use = storeOfEachTest();

  it('leaves nothing of what is not to be kept', async () => {
    const driver = use();
    await driver.putEnded('completed', 1, KEEP, { userId: 'a', priority: 2 });
    await driver.putEnded('completed', 2);
    await driver.putEnded('cancelled', 3);
    await driver.putEnded('dead', 3);
    expect(await driver.store.duties.trim(QUEUE, NOTHING)).toEqual({ trimmed: 9, trimmedDead: 3, more: false });
    await driver.store.workers.leave(QUEUE, 'seeder');
    await expectOnlyResidue(driver);
  });

  it('frees the room that a job took which its server lost while it ran', async () => {
    const driver = use();
    await driver.store.groups.set(QUEUE, 'a', { running: 1 });
    await driver.client.zadd(driver.keys.flying, 0, 'a\tgone');
    const id = await driver.putOne({ group: 'a' });
    expect((await driver.reserve('w1', 1)).jobs).toEqual([]);
    await driver.store.duties.trim(QUEUE, NOTHING);
    expect((await driver.reserve('w1', 1)).jobs.map((job) => job.id)).toEqual([id]);
  });

  it('trims whole elements by age, count and bytes, and keeps their sums', async () => {
    const driver = use();
    for (let round = 0; round < 4; round++) {
      await driver.putMany(5);
      const { jobs } = await driver.reserve('w1', 5);
      await driver.settle('w1', ...jobs.map((job) => driver.complete(job)));
      await driver.advance(1000);
    }
    const size = Number(await driver.meta('completedBytes')) / 4;
    const trim = (completed: typeof KEEP) =>
      driver.store.duties.trim(QUEUE, { completed, cancelled: KEEP, dead: KEEP });
    expect((await trim({ ...KEEP, ageMs: 4000 })).trimmed).toBe(0);
    expect((await trim({ ...KEEP, ageMs: 3999 })).trimmed).toBe(5);
    expect((await trim({ ...KEEP, count: 11 })).trimmed).toBe(0); // never fewer than the limit stay
    expect((await trim({ ...KEEP, count: 10 })).trimmed).toBe(5);
    expect((await trim({ ...KEEP, bytes: size * 2 })).trimmed).toBe(0);
    expect((await trim({ ...KEEP, bytes: size * 2 - 1 })).trimmed).toBe(5);
    expect(await driver.meta('completedBytes')).toBe(String(size));
    expect(await driver.meta('completedCount')).toBe('5');
    expect(await driver.list('completed')).toHaveLength(1);
  });

  it('trims by age, count and bytes one by one where ends are kept one by one', async () => {
    const driver = use();
    const ids: string[] = [];
    for (let index = 0; index < 4; index++) {
      ids.push(...(await driver.putEnded('dead', 1)));
      await driver.advance(1000);
    }
    const size = Number(await driver.meta('deadBytes')) / 4;
    const trim = (dead: typeof KEEP) => driver.store.duties.trim(QUEUE, { completed: KEEP, cancelled: KEEP, dead });
    expect((await trim({ ...KEEP, ageMs: 4000 })).trimmedDead).toBe(0);
    expect((await trim({ ...KEEP, ageMs: 3999 })).trimmedDead).toBe(1);
    expect((await trim({ ...KEEP, count: 2 })).trimmedDead).toBe(1);
    expect((await trim({ ...KEEP, bytes: size * 2 - 1 })).trimmedDead).toBe(1);
    expect(await driver.idsIn('dead')).toEqual(ids.slice(3));
    expect(await driver.meta('deadBytes')).toBe(String(size));
  });

  it('goes in bounded steps and says that there is more', async () => {
    const driver = use();
    await driver.putMany(1000);
    const { jobs } = await driver.reserve('w1', 1000);
    for (let index = 0; index < 1000; index += 100) {
      await driver.settle(
        'w1',
        ...jobs.slice(index, index + 100).map((job) => driver.complete(job, '1', { ...KEEP, count: 1e6 })),
      );
    }
    const first = await driver.store.duties.trim(QUEUE, NOTHING);
    expect(first).toEqual({ trimmed: 200, trimmedDead: 0, more: true });
    let trimmed = first.trimmed;
    for (let more = true; more;) {
      const step = await driver.store.duties.trim(QUEUE, NOTHING);
      trimmed += step.trimmed;
      more = step.more;
    }
    expect(trimmed).toBe(1000);
    expect(await driver.meta('completedCount')).toBe('0');
  });

  it('goes in bounded steps over elements whose jobs were all removed, too', async () => {
    const driver = use();
    const ids = await driver.putEnded('completed', 300, { ...KEEP, count: 1e6 });
    for (const id of ids) await driver.store.curation.remove(QUEUE, id);
    expect(await driver.store.duties.trim(QUEUE, NOTHING)).toEqual({ trimmed: 0, trimmedDead: 0, more: true });
    expect(await driver.list('completed')).toHaveLength(100);
    expect(await driver.store.duties.trim(QUEUE, NOTHING)).toEqual({ trimmed: 0, trimmedDead: 0, more: false });
    expect(await driver.meta('completedBytes')).toBe('0');
  });

  it('forgets calls after ten minutes and no earlier', async () => {
    const driver = use();
    await driver.putOne();
    await driver.reserve('w1', 0);
    expect(Object.keys(await driver.callRecords())).toHaveLength(2);
    await driver.advance(600_000);
    await driver.store.duties.trim(QUEUE, NOTHING);
    expect(Object.keys(await driver.callRecords())).toHaveLength(2);
    await driver.advance(1000);
    await driver.store.duties.trim(QUEUE, NOTHING);
    expect(await driver.callRecords()).toEqual({});
  });

  it('forgets every call and every waiter in the end, however many there are', async () => {
    const driver = use();
    const ids = await driver.putMany(1000, { delayMs: DAY_MS });
    for (const id of ids) await driver.store.notices.awaitSettled(QUEUE, id, 5);
    await Promise.all(
      Array.from({ length: 1000 }, (_, index) => driver.client.hset(driver.keys.meta, `@c${index}`, '1 1 ')),
    );
    await driver.advance(6);
    // HSCAN gives each field once a round, some hundred a step.
    for (let step = 0; step < 40; step++) await driver.store.duties.trim(QUEUE, NOTHING);
    expect(Object.keys(await driver.callRecords())).toHaveLength(1);
    expect(await driver.keyNames()).not.toContain('waiters');
  });

  it('goes on while it finds records of old calls, in short steps, and then stops', async () => {
    const driver = use();
    const { meta } = driver.keys;
    const store = async (name: string, count: number, at: number) => {
      const pipeline = driver.client.pipeline();
      for (let index = 0; index < count; index++)
        pipeline.hset(meta, `@${name}${index}`, `7 ${Math.floor(at / 1000)} cancelled`);
      await pipeline.exec();
    };
    await driver.putOne();
    await driver.advance(601_000);
    await store('old', 20_000, driver.now() - 601_000);
    await store('new', 2000, driver.now());
    const keep = { completed: KEEP, cancelled: KEEP, dead: KEEP };
    let steps = 0;
    for (let more = true; more; steps++) {
      const left = await driver.client.hlen(meta);
      ({ more } = await driver.store.duties.trim(QUEUE, keep));
      // A bucket is given as a whole, so that a step may see some more than a hundred.
      expect(left - (await driver.client.hlen(meta))).toBeLessThan(200);
    }
    expect(Object.keys(await driver.callRecords()).filter((caller) => caller.startsWith('old'))).toEqual([]);
    expect(Object.keys(await driver.callRecords())).toHaveLength(2000);
    expect(steps).toBeLessThan(400);
    // Thousands that are not old are no reason to go on.
    expect(await driver.store.duties.trim(QUEUE, keep)).toMatchObject({ more: false });
  });

  it('goes on while it finds waiters that gave up', async () => {
    const driver = use();
    const ids = await driver.putMany(1000, { delayMs: DAY_MS });
    for (const id of ids) await driver.client.hset(driver.keys.waiters, id, driver.now() + 5);
    await driver.advance(6);
    while ((await driver.store.duties.trim(QUEUE, NOTHING)).more);
    expect(await driver.keyNames()).not.toContain('waiters');
  });

  it('finds waiters that gave up behind others that did not', async () => {
    const driver = use();
    const ids = await driver.putMany(1000, { delayMs: DAY_MS });
    for (const id of ids) await driver.client.hset(driver.keys.waiters, id, driver.now() + DAY_MS);
    for (const id of ids.slice(-100)) await driver.store.notices.awaitSettled(QUEUE, id, 5);
    await driver.advance(6);
    for (let step = 0; step < 40; step++) await driver.store.duties.trim(QUEUE, NOTHING);
    expect(await driver.client.hlen(driver.keys.waiters)).toBe(900);
  });

  it('sweeps unique keys whose jobs were lost or ended, in steps, and leaves those that are held', async () => {
    const driver = use();
    const [ended] = await driver.putEnded('completed', 1);
    const held = await driver.putOne({ uniqueKey: 'x held' });
    const ids = await driver.put(...Array.from({ length: 1200 }, (_, at) => ({ uniqueKey: `x ${at}` })));
    await driver.client.hdel(driver.keys.jobs, ...ids);
    await driver.client.hset(driver.keys.uniques, 'x ended', ended, 'x stopped', 'gone?');
    let steps = 0;
    while ((await driver.store.duties.trim(QUEUE, { completed: KEEP, cancelled: KEEP, dead: KEEP })).more) steps++;
    expect(steps).toBeGreaterThan(5);
    expect(await driver.hash('uniques')).toEqual({ 'x held': held });
  });

  it('sweeps windows of throttled calls once they are over', async () => {
    const driver = use();
    const onConflict = { kind: 'throttle', ms: 1000, both: false } as const;
    const rules = { completed: KEEP, cancelled: KEEP, dead: KEEP };
    await driver.putEnded('completed', 1, KEEP, { uniqueKey: 'x a', onConflict });
    await driver.advance(500);
    await driver.putEnded('completed', 1, KEEP, { uniqueKey: 'x b', onConflict });
    await driver.advance(500);
    await driver.store.duties.trim(QUEUE, rules);
    expect(Object.keys(await driver.hash('uniques'))).toEqual(['x b']);
    await driver.advance(500);
    await driver.store.duties.trim(QUEUE, rules);
    expect(await driver.keyNames()).not.toContain('uniques');
    expect((await driver.meta('features')) ?? '').not.toContain('q');
  });
});
