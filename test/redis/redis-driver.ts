import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { KEY_NAMES, QueueKeys } from '../../src/redis/keys.js';
import { RedisStore } from '../../src/redis/redis-store.js';
import type { RedisStoreOptions } from '../../src/redis/store-options.js';
import { loadScripts, type ScriptLibrary } from '../../src/redis/wire/script-library.js';
import { giveClockKeyBack, scriptsAt, takeClockKey } from '../support/clock-keys.js';
import { StoreDriver, QUEUE } from '../contract/store-driver.js';

const START_AT = 1_800_000_000_000;

type KeyName = (typeof KEY_NAMES)[number];

/** What stays of a queue whose jobs are all gone and whose workers have left. */
export const RESIDUE = ['inflight', 'jobs', 'meta'];

export interface RedisDriverOptions extends Partial<Omit<RedisStoreOptions, 'prefix'>> {
  /** Server of the raw client; default the shared one. */
  url?: string;
  /** The server's own clock instead of one that the test moves. */
  realClock?: boolean;
  scriptsOf?: (clockKey: string) => ScriptLibrary;
}

/** Drives a store of this prefix as the contract does, and looks at the very keys behind it. */
export class RedisDriver extends StoreDriver {
  private constructor(
    readonly prefix: string,
    readonly clockKey: string,
    readonly client: Redis,
    private readonly options: RedisDriverOptions,
    private readonly stores: RedisStore[],
    time: { now: number },
  ) {
    super({
      store: stores[0],
      clock: {
        now: () => time.now,
        advance: async (ms) => {
          time.now += ms;
          await client.set(clockKey, time.now);
        },
      },
      connect: () => this.connect(),
      inbox: `${prefix}-inbox`,
      pushInbox: async (element) => void (await client.lpush(`${prefix}-inbox`, element)),
      close: () => this.close(),
    });
  }

  static async open(options: RedisDriverOptions = {}): Promise<RedisDriver> {
    const url = options.url ?? process.env.TEST_REDIS_URL;
    if (!url) throw new Error('TEST_REDIS_URL is not set: run this suite by jest, whose setup starts a server');
    const prefix = `t-${randomBytes(6).toString('hex')}`;
    const client = new Redis(url);
    const time = { now: START_AT };
    const clockKey = takeClockKey();
    await client.set(clockKey, time.now);
    const store = new RedisStore(storeOptions(prefix, clockKey, url, options));
    await store.connection.open();
    return new RedisDriver(prefix, clockKey, client, options, [store], time);
  }

  /** Another client of the same store. */
  async connect(options: Partial<RedisStoreOptions> = {}): Promise<RedisStore> {
    const url = this.options.url ?? process.env.TEST_REDIS_URL ?? '';
    const store = new RedisStore({ ...storeOptions(this.prefix, this.clockKey, url, this.options), ...options });
    this.stores.push(store);
    await store.connection.open();
    return store;
  }

  async close(): Promise<void> {
    for (const store of this.stores) await store.connection.close();
    const keys = [...(await this.client.keys(`{${this.prefix}:*`)), ...(await this.client.keys(`${this.prefix}*`))];
    if (keys.length > 0) await this.client.unlink(...keys);
    giveClockKeyBack(this.clockKey);
    this.client.disconnect();
  }

  get keys(): QueueKeys {
    return new QueueKeys(this.prefix, QUEUE);
  }

  // ---------------------------------------------------------------- read

  /** Which keys of the queue exist, without what they all begin with. */
  async keyNames(): Promise<string[]> {
    const { base } = this.keys;
    return (await this.client.keys(`${base}*`)).map((key) => key.slice(base.length)).sort();
  }

  /** As if workers had died while they held the job. */
  async seedCrashes(id: string, count: number): Promise<void> {
    const features = (await this.meta('features')) ?? '';
    await this.client.hset(this.keys.meta, 'features', features.includes('c') ? features : features + 'c');
    await this.client.hset(this.keys.crashes, id, String(count));
  }

  meta(field: string): Promise<string | null> {
    return this.client.hget(this.keys.meta, field);
  }

  /** What each caller called last: the records in `meta`, by the caller. */
  async callRecords(): Promise<Record<string, string>> {
    const fields = Object.entries(await this.client.hgetall(this.keys.meta));
    return Object.fromEntries(
      fields.filter(([field]) => isCall(field)).map(([field, record]) => [field.slice(1), record]),
    );
  }

  record(id: string): Promise<string | null> {
    return this.client.hget(this.keys.jobs, id);
  }

  async hash(name: KeyName): Promise<Record<string, string>> {
    const { '-': _filler, ...fields } = await this.client.hgetall(this.keys[name]);
    return fields;
  }

  list(name: KeyName): Promise<string[]> {
    return this.client.lrange(this.keys[name], 0, -1);
  }

  async zset(name: KeyName): Promise<Record<string, number>> {
    const flat = await this.client.zrange(this.keys[name], '0', '-1', 'WITHSCORES');
    const scores: Record<string, number> = {};
    for (let index = 0; index < flat.length; index += 2) scores[flat[index]] = Number(flat[index + 1]);
    return scores;
  }

  /** All that is stored, to see that nothing changed; not who is idle and who called last, which every turn writes. */
  async contents(): Promise<Record<string, unknown>> {
    const found: Record<string, unknown> = {};
    for (const name of await this.keyNames()) {
      const key = this.keys.base + name;
      const type = await this.client.type(key);
      if (name === 'idle') continue;
      if (type === 'hash') {
        const fields = await this.client.hgetall(key);
        if (name === 'meta') for (const field of Object.keys(fields).filter(isCall)) delete fields[field];
        found[name] = fields;
      } else if (type === 'list') found[name] = await this.client.lrange(key, 0, -1);
      else found[name] = await this.client.zrange(key, '0', '-1', 'WITHSCORES');
    }
    return found;
  }
}

function isCall(field: string): boolean {
  return field.startsWith('@');
}

function storeOptions(prefix: string, clockKey: string, url: string, options: RedisDriverOptions): RedisStoreOptions {
  const { url: _url, realClock, scriptsOf, ...rest } = options;
  const scripts = scriptsOf?.(clockKey) ?? (realClock ? loadScripts() : scriptsAt(clockKey));
  return {
    connection: url,
    prefix,
    commandTimeoutMs: 10_000,
    connectTimeoutMs: 10_000,
    waitForRedis: false,
    allowEviction: false,
    maxCrashes: 3,
    logLines: 100,
    scripts,
    ...rest,
  };
}
