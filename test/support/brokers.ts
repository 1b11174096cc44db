import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Broker } from '../../src/core/broker.js';
import { MovableClock } from '../../src/memory/memory-clock.js';
import { MemoryStore } from '../../src/memory/memory-store.js';
import { MemoryBroker } from '../../src/memory/memory.broker.js';
import { RedisBroker } from '../../src/redis/redis.broker.js';
import { loadScripts } from '../../src/redis/wire/script-library.js';

/** A store of one test, with a clock that stands still until the test moves it. */
export interface TestStore {
  broker: Broker;
  clock: { now(): number; advance(ms: number): Promise<void> };
  /** Another client of the same store, open. */
  connect(): Promise<Broker>;
  /** Fills a plain list as another program would; `inbox` is unique to this test. */
  inbox: string;
  pushInbox(element: string): Promise<void>;
  /** Closes every client and deletes what was stored. */
  close(): Promise<void>;
}

export interface BrokerKind {
  name: string;
  openStore(): Promise<TestStore>;
}

const START_AT = 1_800_000_000_000;

export const memoryKind: BrokerKind = {
  name: 'memory',
  async openStore() {
    const name = uniqueName();
    const clock = new MovableClock(START_AT);
    const brokers: MemoryBroker[] = [];
    const connect = async () => {
      const broker = new MemoryBroker({ name, clock });
      brokers.push(broker);
      await broker.open();
      return broker;
    };
    const broker = await connect();
    const inbox = `${name}-inbox`;
    return {
      broker,
      clock: { now: () => clock.now(), advance: async (ms) => clock.advance(ms) },
      connect,
      inbox,
      pushInbox: async (element) => broker.pushInbox(inbox, element),
      async close() {
        for (const each of brokers) await each.close();
        MemoryStore.forget(name);
      },
    };
  },
};

/** Needs a server at TEST_REDIS_URL; every test has a prefix and a clock of its own. */
export const redisKind: BrokerKind = {
  name: 'redis',
  async openStore() {
    const url = process.env.TEST_REDIS_URL;
    if (!url) throw new Error('TEST_REDIS_URL is not set: run this suite by jest, whose setup starts a server');
    const prefix = uniqueName();
    const clockKey = `${prefix}-clock`;
    const inbox = `${prefix}-inbox`;
    const scripts = loadScripts(clockKey);
    const client = new Redis(url);
    let now = START_AT;
    await client.set(clockKey, now);
    const brokers: Broker[] = [];
    const connect = async () => {
      const broker = new RedisBroker({
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
      brokers.push(broker);
      await broker.open();
      return broker;
    };
    return {
      broker: await connect(),
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
        for (const each of brokers) await each.close();
        const keys = [...(await client.keys(`{${prefix}:*`)), ...(await client.keys(`${prefix}*`))];
        if (keys.length > 0) await client.del(...keys);
        client.disconnect();
      },
    };
  },
};

function uniqueName(): string {
  return `t-${randomBytes(6).toString('hex')}`;
}
