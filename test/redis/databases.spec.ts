import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { RedisConnection } from '../../src/redis/wire/connector.js';
import { RedisStore } from '../../src/redis/redis-store.js';
import { encodeEnvelope } from '../../src/core/envelope.js';

const url = process.env.TEST_REDIS_URL as string;
const QUEUE = 'q';

describe('two databases of one server', () => {
  const ends: (() => unknown)[] = [];

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  async function open(prefix: string, connection: RedisConnection): Promise<RedisStore> {
    const store = new RedisStore({
      connection,
      prefix,
      commandTimeoutMs: 5000,
      connectTimeoutMs: 5000,
      waitForRedis: false,
      allowEviction: false,
      maxCrashes: 3,
      logLines: 100,
    });
    ends.push(() => store.connection.close());
    await store.connection.open();
    return store;
  }

  /** Everything that a store hears, in order. */
  async function listen(store: RedisStore, worker: string): Promise<unknown[]> {
    const heard: unknown[] = [];
    await store.workers.onWake(worker, (queue, handed) => heard.push(['wake', queue, handed?.id]));
    await store.notices.onSignal(QUEUE, (signal) => heard.push(['signal', signal]));
    await store.notices.onSettled(QUEUE, (end) => heard.push(['settled', end]));
    await store.notices.onEvents(QUEUE, (events) => heard.push(...events.map(({ event, id }) => ['event', event, id])));
    return heard;
  }

  async function work(store: RedisStore, worker: string): Promise<void> {
    const turn = { worker, leaseMs: 8000, alone: false, adopt: undefined };
    const take = (call: number, want: number) =>
      store.workers.settleAndReserve(QUEUE, { ...turn, call, want, settlements: [] });
    await take(1, 8); // finds nothing, and is handed what comes
    const [{ id }] = await store.intake.enqueue(QUEUE, [{ envelope: encodeEnvelope(1, undefined, undefined, '1') }]);
    await store.notices.awaitSettled(QUEUE, id, 10_000);
    const { jobs } = await take(2, 8);
    await store.curation.cancel(QUEUE, id);
    const settlements = jobs.map((job) => ({ op: 'complete' as const, ...job, result: '2', keep: false as const }));
    await store.workers.settleAndReserve(QUEUE, { ...turn, call: 3, want: 0, settlements });
    await store.curation.setPaused(QUEUE, true);
    await store.curation.setPaused(QUEUE, false);
  }

  /** One PING behind whatever was published before: it was delivered. */
  async function settled(store: RedisStore): Promise<void> {
    const { subscriptions } = store.connection as unknown as { subscriptions: { client: Redis } };
    await subscriptions.client.ping();
  }

  const { hostname: host, port } = new URL(url);
  const shapes: [string, (db: number) => RedisConnection | Promise<RedisConnection>][] = [
    ['a URL', (db) => `${url}/${db}`],
    ['a URL with ?db=', (db) => `${url}?db=${db}`],
    ['options', (db) => ({ host, port: Number(port), db })],
    ['an instance', (db) => instance({ db })],
    [
      'an instance that selected it',
      async (db) => {
        const client = instance({});
        await client.select(db);
        return client;
      },
    ],
  ];

  function instance(options: { db?: number }): Redis {
    const client = new Redis(Number(port), host, options);
    ends.push(() => client.disconnect());
    return client;
  }

  it.each(shapes)('share nothing: %s', async (_, connectionTo) => {
    const prefix = `t-${randomBytes(6).toString('hex')}`;
    const one = await open(prefix, await connectionTo(1));
    const two = await open(prefix, await connectionTo(2));
    const none = await open(prefix, url);
    const [heardInOne, heardInTwo, heardInNone] = [
      await listen(one, 'w'),
      await listen(two, 'w'),
      await listen(none, 'w'),
    ];
    await work(one, 'w');
    await settled(one);
    await settled(two);
    await settled(none);
    const kinds = new Set(heardInOne.map((entry) => (entry as string[])[0]));
    expect([...kinds].sort()).toEqual(['event', 'settled', 'signal', 'wake']);
    expect(heardInTwo).toEqual([]);
    expect(heardInNone).toEqual([]);
    await work(none, 'w');
    await settled(none);
    await settled(two);
    expect(heardInNone.length).toBeGreaterThan(3);
    expect(heardInTwo).toEqual([]);
    for (const db of [0, 1, 2]) {
      const client = instance({ db });
      const keys = await client.keys(`{${prefix}:*`);
      if (keys.length > 0) await client.unlink(...keys);
    }
  });
});
