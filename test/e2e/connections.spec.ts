import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { lookup } from 'node:dns';
import { Injectable, Module } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import {
  Processor,
  QueueService,
  TaskQueueModule,
  type Connection,
  type TaskQueueModuleOptions,
} from 'nestjs-task-queue';
import { closeApps, startApp, startModule } from '../support/apps.js';
import { startRedisCluster, type RedisCluster } from '../support/redis-cluster.js';
import { startRedisServer, type RedisServer } from '../support/redis-server.js';

const url = process.env.TEST_REDIS_URL as string;
const { hostname: host, port: portText } = new URL(url);
const port = Number(portText);

@Injectable()
class Mailer {
  @Processor('mail')
  send(): string {
    return 'sent';
  }
}

/** Another copy of ioredis than the one that this package imports, as an application may have it. */
function otherCopy(): typeof import('ioredis') {
  let copy: typeof import('ioredis') | undefined;
  jest.isolateModules(() => {
    copy = createRequire(import.meta.url)('ioredis') as typeof import('ioredis');
  });
  if (copy === undefined || copy.Redis === Redis) throw new Error('This is no other copy');
  return copy;
}

const ends: (() => unknown)[] = [];

function ended<T extends { disconnect(): void }>(client: T): T {
  ends.push(() => client.disconnect());
  return client;
}

afterEach(async () => {
  await closeApps();
  for (const end of ends.splice(0).reverse()) await end();
});

/** A job goes through an app of this connection, and its result comes back. */
async function works(connection: unknown, more: TaskQueueModuleOptions = {}) {
  const prefix = `e2e${randomBytes(6).toString('hex')}`;
  const { app, logs } = await startApp(
    { providers: [Mailer] },
    { connection: connection as Connection, prefix, ...more },
  );
  const job = await app.get(QueueService).enqueue('mail', {});
  expect(await job.result({ timeout: '10s' })).toBe('sent');
  return { app, logs, prefix };
}

describe('a server, as', () => {
  it.each<[string, () => unknown]>([
    ['a URL', () => url],
    ['a URL object', () => new URL(url)],
    ['options', () => ({ host, port, db: 3, keepAlive: 1000, noDelay: true, family: 4 })],
    ['options of a class', () => Object.assign(new (class Settings {})(), { host, port })],
    ['an instance', () => ended(new Redis(url))],
    ['an instance that connects later', () => ended(new Redis(url, { lazyConnect: true }))],
    ['an instance of another copy of ioredis', () => ended(new (otherCopy().Redis)(url, { stringNumbers: true }))],
  ])('%s', async (_, connection) => {
    await works(connection());
  });

  it('an instance of its own name for CLIENT LIST', async () => {
    const { prefix } = await works({ host, port, connectionName: 'shop' });
    const admin = ended(new Redis(url));
    const list = String(await admin.client('LIST'));
    expect(list).toMatch(/name=shop:commands /);
    expect(list).not.toContain(`name=${prefix}:`);
  });
});

describe('a cluster, as', () => {
  let cluster: RedisCluster;

  beforeAll(async () => {
    cluster = await startRedisCluster();
  });

  afterAll(async () => {
    await cluster.stop();
  });

  const natMap = () => Object.fromEntries(cluster.nodes.map((node) => [`127.0.0.1:${node.port}`, node]));
  const asked: string[] = [];
  const dnsLookup: typeof lookup extends never ? never : any = (name: string, callback: (...args: any[]) => void) => {
    asked.push(name);
    lookup(name, callback);
  };

  it.each<[string, () => unknown]>([
    ['nodes', () => ({ nodes: cluster.nodes })],
    ['texts', () => ({ nodes: cluster.nodes.map((node) => `${node.host}:${node.port}`) })],
    ['a Cluster', () => ended(new Cluster(cluster.nodes))],
    ['a Cluster of one node', () => ended(new Cluster(cluster.nodes.slice(1, 2), { lazyConnect: true }))],
    ['a Cluster with a natMap', () => ended(new Cluster(cluster.nodes, { natMap: natMap() }))],
    ['a Cluster that scales reads', () => ended(new Cluster(cluster.nodes, { scaleReads: 'slave' }))],
    [
      'a Cluster with a dnsLookup',
      () => ended(new Cluster([{ host: 'localhost', port: cluster.nodes[0].port }], { dnsLookup })),
    ],
    ['a Cluster of another copy of ioredis', () => ended(new (otherCopy().Cluster)(cluster.nodes))],
    [
      'nodes with options',
      () => ({ nodes: cluster.nodes, options: { natMap: natMap(), scaleReads: 'all', dnsLookup } }),
    ],
    ['nodes with redisOptions', () => ({ nodes: cluster.nodes, options: { redisOptions: { noDelay: true } } })],
  ])('%s', async (_, connection) => {
    await works(connection());
  });

  it('asks the lookup that it was given', () => {
    expect(asked).toContain('localhost');
  });
});

describe('a password that changes', () => {
  let server: RedisServer;
  let admin: Redis;

  beforeAll(async () => {
    server = await startRedisServer();
    admin = new Redis(server.url);
  });

  afterAll(async () => {
    admin.disconnect();
    await server.stop();
  });

  const renew = async (token: string) => {
    await admin.call('ACL', 'SETUSER', 'app', 'reset', 'on', '~*', '&*', '+@all', `>${token}`);
    await admin.call('CLIENT', 'KILL', 'USER', 'app');
  };

  it.each<[string, () => { connection: unknown; take(token: string): void }]>([
    [
      'in an instance',
      () => {
        const client = ended(new Redis({ port: server.port, host, username: 'app', password: 'first' }));
        client.on('error', () => {});
        return { connection: client, take: (token) => (client.options.password = token) };
      },
    ],
    [
      'by a getter in options',
      () => {
        let current = 'first';
        const connection = {
          ...{ port: server.port, host, username: 'app' },
          get password() {
            return current;
          },
        };
        return { connection, take: (token) => (current = token) };
      },
    ],
  ])('%s is taken by connections that are made anew', async (_, make) => {
    await renew('first');
    const { connection, take } = make();
    const { app } = await works(connection);
    take('second');
    await renew('second');
    const job = await app.get(QueueService).enqueue('mail', {});
    expect(await job.result({ timeout: '15s' })).toBe('sent');
  });
});

describe('no connection', () => {
  const connection = process.env.CERTAINLY_NOT_SET;

  it.each<[string, () => TaskQueueModuleOptions]>([
    ['a variable that is not set', () => ({ connection })],
    ['a host that is not set', () => ({ connection: { host: connection } })],
    ['a URL in a template', () => ({ connection: `redis://${connection}:6379` })],
    ['a producer whose variable is not set', () => ({ connection, role: 'producer' })],
  ])('%s', async (_, options) => {
    await expect(startApp({}, options())).rejects.toMatchObject({
      code: 'TASK_QUEUE_INVALID_VALUE',
      message: expect.stringMatching(/environment variable missing/),
    });
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a connection itself', url],
    ['a promise of undefined', Promise.resolve(undefined)],
    ['a promise of null', Promise.resolve(null)],
  ])('forRootAsync gives %s', async (_, options) => {
    const root = TaskQueueModule.forRootAsync({ useFactory: () => options as TaskQueueModuleOptions });
    await expect(startModule({ imports: [root] })).rejects.toMatchObject({
      code: 'TASK_QUEUE_INVALID_VALUE',
      message: expect.stringMatching(/options of forRoot/),
    });
  });

  it('forRootAsync gives a promise as connection', async () => {
    const root = TaskQueueModule.forRootAsync({
      useFactory: () => ({ connection: Promise.resolve(url) as unknown as string }),
    });
    await expect(startModule({ imports: [root] })).rejects.toThrow('await it in useFactory');
  });
});

describe('forRoot twice', () => {
  it.each(['memory://', 'memory://shared'])('says so, and where: %s', async (connection) => {
    @Module({ imports: [TaskQueueModule.forRoot({ connection })] })
    class Billing {}
    @Module({ imports: [TaskQueueModule.forRoot({ connection }), Billing] })
    class Shop {}
    const error = await startModule({ imports: [Shop] }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'TASK_QUEUE_CONFIGURATION',
      message: expect.stringMatching(/forRoot is called 2 times \(imported by Billing and Shop\)/),
    });
    expect((error as Error).message).not.toContain('different');
  });
});
