import { randomBytes } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { Connector, type RedisConnection } from '../../src/redis/wire/connector.js';
import { Link } from '../../src/redis/wire/link.js';
import { RedisStore } from '../../src/redis/redis-store.js';
import type { RedisStoreOptions } from '../../src/redis/store-options.js';
import { readRefusal, wordsOf } from '../../src/redis/wire/refusals.js';
import { startFakeRedis } from '../support/fake-redis.js';
import { startRedisServer } from '../support/redis-server.js';

const SECRET = 'hunter2secret';

describe('a boot says what the server refused, or is', () => {
  const ends: (() => unknown)[] = [];

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  async function server(...args: string[]) {
    const started = await startRedisServer({ args });
    ends.push(() => started.stop());
    return started;
  }

  async function listening(given: Server): Promise<number> {
    await new Promise<void>((resolve) => given.listen(0, '127.0.0.1', resolve));
    ends.push(() => given.close());
    return (given.address() as AddressInfo).port;
  }

  /** A server that says this to whoever connects, and ends the connection. */
  function saying(text: string | Buffer): Promise<number> {
    return listening(
      createServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', () => socket.end(text));
      }),
    );
  }

  async function refusal(connection: RedisConnection, options: Partial<RedisStoreOptions> = {}) {
    const store = new RedisStore({
      connection,
      prefix: `t-${randomBytes(6).toString('hex')}`,
      commandTimeoutMs: 2000,
      connectTimeoutMs: 1000,
      waitForRedis: false,
      allowEviction: false,
      maxCrashes: 3,
      logLines: 100,
      ...options,
    });
    ends.push(() => store.connection.close());
    const error: unknown = await store.connection.open().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    // As Nest prints it: with its cause, and whatever hangs on that.
    expect(inspect(error, { depth: Infinity })).not.toContain(SECRET);
    return error as Error & { code: string };
  }

  const on = (port: number, rest = '') => `redis://127.0.0.1:${port}${rest}`;
  const cluster = (port: number) => ({ nodes: [{ host: '127.0.0.1', port }] });
  const sentinels = (port: number, rest: object = {}) => ({
    sentinels: [{ host: '127.0.0.1', port }],
    name: 'prime',
    ...rest,
  });

  it('a database that it does not have', async () => {
    const { port } = await server();
    for (const waitForRedis of [false, true]) {
      expect(await refusal({ host: '127.0.0.1', port, db: 99 }, { waitForRedis })).toMatchObject({
        code: 'TASK_QUEUE_BROKER_REFUSED',
        message: expect.stringMatching(/no such database.*"databases".*DB index is out of range.*database 99/),
      });
    }
  });

  it('a database that the user may not select', async () => {
    const { port, url } = await server();
    const admin = new Redis(url);
    await admin.call('ACL', 'SETUSER', 'me', 'on', 'nopass', '~*', '&*', '+@all', '-select');
    admin.disconnect();
    expect(await refusal(`redis://me:${SECRET}@127.0.0.1:${port}/1`)).toMatchObject({
      reply: 'NOPERM',
      message: expect.stringContaining("'select'"),
    });
  });

  it('a password, wrong or missing', async () => {
    const { port } = await server('--requirepass', 'right');
    for (const waitForRedis of [false, true]) {
      expect(await refusal(on(port), { waitForRedis })).toMatchObject({ reply: 'NOAUTH' });
      expect(await refusal(`redis://:${SECRET}@127.0.0.1:${port}`, { waitForRedis })).toMatchObject({
        reply: 'WRONGPASS',
        message: expect.stringContaining('user name or password'),
      });
      expect(await refusal(cluster(port), { waitForRedis })).toMatchObject({ reply: 'NOAUTH' });
    }
  });

  it('INFO, which the user may not call', async () => {
    const { port, url } = await server();
    const admin = new Redis(url);
    await admin.call('ACL', 'SETUSER', 'me', 'on', 'nopass', '~*', '&*', '+@all', '-info');
    admin.disconnect();
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => {});
    expect(await refusal(`redis://me:${SECRET}@127.0.0.1:${port}`)).toMatchObject({
      reply: 'NOPERM',
      message: expect.stringMatching(/guide "Security".*'info'/),
    });
    warn.mockRestore();
  });

  it('one client more, and a client from outside', async () => {
    const { url } = await server('--maxclients', '1');
    const admin = new Redis(url);
    await admin.ping();
    expect(await refusal(url)).toMatchObject({
      code: 'TASK_QUEUE_BROKER_UNAVAILABLE',
      message: expect.stringMatching(/max number of clients reached.*Raise maxclients/),
    });
    admin.disconnect();
    const port = await saying('-DENIED Redis is running in protected mode because\r\n');
    expect(await refusal(on(port))).toMatchObject({
      reply: 'DENIED',
      message: expect.stringMatching(/protected mode.*requirepass/),
    });
  });

  it('it is a read-only replica', async () => {
    const { port } = await server();
    const replica = await server('--replicaof', '127.0.0.1', String(port));
    expect(await refusal(replica.url)).toMatchObject({
      code: 'TASK_QUEUE_INCOMPATIBLE_STORE',
      message: expect.stringMatching(new RegExp(`127.0.0.1:${replica.port}.*read-only replica.*127.0.0.1:${port}`)),
    });
  });

  it('it is a replica, until it becomes the primary', async () => {
    const { port } = await server();
    const replica = await server('--replicaof', '127.0.0.1', String(port));
    const admin = new Redis(replica.url);
    const told: string[] = [];
    const onConnection = (event: string, reason: string) => {
      told.push(event);
      if (event === 'unreachable') {
        expect(reason).toContain('read-only replica');
        void admin.replicaof('NO', 'ONE');
      }
    };
    expect(await refusal(replica.url, { waitForRedis: true, onConnection })).toBeUndefined();
    expect(told).toEqual(['unreachable', 'restored']);
    admin.disconnect();
  });

  it('it is loading its data', async () => {
    const port = await listening(
      createServer((socket) => {
        socket.on('error', () => {});
        socket.on('data', () => socket.write('-LOADING Redis is loading the dataset in memory\r\n'.repeat(9)));
      }),
    );
    expect(await refusal(on(port), { connectTimeoutMs: 300 })).toMatchObject({
      message: expect.stringMatching(/LOADING.*Wait until it has/),
    });
  });

  it('it is one node of a cluster, and of one that is not well', async () => {
    const { port, url } = await server('--cluster-enabled', 'yes');
    expect(await refusal(url)).toMatchObject({
      code: 'TASK_QUEUE_INCOMPATIBLE_STORE',
      message: expect.stringMatching(/one node of a cluster.*\{ nodes: /),
    });
    expect((await refusal(`${url}/1`)).message).toMatch(/one node of a cluster, which has one database/);
    expect((await refusal(cluster(port))).message).toMatch(/CLUSTERDOWN.*CLUSTER INFO/);
  });

  it('it is no cluster', async () => {
    const { port } = await server();
    expect(await refusal(cluster(port))).toMatchObject({
      code: 'TASK_QUEUE_BROKER_REFUSED',
      message: expect.stringMatching(/not a cluster.*instead of \{ nodes \}/),
    });
  });

  it('it is a sentinel, or the sentinels refuse', async () => {
    const { port } = await server();
    const config = `sentinel monitor prime 127.0.0.1 ${port} 1\n`;
    const plain = await startRedisServer({ config, args: ['--sentinel'] });
    ends.push(() => plain.stop());
    const locked = await startRedisServer({ config, args: ['--sentinel', '--requirepass', 'right'] });
    ends.push(() => locked.stop());
    expect((await refusal(plain.url)).message).toMatch(/is a Sentinel.*name: "prime"/);
    expect((await refusal(sentinels(plain.port, { name: 'mymaster' }))).message).toMatch(/no primary of this name/);
    expect((await refusal(sentinels(locked.port))).message).toMatch(/NOAUTH.*pass sentinelPassword/);
    expect((await refusal(sentinels(locked.port, { sentinelPassword: SECRET }))).message).toMatch(
      /WRONGPASS.*sentinelPassword/,
    );
    expect((await refusal(sentinels(port))).message).toMatch(/not a Sentinel/);
    expect((await refusal(cluster(plain.port))).message).toMatch(/not a cluster/);
    expect(await refusal(sentinels(locked.port, { sentinelPassword: 'right' }))).toBeUndefined();
  });

  it('it is not Redis at all', async () => {
    const port = await listening(createHttpServer((_, response) => response.end('hello')));
    expect((await refusal(on(port))).message).toMatch(/not Redis.*HTTP/);
    expect((await refusal(sentinels(port))).message).toMatch(/not Redis.*HTTP/);
  });

  it('TLS, wanted or not', async () => {
    const alert = await saying(Buffer.from('15030300020246', 'hex'));
    expect((await refusal(on(alert))).message).toMatch(/speaks TLS. Use rediss:/);
    const mute = await saying('');
    expect((await refusal(on(mute))).message).toMatch(/closed without a word.*rediss:/);
    const { port } = await server();
    expect((await refusal(`rediss://127.0.0.1:${port}`)).message).toMatch(/TLS was not answered.*use redis:/);
  });

  it('nobody is there', async () => {
    const quick = { connectTimeoutMs: 300 };
    expect((await refusal('redis://nowhere.invalid:1', quick)).message).toMatch(/ENOTFOUND.*cannot be resolved/);
    expect((await refusal('redis://127.0.0.1:1', quick)).message).toMatch(/ECONNREFUSED.*Start it/);
    const unknown = { nodes: [{ host: 'nowhere.invalid', port: 1 }] };
    expect((await refusal(unknown, quick)).message).toMatch(/ENOTFOUND.*cannot be resolved/);
    expect((await refusal(sentinels(1), quick)).message).toMatch(/failed to connect to sentinel 127.0.0.1:1/);
  });
});

describe('a connection whose server lost the database', () => {
  it('makes no call in database 0', async () => {
    let databases = true;
    const fake = await startFakeRedis(undefined, (name) =>
      name === 'select' && !databases ? '-ERR DB index is out of range\r\n' : undefined,
    );
    const connection = { host: '127.0.0.1', port: fake.port, db: 3 };
    const client = new Connector(connection, 'p', 1000).connect('commands');
    const link = new Link(client, 500);
    await link.command('get', ['x']);
    databases = false;
    fake.disconnectAll();
    await expect(link.command('get', ['y'])).rejects.toMatchObject({ code: 'TASK_QUEUE_BROKER_UNAVAILABLE' });
    expect(fake.commands).toEqual([['get', 'x']]);
    databases = true;
    for (let done = false; !done;)
      done = await link.command('get', ['z']).then(
        () => true,
        () => false,
      );
    link.close();
    await fake.stop();
  });
});

describe('the table of refusals', () => {
  it.each([
    ['write EPROTO 0:error:0A00010B:SSL routines:ssl3_get_record:wrong version number', /does not speak TLS/],
    ['self-signed certificate in certificate chain', /tls: \{ ca \}/],
    ['unable to verify the first certificate', /tls: \{ ca \}/],
    ["Hostname/IP does not match certificate's altnames: Host: cache", /servername/],
    ['certificate has expired', /Renew it/],
    ['ssl/tls alert certificate required', /\{ cert, key \}/],
    ['Protocol error, got "H" as reply type byte', /not Redis/],
  ])('%s', (message, remedy) => {
    expect(readRefusal(new Error(message))?.remedy).toMatch(remedy);
  });

  it('keeps to itself what a command carried', () => {
    const text = "ERR unknown command 'AUTH', with args beginning with: 'hunter2secret'";
    expect(wordsOf(new Error(text))).toBe("ERR unknown command 'AUTH'");
    const lua = 'NOPERM no access to a key script: 0123456789012345678901234567890123456789, on @user_script:3.';
    expect(wordsOf(new Error(lua))).toBe('NOPERM no access to a key');
  });
});
