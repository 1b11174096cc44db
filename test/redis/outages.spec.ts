import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis, type Cluster } from 'ioredis';
import { encodeEnvelope } from '../../src/core/envelope.js';
import type { RedisConnection } from '../../src/redis/wire/connector.js';
import { Connector } from '../../src/redis/wire/connector.js';
import type { Link } from '../../src/redis/wire/link.js';
import type { PrimaryWatch } from '../../src/redis/wire/primary-watch.js';
import { RedisStore } from '../../src/redis/redis-store.js';
import type { RedisStoreOptions } from '../../src/redis/store-options.js';
import { MessageLog } from '../support/message-log.js';
import { startRedisCluster } from '../support/redis-cluster.js';
import { startRedisServer, type RedisServer } from '../support/redis-server.js';
import { replicaInSync } from '../support/replica.js';
import { startTcpProxy } from '../support/tcp-proxy.mjs';

/** What a test reaches for behind the connection of a store. */
interface Inside {
  link: Link;
  watch: PrimaryWatch;
  subscriptions: { client: Redis };
}

const job = { envelope: encodeEnvelope(1, undefined, undefined, '1') };

describe('outages', () => {
  const ends: (() => unknown)[] = [];

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  async function server(...args: string[]): Promise<{ started: RedisServer; admin: Redis }> {
    const started = await startRedisServer({ args });
    const admin = new Redis(started.url);
    ends.push(
      () => started.stop(),
      () => admin.disconnect(),
    );
    return { started, admin };
  }

  /** A store, and one line for each event that it tells. */
  async function open(connection: RedisConnection, options: Partial<RedisStoreOptions> = {}) {
    const told = new MessageLog<string>();
    const store = new RedisStore({
      connection,
      prefix: `t-${randomBytes(6).toString('hex')}`,
      commandTimeoutMs: 1000,
      connectTimeoutMs: 5000,
      waitForRedis: false,
      allowEviction: false,
      maxCrashes: 3,
      logLines: 100,
      onConnection: (event, reason) => told.listener(`${event} ${reason}`),
      ...options,
    });
    ends.push(() => store.connection.close());
    await store.connection.open();
    return { store, told, inside: store.connection as unknown as Inside };
  }

  const failureOf = (call: Promise<unknown>) =>
    call.then(
      () => {
        throw new Error('the call succeeded');
      },
      (error: unknown) => error as Error & { code: string },
    );

  const untilItWorks = async (call: () => Promise<unknown>) => {
    while (
      !(await call().then(
        () => true,
        () => false,
      ))
    );
  };

  describe('are reported in the words of the server, once when they begin and once when they end', () => {
    it('NOREPLICAS', async () => {
      const { started, admin } = await server();
      const { store, told } = await open(started.url);
      await store.intake.enqueue('q', [job]);
      await admin.config('SET', 'min-replicas-to-write', '1');
      const calls = [
        store.intake.enqueue('q', [job]),
        store.curation.setPaused('q', true),
        ...Array.from({ length: 40 }, () => store.intake.enqueue('q', [job])),
      ];
      for (const call of calls) {
        const { code, message } = await failureOf(call);
        expect(code).toBe('TASK_QUEUE_BROKER_UNAVAILABLE');
        expect(message).toMatch(/NOREPLICAS.*min-replicas-to-write/);
        expect(message).toMatch(/nothing was stored/);
        expect(message).not.toContain('did not answer');
      }
      expect(await store.curation.counts('q')).toMatchObject({ ready: 1 }); // reading goes on, and ends nothing
      await admin.config('SET', 'min-replicas-to-write', '0');
      await store.intake.enqueue('q', [job]);
      expect(told.messages).toEqual([
        expect.stringMatching(/^refused redis:.*NOREPLICAS.*Bring them back/),
        expect.stringMatching(/^restored redis:\S+ after [0-9.]+ s; \d+ calls were held back$/),
      ]);
    });

    it('a reply that comes after others were queued behind it', async () => {
      const { started, admin } = await server();
      const { store } = await open(started.url, { commandTimeoutMs: 400 });
      await store.intake.enqueue('q', [job]);
      await admin.config('SET', 'min-replicas-to-write', '1');
      // More than the lanes take at once: the last ones wait until their time is over, and never leave.
      const calls = Array.from({ length: 12 }, () =>
        store.intake.enqueue(
          'q',
          Array.from({ length: 250 }, () => job),
        ),
      );
      for (const { message } of await Promise.all(calls.map(failureOf))) expect(message).toContain('NOREPLICAS');
    });

    it('BUSY', async () => {
      const { started, admin } = await server('--busy-reply-threshold', '50');
      const { store, told } = await open(started.url);
      await store.intake.enqueue('q', [job]);
      const busy = admin.eval('while true do end', 0).catch(() => {});
      const killer = new Redis(started.url, { enableReadyCheck: false });
      const isBusy = () =>
        killer.ping().then(
          () => false,
          () => true,
        );
      while (!(await isBusy()));
      const { message } = await failureOf(store.intake.enqueue('q', [job]));
      expect(message).toMatch(/BUSY.*SCRIPT KILL/);
      await killer.call('SCRIPT', 'KILL');
      await busy;
      killer.disconnect();
      await untilItWorks(() => store.intake.enqueue('q', [job]));
      expect(told.messages.map((text) => text.split(' ')[0])).toEqual(['refused', 'restored']);
      expect(told.messages[0]).toMatch(/BUSY.*SCRIPT KILL/);
    });

    it('MISCONF and OOM, which make calls fail at once', async () => {
      const { started, admin } = await server('--maxmemory-policy', 'noeviction');
      const { store, told } = await open(started.url);
      await store.intake.enqueue('q', [job]);
      await admin.config('SET', 'maxmemory', '1');
      for (let call = 0; call < 3; call++) {
        expect(await failureOf(store.intake.enqueue('q', [job]))).toMatchObject({ code: 'TASK_QUEUE_STORE_FULL' });
      }
      await admin.config('SET', 'maxmemory', '0');
      await store.intake.enqueue('q', [job]);
      expect(told.messages).toEqual([
        expect.stringMatching(/^refused .*OOM.*Raise maxmemory/),
        expect.stringMatching(/^restored .*; 3 calls were held back$/),
      ]);
    });

    it('WRONGPASS, after the password was changed', async () => {
      const { started, admin } = await server();
      await admin.config('SET', 'requirepass', 'old');
      const { store, told } = await open(`redis://:old@127.0.0.1:${started.port}`);
      await admin.config('SET', 'requirepass', 'new');
      await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      const { message } = await failureOf(store.intake.enqueue('q', [job]));
      expect(message).toMatch(/WRONGPASS.*does not accept the user name or password/);
      expect(message).not.toMatch(/did not answer|old/);
      await admin.config('SET', 'requirepass', 'old');
      await untilItWorks(() => store.intake.enqueue('q', [job]));
      expect(told.messages.map((text) => text.split(' ')[0])).toEqual(['lost', 'restored']);
      expect(told.messages[0]).toMatch(/WRONGPASS/);
    });

    it('READONLY, of a server that became a replica', async () => {
      const { started, admin } = await server();
      const other = await server();
      const { store, told } = await open(started.url);
      await store.intake.enqueue('q', [job]);
      await admin.replicaof('127.0.0.1', other.started.port);
      await replicaInSync(started.port);
      for (let call = 0; call < 2; call++) {
        const { message } = await failureOf(store.intake.enqueue('q', [job]));
        expect(message).toMatch(/READONLY.*read-only replica\. Connect to its primary/);
      }
      await admin.call('REPLICAOF', 'NO', 'ONE');
      await untilItWorks(() => store.intake.enqueue('q', [job]));
      expect(told.messages.map((text) => text.split(' ')[0])).toEqual(['refused', 'restored']);
    });
  });

  it('NOPERM inside a script names command and key', async () => {
    const { started, admin } = await server();
    await admin.call('ACL', 'SETUSER', 'me', 'on', 'nopass', '~*', '&*', '+@all', '-rpush');
    const { store, told } = await open(`redis://me:any@127.0.0.1:${started.port}`);
    const error = await failureOf(store.intake.enqueue('q', [job]));
    expect(error).toMatchObject({ code: 'TASK_QUEUE_BROKER_REFUSED', reply: 'NOPERM' });
    expect(error.message).toMatch(/RPUSH on "\{t-[0-9a-f]+:q\}:ready" in enqueue-plain\.lua/);
    await admin.call('ACL', 'SETUSER', 'me', '+rpush', 'resetkeys', '~{other}*');
    expect((await failureOf(store.curation.counts('q'))).message).toMatch(/NOPERM/);
    expect(told.messages).toEqual([]); // one user's rights are no outage
  });

  it('a server that closes idle connections is no outage', async () => {
    const { started, admin } = await server();
    const { store, told, inside } = await open(started.url);
    const back = once(inside.link.client as Redis, 'ready');
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'); // as `timeout` does
    await back;
    await store.intake.enqueue('q', [job]);
    expect(told.messages).toEqual([]);
  });

  describe('behind one address', () => {
    /** A primary and its replica, and an address that leads to the one or the other. */
    async function pair() {
      const [one, two] = [await server(), await server()];
      await two.admin.replicaof('127.0.0.1', one.started.port);
      await replicaInSync(two.started.port);
      const address = await startTcpProxy(one.started.port);
      ends.push(() => address.stop());
      return { one, two, address };
    }

    async function listensAt(admin: Redis, channel: string): Promise<boolean> {
      const [, count] = (await admin.pubsub('NUMSUB', channel)) as [string, number];
      return count > 0;
    }

    it('both connections follow the primary, though no server closes one', async () => {
      const { one, two, address } = await pair();
      const { store, inside, told } = await open(`redis://127.0.0.1:${address.port}`);
      await store.workers.onWake('w1', () => {});
      const channel = `${(store.connection as unknown as { options: RedisStoreOptions }).options.prefix}:wake:w1`;
      expect(await listensAt(one.admin, channel)).toBe(true);
      await inside.watch.look(); // all is well: nothing happens
      expect(inside.link.epoch).toBe(1);

      await two.admin.call('REPLICAOF', 'NO', 'ONE');
      await one.admin.replicaof('127.0.0.1', two.started.port);
      address.lead(two.started.port);
      await inside.watch.look();
      while (!inside.link.ready) await once(inside.link.client as Redis, 'ready');
      await store.intake.enqueue('q', [job]);
      const follows = once(inside.subscriptions.client, 'ready');
      await inside.watch.look();
      await follows;
      while (!(await listensAt(two.admin, channel)));
      expect(await listensAt(one.admin, channel)).toBe(false);
      expect(told.messages.map((text) => text.split(' ')[0])).toEqual(['refused', 'restored']);
    });

    it('a subscriber that is led to the replica says so, and connects again until it is at the primary', async () => {
      const { one, two, address } = await pair();
      const { store, told } = await open(`redis://127.0.0.1:${address.port}`);
      address.lead(two.started.port);
      const listening = store.workers.onWake('w1', () => {});
      await told.first(1);
      expect(told.messages).toEqual([expect.stringMatching(/^replica .*read-only replica/)]);
      address.lead(one.started.port);
      await listening;
    });
  });

  describe('of one node of a cluster', () => {
    it('leave the connections to the others alone, and their queues work', async () => {
      const cluster = await startRedisCluster();
      ends.push(() => cluster.stop());
      const { store, inside, told } = await open({ nodes: cluster.nodes }, { commandTimeoutMs: 1500 });
      const client = inside.link.client as Cluster;
      const nodeOf = (queue: string) => {
        const slot = inside.link.slotOf({
          script: { name: '', text: '', sha: '' },
          keys: [`{${(store.connection as unknown as { options: RedisStoreOptions }).options.prefix}:${queue}}:meta`],
          args: [],
        });
        return Number(client.slots[slot][0].split(':')[1]);
      };
      const [ill] = cluster.servers;
      const queues = Array.from({ length: 40 }, (_, index) => `q${index}`);
      const healthy = queues.filter((queue) => nodeOf(queue) !== ill.port).slice(0, 6);
      const sick = queues.filter((queue) => nodeOf(queue) === ill.port).slice(0, 3);
      for (const queue of [...healthy, ...sick]) await store.intake.enqueue(queue, [job]);
      const connections = client.nodes('master').filter(({ options }) => options.port !== ill.port);

      ill.pause();
      const failing = sick.map((queue) => failureOf(store.intake.enqueue(queue, [job])));
      const late = new Promise<void>((resolve) => client.once('-node', () => resolve()));
      for (let round = 0; round < 20; round++) for (const queue of healthy) await store.intake.enqueue(queue, [job]);
      await late;
      for (const queue of healthy) await store.intake.enqueue(queue, [job]);
      await Promise.all(failing);
      ill.resume();
      for (const connection of connections) expect(connection.status).toBe('ready');
      expect(client.nodes('master')).toEqual(expect.arrayContaining(connections));
      await untilItWorks(() => store.intake.enqueue(sick[0], [job]));
      expect(told.messages).toEqual([
        expect.stringMatching(new RegExp(`^lost .*127.0.0.1:${ill.port}: it did not answer in time$`)),
        expect.stringMatching(/^restored /),
      ]);
    });
  });

  describe('a loop that stood still', () => {
    const block = (ms: number) => {
      const end = performance.now() + ms;
      while (performance.now() < end);
    };

    it('is not held against Redis: subscribing and connecting', async () => {
      const { started } = await server();
      const { store, inside, told } = await open(started.url, { commandTimeoutMs: 300 });
      const listening = store.notices.onSettled('q', () => {});
      await new Promise((resolve) => setImmediate(resolve));
      block(700);
      await listening;
      const closed = once(inside.link.client as Redis, 'close');
      (inside.link.client as Redis).disconnect(true);
      await closed;
      const call = store.intake.enqueue('q', [job]);
      block(700);
      await call;
      expect(told.messages).toEqual([]);
    });
  });

  it('the client listens to sentinels for a failover, unless the user forbids it', () => {
    const sentinels = [{ host: '127.0.0.1', port: 1 }];
    const detects = (connection: RedisConnection) => {
      const client = new Connector(connection, 'p', 1000).connect('commands') as Redis;
      client.on('error', () => {}).disconnect();
      return client.options.failoverDetector;
    };
    expect(detects({ sentinels, name: 'prime' })).toBe(true);
    expect(detects({ sentinels, name: 'prime', failoverDetector: false })).toBe(false);
    const given = new Redis({ sentinels, name: 'prime', lazyConnect: true });
    expect(detects(given)).toBe(true);
    expect(detects('redis://127.0.0.1:1')).toBe(false);
  });
});
