import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { encodeEnvelope } from '../../src/core/envelope.js';
import type { ScanRequest } from '../../src/core/ports/search.js';
import type { RedisConnection } from '../../src/redis/wire/connector.js';
import { RedisStore } from '../../src/redis/redis-store.js';
import { QUEUE } from '../contract/store-driver.js';
import { startRedisServer, type RedisServer, type RedisServerOptions } from '../support/redis-server.js';
import { replicaInSync } from '../support/replica.js';
import { RedisDriver } from './redis-driver.js';

const ALL: ScanRequest = { needles: [], payloads: true, on: 'primary' };
const ends: (() => Promise<unknown> | void)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function start(options: RedisServerOptions): Promise<RedisServer> {
  const server = await startRedisServer(options);
  ends.push(() => server.stop());
  return server;
}

async function open(connection: RedisConnection): Promise<RedisStore> {
  const store = new RedisStore({
    connection,
    prefix: 'tq',
    commandTimeoutMs: 10_000,
    connectTimeoutMs: 10_000,
    waitForRedis: false,
    allowEviction: false,
    maxCrashes: 3,
    logLines: 100,
  });
  ends.push(() => store.connection.close());
  await store.connection.open();
  return store;
}

/** Scripts that only read, as the server counts them. */
async function readsOf(server: RedisServer): Promise<number> {
  const client = new Redis(server.port);
  try {
    const stats = await client.info('commandstats');
    return [...stats.matchAll(/cmdstat_eval(?:sha)?_ro:calls=(\d+)/g)].reduce(
      (sum, [, calls]) => sum + Number(calls),
      0,
    );
  } finally {
    client.disconnect();
  }
}

describe('a search on a replica', () => {
  it('reads there alone, behind sentinels', async () => {
    const primary = await start({});
    const replica = await start({ args: ['--replicaof', '127.0.0.1', String(primary.port)] });
    const sentinel = await start({
      config: `sentinel monitor prime 127.0.0.1 ${primary.port} 1\nsentinel down-after-milliseconds prime 60000\n`,
      args: ['--sentinel'],
    });
    await replicaInSync(replica.port);
    const client = new Redis(sentinel.port);
    ends.push(() => client.disconnect());
    // Sentinels learn of replicas from the primary.
    while (((await client.call('SENTINEL', 'REPLICAS', 'prime')) as unknown[]).length === 0);
    const store = await open({ sentinels: [{ host: '127.0.0.1', port: sentinel.port }], name: 'prime' });
    const long = JSON.stringify('x'.repeat(20_000));
    await store.intake.enqueue(
      QUEUE,
      ['"a"', long].map((payload) => ({ envelope: encodeEnvelope(1, undefined, undefined, payload) })),
    );
    const onPrimary = await store.search.scan(QUEUE, 'ready', undefined, ALL);
    expect(onPrimary.jobs).toHaveLength(2);
    const before = await readsOf(primary);
    for (;;) {
      const found = await store.search.scan(QUEUE, 'ready', undefined, { ...ALL, on: 'replica' });
      if (found.looked < 2) continue; // it is a moment behind
      expect(found.jobs).toEqual(onPrimary.jobs);
      break;
    }
    expect(await readsOf(primary)).toBe(before);
    expect(await readsOf(replica)).toBeGreaterThan(0);
  });
});

describe('one step', () => {
  it('looks at no more than 300 jobs, and at fewer where records are large', async () => {
    const driver = await RedisDriver.open();
    ends.push(() => driver.close());
    const { search } = driver.store;
    await driver.putMany(1000);
    expect((await search.scan(QUEUE, 'ready', undefined, ALL)).looked).toBe(300);
    await driver.putMany(500, { payload: JSON.stringify('x'.repeat(3900)) });
    const { looked, cursor } = await search.scan(QUEUE, 'ready', undefined, ALL);
    expect(looked).toBe(100);
    expect(cursor).toBeDefined();
  });
});
