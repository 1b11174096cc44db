import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { encodeEnvelope } from '../../src/core/envelope.js';
import type { RedisConnection } from '../../src/redis/wire/connector.js';
import { Connector, describeConnection } from '../../src/redis/wire/connector.js';
import type { Client } from '../../src/redis/wire/client.js';
import { Link } from '../../src/redis/wire/link.js';
import { RedisStore } from '../../src/redis/redis-store.js';
import type { RedisStoreOptions } from '../../src/redis/store-options.js';
import { loadScripts, readOnly, type ScriptName } from '../../src/redis/wire/script-library.js';
import { Subscriptions } from '../../src/redis/wire/subscriptions.js';
import { bulk, startFakeRedis } from '../support/fake-redis.js';
import { startRedisCluster, type RedisCluster } from '../support/redis-cluster.js';
import { startRedisServer, type RedisServer } from '../support/redis-server.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.mjs';

describe('connections', () => {
  const url = new URL(process.env.TEST_REDIS_URL ?? '');
  const port = Number(url.port);
  let prefix: string;
  let client: Redis;
  const stores: RedisStore[] = [];

  beforeEach(() => {
    prefix = `t-${randomBytes(6).toString('hex')}`;
    client = new Redis(url.href);
  });

  afterEach(async () => {
    for (const store of stores.splice(0)) await store.connection.close();
    const keys = await client.keys(`{${prefix}:*`);
    if (keys.length > 0) await client.unlink(...keys);
    client.disconnect();
  });

  function storeOn(connection: RedisConnection, options: Partial<RedisStoreOptions> = {}): RedisStore {
    const store = new RedisStore({
      connection,
      prefix,
      commandTimeoutMs: 2000,
      connectTimeoutMs: 2000,
      waitForRedis: false,
      allowEviction: false,
      maxCrashes: 3,
      logLines: 100,
      ...options,
    });
    stores.push(store);
    return store;
  }

  async function runsAJob(store: RedisStore, queue = 'q'): Promise<void> {
    const envelope = encodeEnvelope(1, undefined, undefined, '1');
    const [{ id }] = await store.intake.enqueue(queue, [{ envelope }]);
    const turn = { worker: 'w1', leaseMs: 8000, alone: false, adopt: undefined };
    const { jobs } = await store.workers.settleAndReserve(queue, { ...turn, call: 1, want: 1, settlements: [] });
    expect(jobs).toMatchObject([{ id, envelope, crashes: 0 }]);
    const settlements = [{ op: 'complete' as const, ...jobs[0], result: '2', keep: false as const }];
    const reply = await store.workers.settleAndReserve(queue, { ...turn, call: 2, want: 0, settlements });
    expect(reply).toMatchObject({ lost: [], jobs: [] });
    await store.workers.leave(queue, 'w1');
    expect((await store.curation.counts(queue)).active).toBe(0);
  }

  /** Names of this prefix's connections, as the server sees them. */
  async function connections(): Promise<string[]> {
    const list = String(await client.client('LIST'));
    const names = [...list.matchAll(/ name=(\S+) /g)].map(([, name]) => name);
    return names.filter((name) => name.startsWith(prefix)).sort();
  }

  it('teaches a server the scripts that it does not know, and no others', async () => {
    const server = await startRedisServer();
    const admin = new Redis(server.url);
    const loaded = async () =>
      Number(/cmdstat_script\|load:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1] ?? 0);
    const readShas = (name: ScriptName) => [scripts[name].sha, readOnly(scripts[name]).sha];
    const scripts = loadScripts();
    const all = [...Object.values(scripts).map(({ sha }) => sha), ...readShas('read')];
    try {
      await storeOn(server.url).connection.open();
      expect(await admin.script('EXISTS', ...all)).toEqual(all.map(() => 1));
      const before = await loaded();
      expect(before).toBeGreaterThanOrEqual(all.length);
      await storeOn(server.url).connection.open();
      expect(await loaded()).toBe(before);
      await admin.script('FLUSH');
      await admin.script('LOAD', scripts.enqueue.text);
      await storeOn(server.url).connection.open();
      expect(await loaded()).toBe(2 * before);
      expect(await admin.script('EXISTS', ...all)).toEqual(all.map(() => 1));
    } finally {
      for (const store of stores.splice(0)) await store.connection.close();
      admin.disconnect();
      await server.stop();
    }
  });

  it('says nothing of a connection that it closes itself', async () => {
    const server = await startRedisServer();
    const told: string[] = [];
    const admin = new Redis(server.url);
    const store = storeOn(server.url, { onConnection: (event) => told.push(event) });
    await store.connection.open();
    await store.connection.close();
    const names = async () => (await admin.client('LIST')) as string;
    while ((await names()).includes(`${prefix}:commands`)) await new Promise((resolve) => setImmediate(resolve));
    admin.disconnect();
    await server.stop();
    expect(told).toEqual([]);
  });

  it('takes a URL', async () => {
    const store = storeOn(url.href);
    expect(await store.connection.open()).toMatchObject({ mode: 'standalone', replicas: 0 });
    await runsAJob(store);
  });

  it('takes ioredis options, and keeps the ones that are the user\u2019s', async () => {
    const store = storeOn({ host: url.hostname, port, db: 3, stringNumbers: true, lazyConnect: true });
    await store.connection.open();
    await runsAJob(store);
    await store.intake.enqueue('q', [{ envelope: '1\n1' }]);
    expect(await client.exists(`{${prefix}:q}:meta`)).toBe(0);
    const other = new Redis({ host: url.hostname, port, db: 3 });
    expect(await other.exists(`{${prefix}:q}:meta`)).toBe(1);
    await other.unlink(...(await other.keys(`{${prefix}:*`)));
    other.disconnect();
  });

  it('duplicates a user\u2019s instance, whatever its options, and never closes it', async () => {
    const instance = new Redis(url.href, { stringNumbers: true, enableAutoPipelining: true, maxRetriesPerRequest: 0 });
    const store = storeOn(instance);
    await store.connection.open();
    await runsAJob(store);
    await (
      await store.workers.onWake('w1', () => {})
    )();
    await store.connection.close();
    expect(instance.status).toBe('ready');
    expect(await instance.get('nothing')).toBeNull();
    expect(instance.listenerCount('error') + instance.listenerCount('close')).toBe(0);
    instance.disconnect();
  });

  it('finds the primary by its sentinels', async () => {
    const sentinel = await startFakeRedis();
    sentinel.answer(`*2\r\n${bulk('127.0.0.1')}${bulk(String(port))}`, '*0\r\n');
    const store = storeOn({
      sentinels: [{ host: '127.0.0.1', port: sentinel.port }],
      name: 'prime',
      updateSentinels: false,
    });
    expect(await store.connection.open()).toMatchObject({ mode: 'sentinel' });
    await runsAJob(store);
    expect(sentinel.commands[0]).toEqual(['sentinel', 'get-master-addr-by-name', 'prime']);
    await store.connection.close();
    await sentinel.stop();
  });

  it('logs in, and says which password was wrong without saying the password', async () => {
    const server = await startRedisServer({ args: ['--requirepass', 'secret'] });
    const open = (password: string) => storeOn(`redis://:${password}@127.0.0.1:${server.port}`).connection.open();
    await open('secret');
    const error = await open('guess').catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'TASK_QUEUE_BROKER_REFUSED', reply: 'WRONGPASS' });
    // As Nest prints it: with its cause, and whatever hangs on that.
    expect(inspect(error, { depth: Infinity })).not.toContain('guess');
    await expect(storeOn(server.url).connection.open()).rejects.toMatchObject({
      message: expect.stringContaining('NOAUTH'),
    });
    for (const store of stores.splice(0)) await store.connection.close();
    await server.stop();
  });

  it('names the command that the user may not call', async () => {
    const user = `${prefix}-user`;
    await client.call('ACL', 'SETUSER', user, 'on', 'nopass', '~{other:*', '&*', '+@all');
    const store = storeOn({ host: url.hostname, port, username: user, password: 'any' });
    await store.connection.open();
    await expect(store.intake.enqueue('q', [{ envelope: '1\n1' }])).rejects.toMatchObject({
      code: 'TASK_QUEUE_BROKER_REFUSED',
      reply: 'NOPERM',
    });
    // Whatever the refused command carried is not in the error, however deep a log looks.
    const { link } = store.connection as unknown as { link: Link };
    const refusal = await link.command('set', ['x', 'a secret']).catch((reason: unknown) => reason);
    expect(refusal).toMatchObject({ reply: 'NOPERM' });
    expect(inspect(refusal, { depth: Infinity })).not.toContain('a secret');
    await client.call('ACL', 'DELUSER', user);
  });

  it('needs no more than the keys and channels of its prefix', async () => {
    const user = `${prefix}-user`;
    const channels = [`&${prefix}:wake:*`, `&{${prefix}:*`];
    await client.call('ACL', 'SETUSER', user, 'on', 'nopass', `~{${prefix}:*`, ...channels, '+@all', '-@admin');
    const store = storeOn({ host: url.hostname, port, username: user, password: 'any' });
    await store.connection.open();
    await store.workers.onWake('w1', () => {});
    await runsAJob(store);
    await store.connection.close();
    await client.call('ACL', 'DELUSER', user);
  });

  it('fails to open where nobody listens, in time, and names the place', async () => {
    const fake = await startFakeRedis();
    await fake.stop();
    const error = await storeOn(`redis://user:secret@127.0.0.1:${fake.port}`, { connectTimeoutMs: 200 })
      .connection.open()
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'TASK_QUEUE_BROKER_UNAVAILABLE',
      message: expect.stringContaining(`${fake.port}`),
    });
    expect((error as Error).message).not.toContain('secret');
  });

  it('opens three connections, however many queues and listeners there are', async () => {
    const store = storeOn(url.href);
    await store.connection.open();
    expect(await connections()).toEqual([`${prefix}:commands`]);
    for (let index = 0; index < 30; index++) {
      await runsAJob(store, `q${index}`);
      await store.notices.onSignal(`q${index}`, () => {});
      await store.notices.onSettled(`q${index}`, () => {});
      await store.notices.onEvents(`q${index}`, () => {});
    }
    for (let index = 0; index < 30; index++) await store.intake.awaitInbox(`{${prefix}:q${index}}:inbox`, 1);
    expect(await connections()).toEqual([`${prefix}:commands`, `${prefix}:inbox`, `${prefix}:subscriber`]);
    await store.connection.close();
    for (let left = ['']; left.length > 0;) left = await connections();
  });

  it('describes a connection without its password', () => {
    expect(describeConnection('redis://me:secret@host:1/2')).toBe('redis://me:***@host:1/2');
    expect(describeConnection('redis://me:se@cr/et@host:1')).toBe('redis://me:***@host:1');
    expect(describeConnection('redis://host:1?password=secret')).toBe('redis://host:1?password=***');
    expect(describeConnection({ host: 'h', port: 1, password: 'secret' })).toBe('redis at h:1');
    expect(describeConnection({ path: '/tmp/redis.sock' })).toBe('redis at /tmp/redis.sock');
    expect(describeConnection({ sentinels: [{ host: 's' }], name: 'prime' })).toBe('redis "prime" behind 1 sentinels');
    expect(describeConnection({ nodes: [{ host: 'a' }, { host: 'b' }] })).toBe('redis cluster of 2 given nodes');
  });

  it('knows what it is connected to', () => {
    const mode = (connection: RedisConnection) => new Connector(connection, 'p', 100).mode;
    expect(mode('redis://h')).toBe('standalone');
    expect(mode({ host: 'h' })).toBe('standalone');
    expect(mode({ sentinels: [] })).toBe('sentinel');
    expect(mode({ nodes: [{ host: 'h' }] })).toBe('cluster');
  });

  describe('that are accepted and stay mute', () => {
    const SILENCE_MS = 200;
    let proxy: TcpProxy;
    let place: string;
    let connect: jest.SpiedFunction<Connector['connect']>;

    beforeEach(async () => {
      connect = jest.spyOn(Connector.prototype, 'connect');
      proxy = await startTcpProxy(port);
      place = `redis://127.0.0.1:${proxy.port}`;
    });

    afterEach(async () => {
      for (const store of stores) await store.connection.close();
      await proxy.stop();
      connect.mockRestore();
    });

    const impatient = (connection: RedisConnection, options: Partial<RedisStoreOptions> = {}) =>
      storeOn(connection, { commandTimeoutMs: 500, connectTimeoutMs: SILENCE_MS, ...options });

    /** The connections that were made so far. */
    function clients(): Client[] {
      return connect.mock.results.map(({ value }) => value as Client);
    }

    async function untilItWorks<T>(call: () => Promise<T>): Promise<T> {
      for (;;) {
        try {
          return await call();
        } catch {
          await pause(20);
        }
      }
    }

    it('are given up, and calls succeed again', async () => {
      const told: string[] = [];
      const store = impatient(place, { onConnection: (event) => told.push(event) });
      await store.connection.open();
      proxy.mute(3);
      proxy.reset();
      await expect(store.curation.counts('q')).rejects.toMatchObject({ code: 'TASK_QUEUE_BROKER_UNAVAILABLE' });
      await untilItWorks(() => store.curation.counts('q'));
      await runsAJob(store);
      expect(told).toEqual(['lost', 'restored']);
    });

    it('are given up by a boot that waits, which says so once', async () => {
      const told: string[] = [];
      proxy.mute(3);
      const store = impatient(place, {
        waitForRedis: true,
        onConnection: (event, reason) => told.push(`${event} ${reason}`),
      });
      await store.connection.open();
      await runsAJob(store);
      expect(told).toEqual([
        `unreachable ${place}: the connection was accepted, but nothing answered within ${SILENCE_MS} ms`,
        expect.stringMatching(new RegExp(`^restored ${place} after [0-9.]+ s$`)),
      ]);
    });

    it('fail a boot that does not wait, in time', async () => {
      proxy.mute();
      await expect(impatient(place).connection.open()).rejects.toMatchObject({ code: 'TASK_QUEUE_BROKER_UNAVAILABLE' });
      await Promise.all(clients().map(untilEnded));
    });

    it('are given up by the subscriber, whose listeners then look themselves', async () => {
      const subscriber = new Connector(place, prefix, SILENCE_MS).connect('subscriber');
      const subscriptions = new Subscriptions(subscriber, 2000);
      const heard: (string | undefined)[] = [];
      let resolve = () => {};
      const next = () => new Promise<void>((done) => (resolve = done));
      await subscriptions.add(`${prefix}:c`, (message) => {
        heard.push(message);
        resolve();
      });
      proxy.mute(3);
      const back = next();
      proxy.reset();
      await back;
      const told = next();
      await client.publish(`${prefix}:c`, 'hello');
      await told;
      expect(heard).toEqual([undefined, 'hello']);
      subscriptions.close();
    });

    it('are given up by the look at plain lists', async () => {
      const inbox = `{${prefix}:q}:inbox`;
      const store = storeOn(place, { connectTimeoutMs: SILENCE_MS });
      await store.connection.open();
      proxy.mute(3);
      await store.intake.awaitInbox(inbox, 600_000); // back as soon as the connection works
    });

    it('are not tried again after close()', async () => {
      const store = impatient(place, { commandTimeoutMs: 100 });
      await store.connection.open();
      proxy.mute();
      proxy.reset();
      while (proxy.connections() === 0) await pause(5);
      await store.connection.close();
      await Promise.all(clients().map(untilEnded));
      while (proxy.connections() > 0) await pause(5);
    });

    it('are sentinels: the next one is asked', async () => {
      const mute = await startTcpProxy(port);
      mute.mute();
      const sentinel = await startFakeRedis();
      sentinel.answer(`*2\r\n${bulk('127.0.0.1')}${bulk(String(port))}`, '*0\r\n');
      const store = impatient(
        {
          sentinels: [
            { host: '127.0.0.1', port: mute.port },
            { host: '127.0.0.1', port: sentinel.port },
          ],
          name: 'prime',
          updateSentinels: false,
        },
        { waitForRedis: true },
      );
      await store.connection.open();
      await runsAJob(store);
      await store.connection.close();
      await sentinel.stop();
      await mute.stop();
    });

    it('leaves a server alone that answers that it is loading', async () => {
      let loading = 6;
      const server = await startFakeRedis(
        () => `redis_version:7.2.0\r\nloading:${--loading > 0 ? 1 : 0}\r\nloading_eta_seconds:60\r\n`,
      );
      const told: string[] = [];
      const store = impatient(`redis://127.0.0.1:${server.port}`, {
        waitForRedis: true,
        onConnection: (event) => told.push(event),
      });
      await store.connection.open();
      expect(loading).toBeLessThan(1);
      expect(server.connections()).toBe(1);
      expect(told).toEqual(['unreachable', 'restored']); // and why
      await store.connection.close();
      await server.stop();
    });

    describe('to one node of a cluster', () => {
      let servers: RedisCluster;
      let nodeProxy: TcpProxy;
      let cluster: Client;

      beforeEach(async () => {
        servers = await startRedisCluster();
        nodeProxy = await startTcpProxy(servers.nodes[0].port);
        await announceFirst(servers, nodeProxy.port);
        cluster = new Connector({ nodes: servers.nodes.slice(1) }, prefix, SILENCE_MS).connect('inbox');
      });

      afterEach(async () => {
        cluster.disconnect();
        await nodeProxy.stop();
        await servers.stop();
      });

      it('are given up while the others work', async () => {
        const key = 'bar'; // the first node's
        await cluster.set(key, 'here');
        const left = new Promise((resolve) => cluster.once('-node', resolve));
        nodeProxy.mute();
        nodeProxy.reset();
        await left;
        const back = new Promise<Redis>((resolve) => cluster.once('+node', resolve));
        const found = cluster.get(key);
        await untilEnded(await back);
        nodeProxy.pass();
        expect(await found).toBe('here');
        expect(cluster.status).toBe('ready');
      });
    });

    describe('to the only node of a cluster', () => {
      let node: RedisServer;
      let nodeProxy: TcpProxy;
      let nodes: { host: string; port: number }[];

      beforeEach(async () => {
        node = await startRedisServer({ args: ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'] });
        nodeProxy = await startTcpProxy(node.port);
        nodes = [{ host: '127.0.0.1', port: nodeProxy.port }];
        const admin = new Redis(node.url);
        await admin.config('SET', 'cluster-announce-port', nodeProxy.port);
        await admin.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16383);
        while (!String(await admin.call('CLUSTER', 'INFO')).includes('cluster_state:ok')) await pause(20);
        admin.disconnect();
      });

      afterEach(async () => {
        for (const store of stores) await store.connection.close();
        await nodeProxy.stop();
        await node.stop();
      });

      /** The node says which slots there are; the connection that is made to it next stays mute, so many times. */
      function muteBehindSlots(times: number): void {
        clients()[0].on('refresh', () => {
          if (times-- > 0) nodeProxy.mute(1);
        });
      }

      it('are given up, and calls succeed again', async () => {
        const cluster = new Connector({ nodes }, prefix, SILENCE_MS).connect('commands');
        // The node said which slots there are; the connection that is made to it next stays mute.
        cluster.once('refresh', () => nodeProxy.mute(1));
        const link = new Link(cluster, 500);
        await untilItWorks(() => link.command('get', ['x']));
        link.close();
      });

      it('are given up by a boot', async () => {
        const store = impatient({ nodes }, { waitForRedis: true });
        const opened = store.connection.open();
        muteBehindSlots(3);
        await opened;
        await runsAJob(store);
      });

      it('are given up as often as they stay mute', async () => {
        const store = impatient({ nodes });
        await store.connection.open();
        muteBehindSlots(3);
        nodeProxy.reset();
        await untilItWorks(() => store.curation.counts('q'));
        await runsAJob(store);
      });

      it('are given up where a node falls silent before it said that the cluster is well', async () => {
        const cluster = new Connector({ nodes }, prefix, SILENCE_MS).connect('commands');
        cluster.once('+node', (first: Redis) => first.once('ready', () => nodeProxy.hole()));
        const link = new Link(cluster, 500);
        await untilItWorks(() => link.command('get', ['x']));
        link.close();
      });

      it('are noticed by the subscriber', async () => {
        const cluster = new Connector({ nodes }, prefix, SILENCE_MS).connect('subscriber');
        const subscriptions = new Subscriptions(cluster, 2000);
        let heard = 0;
        await subscriptions.add(`${prefix}:c`, () => heard++);
        subscriptions.watch();
        const admin = new Redis(node.url);
        nodeProxy.mute(1);
        await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub'); // the other connections of this client stay
        while (heard === 0) {
          await admin.publish(`${prefix}:c`, 'hello');
          await pause(20);
        }
        subscriptions.close();
        admin.disconnect();
      });
    });
  });
});

/** Makes all servers of a cluster say that the first one is at this port. */
async function announceFirst({ servers }: RedisCluster, port: number): Promise<void> {
  for (const { url } of servers) {
    const admin = new Redis(url);
    if (url === servers[0].url) await admin.config('SET', 'cluster-announce-port', port);
    while (!String(await admin.call('CLUSTER', 'SLOTS')).includes(`,${port},`));
    admin.disconnect();
  }
}

/** Resolves once this connection will not be tried again. */
async function untilEnded(client: Client): Promise<void> {
  if (client.status !== 'end') await new Promise((resolve) => client.once('end', resolve));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
