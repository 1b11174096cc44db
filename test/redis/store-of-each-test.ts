import { afterEach, beforeEach, expect } from '@jest/globals';
import { RedisDriver, RESIDUE, type RedisDriverOptions } from './redis-driver.js';

/** A driver of its own for every test of a file, and nothing of it left behind. */
export function storeOfEachTest(options: RedisDriverOptions = {}): () => RedisDriver {
  let driver: RedisDriver | undefined;
  beforeEach(async () => {
    driver = await RedisDriver.open(options);
  });
  afterEach(async () => {
    await driver?.close();
    driver = undefined;
  });
  return () => driver as RedisDriver;
}

/** Of all that a test stored only what every used queue keeps may be there: two fillers, counters and call records. */
export async function expectOnlyResidue(driver: RedisDriver): Promise<void> {
  expect((await driver.keyNames()).filter((name) => !RESIDUE.includes(name))).toEqual([]);
  expect(await driver.hash('jobs')).toEqual({});
  expect(await driver.hash('inflight')).toEqual({});
  for (const field of ['readyHoles', 'completedCount', 'completedBytes', 'deadBytes', 'cancelledBytes']) {
    expect([field, (await driver.meta(field)) ?? '0']).toEqual([field, '0']);
  }
}
