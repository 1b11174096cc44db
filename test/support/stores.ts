import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Store } from '../../src/core/ports/store.js';
import { MovableClock } from '../../src/memory/memory-clock.js';
import { MemoryServer } from '../../src/memory/memory-server.js';
import { MemoryStore } from '../../src/memory/memory-store.js';
import { RedisStore } from '../../src/redis/redis-store.js';
import { giveClockKeyBack, scriptsAt, takeClockKey } from './clock-keys.js';

/** A store of one test, with a clock that stands still until the test moves it. */
export interface StoreFixture {
  store: Store;
  clock: { now(): number; advance(ms: number): Promise<void> };
  /** Another client of the same store, open. */
  connect(): Promise<Store>;
  /** Fills a plain list as another program would; `inbox` is unique to this test. */
  inbox: string;
  pushInbox(element: string): Promise<void>;
  /** Closes every client and deletes what was stored. */
  close(): Promise<void>;
}

export interface StoreKind {
  name: string;
  /** Capabilities of the contract that it does not have yet. */
  lacks?: readonly string[];
  openStore(): Promise<StoreFixture>;
}

const START_AT = 1_800_000_000_000;

export const memoryKind: StoreKind = {
  name: 'memory',
  async openStore() {
    const name = uniqueName();
    const clock = new MovableClock(START_AT);
    const stores: MemoryStore[] = [];
    const connect = async () => {
      const store = new MemoryStore({ name, clock });
      stores.push(store);
      await store.connection.open();
      return store;
    };
    const store = await connect();
    const inbox = `${name}-inbox`;
    return {
      store,
      clock: { now: () => clock.now(), advance: async (ms) => clock.advance(ms) },
      connect,
      inbox,
      pushInbox: async (element) => store.server.inboxes.push(inbox, element),
      async close() {
        for (const each of stores) await each.connection.close();
        MemoryServer.forget(name);
      },
    };
  },
};

/** Needs a server at TEST_REDIS_URL; every test has a prefix and a clock of its own. */
export const redisKind: StoreKind = {
  name: 'redis',
  async openStore() {
    const url = process.env.TEST_REDIS_URL;
    if (!url) throw new Error('TEST_REDIS_URL is not set: run this suite by jest, whose setup starts a server');
    const prefix = uniqueName();
    const clockKey = takeClockKey();
    const inbox = `${prefix}-inbox`;
    const scripts = scriptsAt(clockKey);
    const client = new Redis(url);
    let now = START_AT;
    await client.set(clockKey, now);
    const stores: Store[] = [];
    const connect = async () => {
      const store = new RedisStore({
        connection: url,
        prefix,
        commandTimeoutMs: 10_000,
        connectTimeoutMs: 10_000,
        waitForRedis: false,
        allowEviction: false,
        maxCrashes: 3,
        logLines: 100,
        scripts,
      });
      stores.push(store);
      await store.connection.open();
      return store;
    };
    return {
      store: await connect(),
      clock: {
        now: () => now,
        async advance(ms) {
          now += ms;
          await client.set(clockKey, now);
        },
      },
      connect,
      inbox,
      async pushInbox(element) {
        await client.lpush(inbox, element);
      },
      async close() {
        for (const each of stores) await each.connection.close();
        const keys = [...(await client.keys(`{${prefix}:*`)), ...(await client.keys(`${prefix}*`))];
        if (keys.length > 0) await client.del(...keys);
        giveClockKeyBack(clockKey);
        client.disconnect();
      },
    };
  },
};

function uniqueName(): string {
  return `t-${randomBytes(6).toString('hex')}`;
}
