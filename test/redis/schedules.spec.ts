import { describe, expect, it } from '@jest/globals';
import { QUEUE } from '../contract/broker-driver.js';
import type { RedisDriver } from './redis-driver.js';
import { storeOfEachTest } from './store-of-each-test.js';

describe('schedules', () => {
  const use = storeOfEachTest();
  const schedule = (driver: RedisDriver, specHash = 'h1', spec = '{"cron":"* * * * *"}') => ({
    name: 'Report.daily',
    specHash,
    spec,
    nextTick: driver.now() + 1000,
  });
  const job = (driver: RedisDriver, priority = 0) => ({ ...driver.newJob({ userId: 'cron~x' }), priority });

  it('stores rule, hash and last tick in one field, and the next tick beside it', async () => {
    const driver = use();
    await driver.broker.registerSchedule(QUEUE, schedule(driver));
    expect(await driver.hash('schedules')).toEqual({ 'Report.daily': 'h1 \n{"cron":"* * * * *"}' });
    expect(await driver.zset('ticks')).toEqual({ 'Report.daily': driver.now() + 1000 });
    await driver.advance(1000);
    const tick = driver.now();
    const fire = { name: 'Report.daily', specHash: 'h1', tick, nextTick: tick + 5, job: job(driver, 3) };
    expect(await driver.broker.fireSchedule(QUEUE, fire)).toBe('fired');
    expect(await driver.hash('schedules')).toEqual({ 'Report.daily': `h1 ${tick}\n{"cron":"* * * * *"}` });
    expect(await driver.zset('ticks')).toEqual({ 'Report.daily': tick + 5 });
    const id = (await driver.hash('ids'))['cron~x'];
    expect(await driver.hash('levels')).toEqual({ [id]: '3' });
    expect(Object.keys(await driver.zset('priority'))).toEqual([id]);
    expect(await driver.broker.fireSchedule(QUEUE, fire)).toBe('stale');
    await driver.expectCounts({ ready: 1 });
  });

  it('writes nothing for the same rule and keeps the last tick of a replaced one', async () => {
    const driver = use();
    await driver.broker.registerSchedule(QUEUE, schedule(driver));
    await driver.client.hset(driver.keys.schedules, 'Report.daily', 'h1 17\n{}');
    await driver.advance(7);
    expect(await driver.broker.registerSchedule(QUEUE, schedule(driver))).toBe('unchanged');
    expect(await driver.zset('ticks')).toEqual({ 'Report.daily': driver.now() + 993 });
    expect(await driver.broker.registerSchedule(QUEUE, schedule(driver, 'h2', 'a\nb'))).toBe('replaced');
    expect(await driver.hash('schedules')).toEqual({ 'Report.daily': 'h2 17\na\nb' });
    expect((await driver.broker.schedules(QUEUE))[0]).toMatchObject({ spec: 'a\nb', specHash: 'h2', lastTick: 17 });
  });

  it('removes rule and tick together, so that the same rule can come again', async () => {
    const driver = use();
    await driver.broker.registerSchedule(QUEUE, schedule(driver));
    expect(await driver.broker.removeSchedule(QUEUE, 'Report.daily')).toBe(true);
    expect(await driver.broker.removeSchedule(QUEUE, 'Report.daily')).toBe(false);
    expect(await driver.keyNames()).toEqual([]);
    expect(await driver.broker.registerSchedule(QUEUE, schedule(driver))).toBe('created');
    expect(await driver.zset('ticks')).toEqual({ 'Report.daily': driver.now() + 1000 });
  });

  it('drops a tick whose rule was deleted by hand', async () => {
    const driver = use();
    await driver.broker.registerSchedule(QUEUE, schedule(driver));
    await driver.client.del(driver.keys.schedules);
    await driver.advance(1000);
    expect((await driver.broker.dueSchedules(QUEUE, 10)).due).toEqual([]);
    expect(await driver.keyNames()).toEqual([]);
  });
});
