import { afterEach, describe, expect, it } from '@jest/globals';
import { RedisStore } from '../../src/redis/redis-store.js';
import { readServerFacts, refuseUnsafeServer } from '../../src/redis/wire/server-facts.js';
import { startFakeRedis, type FakeRedis } from '../support/fake-redis.js';

const info = (fields: Record<string, string>) =>
  Object.entries({ redis_version: '7.0.0', maxmemory_policy: 'noeviction', aof_enabled: '1', ...fields })
    .map(([name, value]) => `${name}:${value}\r\n`)
    .join('');

describe('server facts', () => {
  let server: FakeRedis | undefined;
  let store: RedisStore | undefined;

  afterEach(async () => {
    await store?.connection.close();
    await server?.stop();
  });

  async function open(fields: Record<string, string>, allowEviction = false) {
    server = await startFakeRedis(info({ loading: '0', ...fields }));
    store = new RedisStore({
      connection: `redis://127.0.0.1:${server.port}`,
      prefix: 'p',
      commandTimeoutMs: 2000,
      connectTimeoutMs: 2000,
      waitForRedis: false,
      allowEviction,
      maxCrashes: 3,
      logLines: 100,
    });
    return store.connection.open();
  }

  it.each([
    [{ redis_version: '6.2.14' }, 'redis 6.2.14 is too old'],
    [{ redis_version: '7.2.4', valkey_version: '7.0.0' }, 'valkey 7.0.0 is too old'],
    [{ maxmemory_policy: 'allkeys-lru' }, 'allkeys-lru'],
    [{ maxmemory_policy: 'allkeys-random' }, 'allowEviction: true'],
  ])('refuses at open %j', async (fields, message) => {
    await expect(open(fields)).rejects.toMatchObject({
      code: 'TASK_QUEUE_INCOMPATIBLE_STORE',
      message: expect.stringContaining(message),
    });
    expect(server?.commands).toEqual([]); // nothing was written
    await expect(store?.curation.counts('q')).rejects.toMatchObject({ code: 'TASK_QUEUE_BROKER_UNAVAILABLE' });
  });

  it('takes allkeys-* when told to', async () => {
    expect(await open({ maxmemory_policy: 'allkeys-lru' }, true)).toMatchObject({ maxmemoryPolicy: 'allkeys-lru' });
  });

  it('says in one line what the server guarantees', async () => {
    const facts = await open({ redis_version: '7.4.1', connected_slaves: '2' });
    expect(facts).toEqual({
      kind: 'redis',
      version: '7.4.1',
      mode: 'standalone',
      appendonly: true,
      maxmemoryPolicy: 'noeviction',
      replicas: 2,
      summary: 'Redis 7.4.1 (standalone), appendonly on, maxmemory-policy noeviction, replicas 2',
      warnings: [],
    });
  });

  it('warns of what may lose jobs and of what it cannot know', () => {
    const warningsOf = (fields: Record<string, string>) =>
      readServerFacts(info(fields), 'standalone').warnings.join('; ');
    expect(warningsOf({ aof_enabled: '0' })).toContain('appendonly is off');
    expect(warningsOf({ maxmemory_policy: 'volatile-lru' })).toContain('volatile-lru');
    expect(readServerFacts('', 'cluster')).toMatchObject({
      version: 'unknown',
      appendonly: undefined,
      replicas: undefined,
    });
    expect(readServerFacts('', 'cluster').warnings.join('; ')).toContain('maxmemory-policy is unknown');
    expect(() => refuseUnsafeServer(readServerFacts('', 'cluster'), false)).not.toThrow();
  });
});
