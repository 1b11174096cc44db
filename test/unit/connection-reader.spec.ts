import { inspect } from 'node:util';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { describeValue } from '../../src/core/errors/described-value.js';
import { maskPassword } from '../../src/core/mask-password.js';
import { CLUSTER_OPTIONS, REDIS_OPTIONS, SAME_ANYWAY } from '../../src/options/connection-options.js';
import { readConnection } from '../../src/options/connection-reader.js';
import type { Connection } from '../../src/options/options.js';

const SECRET = 'hunter2';
const BUILT = fileURLToPath(new URL('../../node_modules/ioredis/built/', import.meta.url));

const read = (connection: unknown) => readConnection({ connection: connection as Connection });

function refusalOf(connection: unknown): Error & { code?: string } {
  try {
    read(connection);
  } catch (error) {
    expect((error as { code?: string }).code).toMatch(/^TASK_QUEUE_/);
    expect(inspect(error, { depth: Infinity })).not.toContain(SECRET);
    return error as Error;
  }
  throw new Error(`${describeValue(connection)} was not refused`);
}

/** Names of the options that a declaration file of ioredis has at its first level. */
function declaredIn(...files: string[]): string[] {
  const names = files.flatMap((file) => {
    const text = readFileSync(`${BUILT}${file}.d.ts`, 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '');
    const interfaces = [
      ...text.matchAll(/(?:Options(?: extends \w+)? |Partial<TcpOptions & IpcOptions> & )\{\n([\s\S]*?)\n\}/g),
    ];
    return interfaces.flatMap(([, body]) => [...body.matchAll(/^ {4}(\w+)\??: /gm)].map(([, name]) => name));
  });
  return [...new Set(names)].sort();
}

describe('options of ioredis', () => {
  const redis = [
    ...declaredIn('redis/RedisOptions', 'utils/Commander', 'connectors/SentinelConnector/index'),
    ...declaredIn('connectors/StandaloneConnector'),
  ];
  const cluster = declaredIn('cluster/ClusterOptions', 'utils/Commander');
  // TcpOptions and IpcOptions of Node.
  const ofNode = ['host', 'port', 'family', 'path'];

  it('are all known, and no others', () => {
    expect(redis.length).toBeGreaterThan(50);
    expect(cluster.length).toBeGreaterThan(20);
    expect(Object.keys(REDIS_OPTIONS).sort()).toEqual([...new Set([...redis, ...ofNode])].sort());
    expect(Object.keys(CLUSTER_OPTIONS).sort()).toEqual(cluster);
  });

  /** A value that this package does not have anyway. */
  const other = (key: string) => (key === 'keyPrefix' ? 'app:' : key === 'role' ? 'slave' : 17);
  const refused = (table: typeof REDIS_OPTIONS) => Object.keys(table).filter((key) => table[key] !== true);

  it.each(refused(REDIS_OPTIONS))('%s is refused with what does it instead', (key) => {
    const { message } = refusalOf({ host: 'cache', [key]: other(key) });
    expect(message).toContain(key);
    expect(message).toMatch(/Use |Remove it|pass prefix/);
    // Nothing was said.
    expect(() => read({ host: 'cache', [key]: undefined })).not.toThrow();
    for (const same of SAME_ANYWAY[key] ?? []) expect(() => read({ host: 'cache', [key]: same })).not.toThrow();
  });

  it.each(refused(CLUSTER_OPTIONS))('%s of a cluster is refused with what does it instead', (key) => {
    const { message } = refusalOf({ nodes: [{ host: 'a' }], options: { [key]: other(key) } });
    expect(message).toContain(key);
    expect(message).toMatch(/Use |Remove it|pass prefix/);
  });

  it.each(refused(REDIS_OPTIONS))('%s of the nodes of a cluster is refused, too', (key) => {
    const redisOptions = { [key]: other(key) };
    expect(refusalOf({ nodes: [{ host: 'a' }], options: { redisOptions } }).message).toContain(key);
  });

  it.each(['host', 'port', 'path', 'sentinels', 'name', 'db'])('%s belongs to no cluster', (key) => {
    const redisOptions = { [key]: 1 };
    expect(refusalOf({ nodes: [{ host: 'a' }], options: { redisOptions } }).message).toContain(key);
  });
});

describe('keys of a connection', () => {
  it.each([
    [{ hostname: 'redis.example.org' }, '"host"'],
    [{ hots: 'redis.example.org' }, '"host"'],
    [{ host: 'a', user: 'me' }, '"username"'],
    [{ host: 'a', pass: SECRET }, '"password"'],
    [{ host: 'a', auth: SECRET }, '"password"'],
    [{ host: 'a', database: 2 }, '"db"'],
    [{ host: 'a', ssl: true }, '"tls"'],
    [{ host: 'a', sentinelpassword: SECRET }, '"sentinelPassword"'],
    [{ sentinels: [{ host: 'a' }], masterName: 'prime' }, '"name"'],
    [{ nodes: [{ hostname: 'a' }] }, '"host"'],
    [{ sentinels: [{ hostname: 'a' }], name: 'prime' }, '"host"'],
    [{ nodes: [{ host: 'a' }], option: {} }, '"options"'],
    [{ nodes: [{ host: 'a' }], options: { natmap: {} } }, '"natMap"'],
    [{ redis: { host: 'a', password: SECRET } }, 'Pass what is in it'],
    [{ connection: { host: 'a' } }, 'Pass what is in it'],
    [{ socket: { host: 'a', port: 1 } }, 'Pass what is in it'],
    [{ url: `redis://:${SECRET}@a` }, 'Pass the URL itself'],
    [{ uri: `redis://:${SECRET}@a` }, 'Pass the URL itself'],
    [{ nodes: [{ host: 'a' }], password: SECRET }, 'options.redisOptions'],
    [{ nodes: [{ host: 'a' }], options: { tls: {} } }, 'options.redisOptions'],
  ])('unknown: %j', (given, message) => {
    expect(refusalOf(given).message).toContain(message);
  });

  it.each([
    ['host', { host: undefined }],
    ['host', { host: null, port: 1 }],
    ['host', { host: '' }],
    ['host', { host: 'undefined' }],
    ['port', { host: 'a', port: undefined }],
    ['port', { host: 'a', port: Number.NaN }],
    ['port', { host: 'a', port: 'undefined' }],
    ['port', { host: 'a', port: 70_000 }],
    ['path', { path: undefined }],
    ['db', { host: 'a', db: undefined }],
    ['db', { host: 'a', db: Number.NaN }],
    ['db', { host: 'a', db: 'mydb' }],
    ['db', { host: 'a', db: -1 }],
    ['db', { host: 'a', db: 1.5 }],
    ['nodes', { nodes: undefined }],
    ['nodes', { nodes: [] }],
    ['nodes', { nodes: [undefined] }],
    ['host', { nodes: [{ host: undefined, port: 1 }] }],
    ['sentinels', { sentinels: undefined, name: 'x' }],
    ['sentinels', { sentinels: [], name: 'x' }],
    ['host', { sentinels: [{ host: undefined }], name: 'x' }],
    ['name', { sentinels: [{ host: 'a' }] }],
    ['name', { sentinels: [{ host: 'a' }], name: undefined }],
    ['connection', {}],
    ['connection', undefined],
    ['connection', null],
  ])('without a value: %s of %j', (key, given) => {
    const { message } = refusalOf(given);
    expect(message).toContain(key);
    expect(message).toMatch(/environment variable|name at least one|say which primary/i);
  });

  it('host is no URL', () => {
    expect(refusalOf({ host: `redis://:${SECRET}@cache` }).message).toContain('host name or address alone');
  });

  it.each([
    [{ host: 'a', port: '6380', db: '2', password: undefined, tls: undefined }],
    [{ host: 'a', password: null }],
    [{ port: 6380 }],
    [{ path: '/tmp/redis.sock' }],
    [{ sentinels: [{ host: 'a', port: 1 }], name: 'prime', sentinelPassword: SECRET, natMap: {} }],
    [
      {
        nodes: ['a:1', 7000, { host: 'b', port: 2 }],
        options: { scaleReads: 'slave', natMap: {}, dnsLookup: () => {} },
      },
    ],
    [{ nodes: [{ host: 'b' }], options: undefined }],
  ])('are taken: %j', (given) => {
    expect(read(given)).toBe(given);
  });
});

describe('what is neither a URL nor options', () => {
  class Settings {
    host = 'a';
    password = SECRET;
  }
  class Computed {
    get host() {
      return 'a';
    }
  }
  class NodeRedis {
    isOpen = false;
    options = { password: SECRET };
    sendCommand() {}
    connect() {}
    duplicate() {}
  }

  it.each([
    ['a client of node-redis', new NodeRedis(), 'node-redis'],
    ['an object with getters', new Computed(), 'a Computed'],
    ['a Map', new Map([['host', 'a']]), 'a Map'],
    ['an array', [`redis://:${SECRET}@a`], 'an array'],
    ['a promise', Promise.resolve({ host: 'a' }), 'await it in useFactory'],
    ['the class of ioredis', Redis, '"Redis", not what it makes'],
    ['a function', () => ({ host: 'a' }), 'function'],
    ['a number', 6379, 'a number'],
    ['a boolean', true, 'a boolean'],
  ])('%s is refused as what it is', (_, given, message) => {
    expect(refusalOf(given).message).toContain(message);
  });

  it('takes an object of a class of settings, and a URL object', () => {
    const settings = new Settings();
    expect(read(settings)).toBe(settings);
    expect(read(new URL('redis://a:1/2'))).toBe('redis://a:1/2');
  });
});

describe('URLs', () => {
  it.each([
    `redis://me:${SECRET}%@cache:6379`,
    `redis://me:${SECRET}%zz@cache:6379`,
    `redis://me:${SECRET}#1@cache:6379`,
    `redis://me:${SECRET}?1@cache:6379`,
    `redis://me:${SECRET}/1@cache:6379`,
    `redis://me:${SECRET}#@cache`,
    `redis://me:6379/${SECRET}@cache`,
    `redis://me:6379?${SECRET}@cache`,
    `redis://me:6379#${SECRET}@cache`,
    `redis://:${SECRET}%@cache`,
    `redis://me%:${SECRET}@cache`,
    `redis://:[${SECRET}/]@cache`,
  ])('%s: percent-encode the password', (url) => {
    expect(refusalOf(url).message).toMatch(/percent-encode/i);
  });

  it.each(['a@b', 'a[b', 'a]b', 'a b', 'a:b', 'a&b', 'a=b', 'a+b', 'a\\b', 'ü', '%25', '%40%2F'])(
    'takes a password that it can read: %s',
    (password) => {
      const url = `redis://me:${password}@cache:6379/1`;
      expect(read(url)).toBe(url);
    },
  );

  it.each([
    ['redis://cache/mydb', /database.*"mydb".*number/],
    ['redis://cache/-1', /database/],
    ['redis://cache/1/2', /database/],
    ['redis://cache?db=mydb', /database/],
    ['redis://cache/1?db=2', /two databases/],
    ['redis://', /environment variable/],
    ['redis://:6379', /cannot be read|names no host/],
    ['redis:///1', /names no host/],
    ['redis://undefined:6379', /names no host.*environment variable/],
    ['redis://null', /names no host/],
    ['redis://cache:undefined', /environment variable/],
    ['redis://:undefined@cache', /password is the text "undefined"/],
    ['redis://a:1,b:2', /several servers/],
    ['cache:6379', /redis:\/\/ in front/],
    ['localhost', /redis:\/\/ in front/],
    ['"redis://cache"', /quotes/],
    ['https://eu1.upstash.io', /HTTP service/],
    ['valkey://cache', /write redis:\/\//i],
    ['redis-sentinel://a:26379', /sentinels/],
    ['unix:///tmp/redis.sock', /\{ path \}/],
    ['/tmp/redis.sock', /\{ path \}/],
    ['redis://cache#x', /"#"/],
    ['redis://cache?hostname=a', /Unknown option "hostname"/],
    ['redis://cache?pass=a', /Did you mean "password"/],
    ['redis://cache?tls=true', /rediss:/],
    ['redis://cache?keyPrefix=a', /keyPrefix.*prefix of forRoot/],
    ['redis://cache?connectTimeout=1', /connectTimeout of forRoot/],
    [`redis://cache?sentinelPassword=${SECRET}`, /ioredis options/],
    ['', /use a redis:/i],
    [' ', /use a redis:/i],
  ])('%s', (url, message) => {
    expect(refusalOf(url).message).toMatch(message);
  });

  it.each([
    'redis://cache',
    'REDIS://cache:1/15',
    'rediss://me@cache/',
    'redis://[::1]:6379/2',
    'redis://cache?db=3&family=6',
  ])('takes %s', (url) => {
    expect(read(url)).toBe(url);
  });
});

describe('a masked URL', () => {
  it.each([
    [`redis://cache?sentinelPassword=${SECRET}`, 'redis://cache?sentinelPassword=***'],
    [`redis://cache?PASSWORD=${SECRET}&db=1`, 'redis://cache?PASSWORD=***&db=1'],
    [`redis://cache?db=1&auth=${SECRET}&authToken=${SECRET}`, 'redis://cache?db=1&auth=***&authToken=***'],
    [`redis://cache?client_secret=${SECRET}&apiKey=${SECRET}`, 'redis://cache?client_secret=***&apiKey=***'],
    [`redis://cache?p%61ss=${SECRET}`, 'redis://cache?p%61ss=***'],
    [`redis://cache?%pass=${SECRET}`, 'redis://cache?%pass=***'],
    [`redis://cache?pass=${SECRET}?x`, 'redis://cache?pass=***'],
    [`redis://me:${SECRET}@cache:1`, 'redis://me:***@cache:1'],
    [`redis://me:${SECRET}#${SECRET}`, 'redis://me:***'],
    [`redis://:${SECRET}`, 'redis://:***'],
    [`redis://me:${SECRET}`, 'redis://me:***'],
    ['redis://cache:6379/1', 'redis://cache:6379/1'],
    ['redis://[::1]:6379/1', 'redis://[::1]:6379/1'],
  ])('%s', (url, masked) => {
    expect(maskPassword(url)).toBe(masked);
  });
});
