import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { Durability } from '../../src/core/durability.js';
import { DurabilityUnconfirmedError } from '../../src/core/errors/enqueue-errors.js';
import { UnsupportedError } from '../../src/core/errors/store-errors.js';
import { RedisStore } from '../../src/redis/redis-store.js';
import { refuseMissingFsync } from '../../src/redis/wire/server-facts.js';
import { startFakeRedis } from '../support/fake-redis.js';
import { startRedisCluster, type RedisCluster } from '../support/redis-cluster.js';
import { startRedisServer, type RedisServer } from '../support/redis-server.js';
import { startTcpProxy } from '../support/tcp-proxy.mjs';
import { replicaInSync } from '../support/replica.js';

const ONE: Durability = { replicas: 1, fsync: false, timeoutMs: 5000 };
const SOON: Durability = { ...ONE, timeoutMs: 200 };
const LOCAL: Durability = { replicas: 0, fsync: true, timeoutMs: 1000 };

const stores: RedisStore[] = [];

const prefixes = new Map<RedisStore, string>();
const prefixOf = (store: RedisStore) => String(prefixes.get(store));

async function open(server: number | { nodes: { host: string; port: number }[] }): Promise<RedisStore> {
  const prefix = `t-${randomBytes(6).toString('hex')}`;
  const store = new RedisStore({
    connection: typeof server === 'number' ? `redis://127.0.0.1:${server}` : server,
    prefix,
    commandTimeoutMs: 5000,
    connectTimeoutMs: 10_000,
    waitForRedis: false,
    allowEviction: false,
    maxCrashes: 3,
    logLines: 100,
  });
  stores.push(store);
  prefixes.set(store, prefix);
  await store.connection.open();
  return store;
}

afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.connection.close()));
});

const job = (n: number | string = 0) => ({ envelope: `1abc\n${JSON.stringify(n)}` });

async function failureOf(promise: Promise<unknown>): Promise<DurabilityUnconfirmedError> {
  try {
    await promise;
  } catch (error) {
    expect(error).toBeInstanceOf(DurabilityUnconfirmedError);
    return error as DurabilityUnconfirmedError;
  }
  throw new Error('It was confirmed');
}

describe('with a replica', () => {
  let primary: RedisServer;
  let replica: RedisServer;
  let admin: Redis;
  let replicaAdmin: Redis;

  beforeAll(async () => {
    primary = await startRedisServer({ args: ['--repl-diskless-sync-delay', '0'] });
    replica = await startRedisServer({ args: ['--replicaof', '127.0.0.1', String(primary.port)] });
    await replicaInSync(replica.port);
    admin = new Redis(primary.port);
    replicaAdmin = new Redis(replica.port);
  }, 30_000);

  afterEach(() => replica.resume());

  afterAll(async () => {
    admin?.disconnect();
    replicaAdmin?.disconnect();
    await replica?.stop();
    await primary?.stop();
  });

  async function waitUnderWay(): Promise<void> {
    while (!/flags=b .*cmd=wait/.test(String(await admin.client('LIST'))));
  }

  /** Calls of WAIT so far. */
  async function waits(): Promise<number> {
    return Number(/cmdstat_wait:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1] ?? 0);
  }

  it('resolves once the replica has the job', async () => {
    const store = await open(primary.port);
    const [receipt] = await store.intake.enqueue('mail', [job('here')], ONE);
    const key = (await admin.keys('*:jobs')).find((name) => name.includes('mail'));
    expect(await replicaAdmin.hget(String(key), receipt.id)).toBe('1abc\n"here"');
  });

  it('waits once for a thousand enqueues', async () => {
    const store = await open(primary.port);
    await store.intake.enqueue('mail', [job()], ONE);
    const before = await waits();
    const receipts = await Promise.all(
      Array.from({ length: 1000 }, (_, n) => store.intake.enqueue('mail', [job(n)], ONE)),
    );
    expect((await waits()) - before).toBe(1);
    expect(new Set(receipts.map(([{ id }]) => id)).size).toBe(1000);
    expect((await store.curation.counts('mail')).ready).toBe(1001);
  });

  it('uses a connection of its own, from the first durable enqueue on', async () => {
    const store = await open(primary.port);
    const names = async () => String(await admin.client('LIST')).match(/name=\S+:durability/g) ?? [];
    await store.intake.enqueue('mail', [job()]);
    expect(await names()).toHaveLength(0);
    await store.intake.enqueue('mail', [job()], ONE);
    await store.intake.enqueue('files', [job()], ONE);
    expect(await names()).toHaveLength(1);
  });

  it('rejects when the replica is frozen, keeps the job, and confirms it later without storing it again', async () => {
    const store = await open(primary.port);
    await store.intake.enqueue('mail', [job()], ONE);
    replica.pause();
    const error = await failureOf(store.intake.enqueue('mail', [job(1), job(2)], SOON));
    expect(error).toMatchObject({ code: 'TASK_QUEUE_DURABILITY_UNCONFIRMED', queue: 'mail', wanted: 1, got: 0 });
    expect(error.ids).toHaveLength(2);
    expect((await store.curation.read('mail', error.ids)).map((stored) => stored?.state)).toEqual(['ready', 'ready']);

    const again = await failureOf(error.retry());
    expect(again.ids).toEqual(error.ids);
    replica.resume();
    await expect(untilConfirmed(again)).resolves.toMatchObject(error.ids.map((id) => ({ id, created: true })));
    expect((await store.curation.counts('mail')).ready).toBe(3);
  });

  it('is safe to repeat with the same id', async () => {
    const store = await open(primary.port);
    replica.pause();
    const request = { envelope: '1abc order-7\n{}', userId: 'order-7' };
    const error = await failureOf(store.intake.enqueue('mail', [request], SOON));
    replica.resume();
    const [receipt] = await store.intake.enqueue('mail', [request], ONE);
    expect(receipt).toMatchObject({ id: error.ids[0], created: false });
  });

  it('answers each caller of one group by its own level', async () => {
    const store = await open(primary.port);
    const both = [
      store.intake.enqueue('mail', [job()], ONE),
      failureOf(store.intake.enqueue('mail', [job()], { ...SOON, replicas: 2 })),
    ];
    const [, error] = await Promise.all(both);
    expect(error).toMatchObject({ wanted: 2, got: 1 });
  });

  it('does not hold up plain enqueues', async () => {
    const store = await open(primary.port);
    replica.pause();
    const durable = store.intake.enqueue('mail', [job('durable')], { ...ONE, timeoutMs: 60_000 });
    await store.intake.enqueue('mail', [job('plain')]);
    replica.resume();
    await durable;
  });

  it('does not take a new connection for one on which the job was written', async () => {
    const proxy = await startTcpProxy(primary.port);
    try {
      const store = await open(proxy.port);
      await store.intake.enqueue('mail', [job()], ONE);
      replica.pause();
      // The reply to the jobs is lost: they are in the primary, and the repeated call on a new connection writes nothing.
      const dropped = proxy.dropReply((bytes) => bytes.includes('"lost"'));
      const error = failureOf(store.intake.enqueue('mail', [job('lost')], SOON));
      await dropped;
      expect(await error).toMatchObject({ wanted: 1, got: 0 });
      replica.resume();
      expect((await store.curation.counts('mail')).ready).toBe(2);
    } finally {
      await proxy.stop();
    }
  });

  it('does not ask a new connection about what an older one wrote', async () => {
    const proxy = await startTcpProxy(primary.port);
    try {
      const store = await open(proxy.port);
      await store.intake.enqueue('mail', [job()], ONE);
      replica.pause();
      const error = failureOf(store.intake.enqueue('mail', [job('cut')], { ...ONE, timeoutMs: 600 }));
      await waitUnderWay();
      proxy.reset();
      // A WAIT that follows no write of its own connection is answered at once: every replica has had "nothing".
      expect(await error).toMatchObject({ wanted: 1, got: 0 });
    } finally {
      await proxy.stop();
    }
  });

  describe('by a server that does not have the job', () => {
    async function loseJobs(store: RedisStore): Promise<void> {
      await admin.del(`{${prefixOf(store)}:mail}:jobs`);
    }
    const gone = { wanted: 1, got: 0, message: expect.stringContaining('no record of them') };

    it('is no confirmation when it is asked for again', async () => {
      const store = await open(primary.port);
      await store.intake.enqueue('mail', [job()], ONE);
      replica.pause();
      const error = await failureOf(store.intake.enqueue('mail', [job('lost')], SOON));
      replica.resume();
      await loseJobs(store);
      expect(await failureOf(error.retry())).toMatchObject(gone);
    });

    it('is no confirmation when it took over in the middle of the wait, for those alone that are lost', async () => {
      const proxy = await startTcpProxy(primary.port);
      try {
        const store = await open(proxy.port);
        await store.intake.enqueue('mail', [job()], ONE);
        replica.pause();
        const lost = failureOf(store.intake.enqueue('mail', [job('lost')], ONE));
        await waitUnderWay();
        await loseJobs(store);
        const [kept] = await store.intake.enqueue('mail', [{ ...job('kept'), userId: 'kept' }]);
        const both = store.intake.enqueue('mail', [{ ...job('kept'), userId: 'kept' }], ONE);
        proxy.reset();
        replica.resume();
        expect(await lost).toMatchObject(gone);
        expect(await both).toMatchObject([{ id: kept.id, created: false, state: 'ready' }]);
      } finally {
        await proxy.stop();
      }
    });
  });

  it('goes on after the server forgot the scripts', async () => {
    const store = await open(primary.port);
    await store.intake.enqueue('mail', [job()], ONE);
    await admin.script('FLUSH');
    await expect(store.intake.enqueue('mail', [job()], ONE)).resolves.toHaveLength(1);
  });

  it('leaves the store as it is with an empty call', async () => {
    const store = await open(primary.port);
    await store.intake.enqueue('mail', [job()], ONE);
    await store.intake.enqueue('mail', [job()], ONE);
    expect(await store.curation.counts('mail')).toMatchObject({ ready: 2, scheduled: 0, active: 0 });
  });

  it('settles what waits when the store closes', async () => {
    const store = await open(primary.port);
    await store.intake.enqueue('mail', [job()], ONE);
    replica.pause();
    const waiting = failureOf(store.intake.enqueue('mail', [job()], { ...ONE, timeoutMs: 60_000 }));
    await waitUnderWay();
    const behind = store.intake.enqueue('mail', [job()], ONE).catch((error: unknown) => error);
    await store.connection.close();
    expect(await waiting).toMatchObject({ got: 0 });
    expect(await behind).toMatchObject({ code: 'TASK_QUEUE_BROKER_UNAVAILABLE' });
  });
});

describe('without replicas', () => {
  it('is unconfirmed after its timeout', async () => {
    const store = await open(Number(new URL(String(process.env.TEST_REDIS_URL)).port));
    expect(await failureOf(store.intake.enqueue('mail', [job()], SOON))).toMatchObject({ wanted: 1, got: 0 });
  });
});

describe('in a cluster', () => {
  let cluster: RedisCluster;
  let replica: RedisServer;

  beforeAll(async () => {
    cluster = await startRedisCluster();
    replica = await startRedisServer({
      args: ['--cluster-enabled', 'yes', '--cluster-node-timeout', '5000', '--repl-diskless-sync-delay', '0'],
    });
    const [{ port }] = cluster.nodes;
    const primary = new Redis(port);
    const client = new Redis(replica.port);
    await client.call('CLUSTER', 'MEET', '127.0.0.1', port);
    const id = String(await primary.call('CLUSTER', 'MYID'));
    while ((await client.call('CLUSTER', 'REPLICATE', id).catch(() => '')) !== 'OK');
    await replicaInSync(replica.port);
    primary.disconnect();
    client.disconnect();
  }, 60_000);

  afterAll(async () => {
    await replica?.stop();
    await cluster?.stop();
  });

  it('asks the node that has the queue', async () => {
    const store = await open({ nodes: cluster.nodes });
    const outcomes = new Map<string, unknown>();
    // Enough queues for every node to have some; all of them at once.
    await Promise.all(
      Array.from({ length: 30 }, async (_, n) => {
        const outcome = await store.intake
          .enqueue(`q${n}`, [job()], { ...ONE, timeoutMs: 1000 })
          .catch((error: unknown) => error);
        outcomes.set(`q${n}`, outcome);
      }),
    );
    const client = new Redis(cluster.nodes[0].port);
    for (const [queue, outcome] of outcomes) {
      const slot = Number(await client.call('CLUSTER', 'KEYSLOT', `{${prefixOf(store)}:${queue}}:meta`));
      if (slot < Math.floor(16384 / 3)) expect(outcome).toMatchObject([{ created: true }]);
      else expect(outcome).toMatchObject({ code: 'TASK_QUEUE_DURABILITY_UNCONFIRMED', wanted: 1, got: 0 });
    }
    client.disconnect();
  });
});

describe('fsync', () => {
  const facts = {
    kind: 'redis' as const,
    mode: 'standalone' as const,
    version: '7.2.0',
    appendonly: true,
    maxmemoryPolicy: 'noeviction',
    replicas: 0,
    summary: '',
    warnings: [],
  };

  it.each([
    ['an older server', { version: '7.0.15' }],
    ['a server without an append-only file', { appendonly: false }],
  ])('is refused on %s, before anything is stored', (_what, difference) => {
    expect(() => refuseMissingFsync({ ...facts, ...difference })).toThrow(UnsupportedError);
  });

  it('is asked for where the server has it', () => {
    expect(() => refuseMissingFsync(facts)).not.toThrow();
    expect(() => refuseMissingFsync({ ...facts, appendonly: undefined })).not.toThrow();
  });

  it.each([
    ['the disk of the primary', LOCAL, ['1', '0', '1000'], '*2\r\n:1\r\n:0\r\n', undefined],
    ['disks here and there', { ...LOCAL, replicas: 2 }, ['1', '2', '1000'], '*2\r\n:1\r\n:2\r\n', undefined],
    [
      'a replica that did not',
      { ...LOCAL, replicas: 2 },
      ['1', '2', '1000'],
      '*2\r\n:1\r\n:1\r\n',
      { wanted: 3, got: 2 },
    ],
    ['a primary that refuses', LOCAL, ['1', '0', '1000'], '-ERR WAITAOF cannot be used\r\n', { wanted: 1, got: 0 }],
  ])('waits for %s by WAITAOF', async (_what, level, args, answer, failure) => {
    const fake = await startFakeRedis();
    try {
      const store = await open(fake.port);
      const reply = '*2\r\n$13\r\n1800000000000\r\n*0\r\n';
      fake.answer('*2\r\n$13\r\n1800000000000\r\n$10\r\n1388888888\r\n', reply, reply, answer);
      const enqueued = store.intake.enqueue('mail', [job()], level);
      if (failure === undefined) await expect(enqueued).resolves.toHaveLength(1);
      else expect(await failureOf(enqueued)).toMatchObject(failure);
      const [write, sent] = fake.commands.slice(-2);
      // Redis 7.2 answers by the last write of the connection, which may be another one than that which stored the jobs.
      expect([write[0], write.at(-1)]).toEqual(['evalsha', '1']);
      expect([sent[0].toLowerCase(), sent.slice(1, 3), Number(sent[3]) <= Number(args[2])]).toEqual([
        'waitaof',
        args.slice(0, 2),
        true,
      ]);
    } finally {
      await fake.stop();
    }
  });
});

// Redis 7.0 has no WAITAOF: there both tests prove that nothing is stored. Newer ones (REDIS_SERVER) confirm.
describe('fsync, on the redis-server at hand', () => {
  const BOTH: Durability = { ...LOCAL, replicas: 1, timeoutMs: 5000 };
  let primary: RedisServer;
  let replica: RedisServer;

  beforeAll(async () => {
    const args = ['--appendonly', 'yes', '--appendfsync', 'always', '--repl-diskless-sync-delay', '0'];
    primary = await startRedisServer({ args });
    replica = await startRedisServer({ args: [...args, '--replicaof', '127.0.0.1', String(primary.port)] });
    await replicaInSync(replica.port);
  }, 30_000);

  afterEach(() => replica.resume());

  afterAll(async () => {
    await replica?.stop();
    await primary?.stop();
  });

  function onDisk({ dir }: RedisServer): string {
    const folder = join(dir, 'appendonlydir');
    return readdirSync(folder)
      .map((file) => readFileSync(join(folder, file), 'utf8'))
      .join('');
  }

  async function expectRefused(store: RedisStore, enqueued: Promise<unknown>): Promise<void> {
    await expect(enqueued).rejects.toThrow(UnsupportedError);
    expect((await store.curation.counts('mail')).ready).toBe(0);
  }

  it('resolves when the job is on the disks it asks for', async () => {
    const store = await open(primary.port);
    const enqueued = store.intake.enqueue('mail', [job('on both')], BOTH);
    if (!(await store.connection.examine()).durability.includes('fsync')) return expectRefused(store, enqueued);
    await enqueued;
    expect(onDisk(primary)).toContain('"on both"');
    expect(onDisk(replica)).toContain('"on both"');
    replica.pause();
    await expect(store.intake.enqueue('mail', [job('here')], LOCAL)).resolves.toHaveLength(1);
    expect(onDisk(primary)).toContain('"here"');
  });

  it('says which disks did not confirm, and waits again for the same job', async () => {
    const store = await open(primary.port);
    replica.pause();
    const enqueued = store.intake.enqueue('mail', [job('late')], { ...BOTH, timeoutMs: 200 });
    if (!(await store.connection.examine()).durability.includes('fsync')) return expectRefused(store, enqueued);
    const error = await failureOf(enqueued);
    expect(error).toMatchObject({ wanted: 2, got: 1 });
    replica.resume();
    await expect(untilConfirmed(error)).resolves.toMatchObject([{ id: error.ids[0], created: true }]);
    expect((await store.curation.counts('mail')).ready).toBe(1);
  });
});

/** Right after it woke, a replica needs a moment. */
async function untilConfirmed(error: DurabilityUnconfirmedError): Promise<unknown> {
  try {
    return await error.retry();
  } catch (again) {
    return untilConfirmed(again as DurabilityUnconfirmedError);
  }
}
