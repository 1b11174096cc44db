import { ConfigurationError, InvalidValueError, UnknownOptionError } from '../core/errors/option-errors.js';
import { databaseOf, isGivenCluster, isGivenRedis } from '../core/given-client.js';
import { checkKeyName } from '../core/names.js';
import {
  CLUSTER_OPTIONS,
  MUST_HAVE_VALUE,
  NODE_OPTIONS,
  NOT_PER_NODE,
  OTHER_NAMES,
  REDIS_OPTIONS,
  SAME_ANYWAY,
  SENTINEL_OPTIONS,
  URL_NAMES,
  WRAPPERS,
  type OptionFate,
} from './connection-options.js';
import { readRedisUrl } from './connection-url.js';
import type { Connection, ResolvedOptions, TaskQueueModuleOptions } from './options.js';

/** What ioredis itself connects to when it is told nothing. */
const DEFAULT_CONNECTION = 'redis://127.0.0.1:6379';
const PRIVATE_MEMORY = 'memory://';
const REMEDY =
  'use a redis://, rediss:// or memory:// URL, ioredis options, { nodes, options } of a cluster, or an ioredis instance';
const UNSET = 'is an environment variable missing?';

/**
 * An option that is absent means the local Redis; one that is there and undefined is an environment variable that
 * nobody set, and must not become some other Redis.
 * @throws InvalidValueError, ConfigurationError, UnknownOptionError
 */
export function readConnection(options: TaskQueueModuleOptions): ResolvedOptions['connection'] {
  if (!('connection' in options)) return DEFAULT_CONNECTION;
  const connection: unknown = options.connection;
  if (typeof connection === 'string') return readText(connection);
  if (connection === undefined || connection === null)
    throw new InvalidValueError('connection', connection, `${REMEDY}; ${UNSET}`);
  if (Object.prototype.toString.call(connection) === '[object URL]') return readText((connection as URL).href);
  if (isGivenRedis(connection)) {
    refuseKeyPrefix(connection.options);
    checkDatabase(databaseOf(connection));
    return connection;
  }
  if (isGivenCluster(connection)) {
    refuseKeyPrefix(connection.options);
    refuseKeyPrefix(connection.options.redisOptions ?? {});
    return connection;
  }
  refuseForeign(connection);
  if ('nodes' in connection) readCluster(connection);
  else readRedis(connection);
  return connection;
}

export function usesMemory(connection: Connection): connection is string {
  return typeof connection === 'string' && connection.startsWith(PRIVATE_MEMORY);
}

/** `memory://` belongs to one app; `memory://name` is shared inside the process. */
export function isPrivateMemory(connection: Connection): boolean {
  return connection === PRIVATE_MEMORY;
}

function readText(text: string): string {
  if (!text.startsWith(PRIVATE_MEMORY)) return readRedisUrl(text, REMEDY);
  const name = text.slice(PRIVATE_MEMORY.length);
  if (name !== '') checkKeyName(name, 'connection: name of the memory store');
  return text;
}

/** What is neither a client of ioredis nor an object of options: it would be read as options that say nothing. */
function refuseForeign(connection: unknown): asserts connection is object {
  const what = kindOf(connection);
  if (what === undefined) return;
  throw new ConfigurationError(`connection is ${what}. ${REMEDY.charAt(0).toUpperCase()}${REMEDY.slice(1)}.`);
}

/** @returns what it is, undefined for an object of options; never its value: it may hold a password */
function kindOf(value: unknown): string | undefined {
  if (typeof value === 'function') return `the function or class "${value.name}", not what it makes`;
  if (typeof value !== 'object' || value === null) return `a ${typeof value}`;
  if (Array.isArray(value)) return 'an array';
  const { then, sendCommand, connect, isOpen } = value as Record<string, unknown>;
  if (typeof then === 'function') return 'a promise: await it in useFactory of forRootAsync';
  if (typeof sendCommand === 'function' && typeof connect === 'function' && typeof isOpen === 'boolean')
    return 'a client of node-redis ("redis" on npm), and this package speaks to Redis by ioredis';
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return undefined;
  // A class of settings is options as long as they are its own: what its prototype computes would not be read.
  const inherited = Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor');
  const { name } = value.constructor;
  return inherited.length === 0 ? undefined : `a ${name}, neither a client of ioredis nor a plain object`;
}

function readRedis(given: object): void {
  checkOptions(given, REDIS_OPTIONS, 'connection');
  const { host, port, path, sentinels, name, db, url } = given as Record<string, unknown>;
  if (Object.keys(given).length === 0)
    throw new InvalidValueError('connection', given, `pass host, or remove "connection" for 127.0.0.1:6379; ${UNSET}`);
  if (url === undefined) checkAddress({ host, port, path }, 'connection');
  if (db !== undefined) checkDatabase(db);
  if (sentinels === undefined) return;
  if (!Array.isArray(sentinels) || sentinels.length === 0)
    throw new InvalidValueError(
      'connection: sentinels',
      sentinels,
      'name at least one sentinel, such as { host, port }',
    );
  for (const sentinel of sentinels) checkNode(sentinel, 'connection: sentinels', SENTINEL_OPTIONS);
  if (typeof name !== 'string' || name === '')
    throw new InvalidValueError(
      'connection: name',
      name,
      'say which primary the sentinels are asked for: the name that "sentinel monitor" gives it, often "mymaster"',
    );
}

function readCluster(given: object): void {
  checkOptions(given, { nodes: true, options: true }, 'connection', REDIS_OPTIONS);
  const { nodes, options = {} } = given as { nodes: unknown; options?: object };
  if (!Array.isArray(nodes) || nodes.length === 0) {
    const remedy = 'name at least one node of the cluster, such as { host, port }';
    throw new InvalidValueError('connection: nodes', nodes, remedy);
  }
  for (const node of nodes) checkNode(node, 'connection: nodes', NODE_OPTIONS);
  if (typeof options !== 'object' || options === null)
    throw new InvalidValueError('connection: options', options, 'pass the options of an ioredis Cluster');
  checkOptions(options, CLUSTER_OPTIONS, 'connection: options', REDIS_OPTIONS);
  const { redisOptions = {} } = options as { redisOptions?: object };
  checkOptions(redisOptions, { ...REDIS_OPTIONS, ...NOT_PER_NODE }, 'connection: options.redisOptions');
}

/**
 * @param perNode options that would be known one level deeper
 * @throws InvalidValueError, ConfigurationError, UnknownOptionError
 */
function checkOptions(
  given: object,
  known: Readonly<Record<string, OptionFate>>,
  place: string,
  perNode: Readonly<Record<string, OptionFate>> = {},
): void {
  refuseKeyPrefix(given);
  for (const [key, value] of Object.entries(given)) {
    const fate = Object.hasOwn(known, key) ? known[key] : undefined;
    if (fate === true) {
      if (MUST_HAVE_VALUE.includes(key) && (value === undefined || value === null || value === ''))
        throw new InvalidValueError(`${place}: ${key}`, value, `give it a value, or leave the key out; ${UNSET}`);
    } else if (typeof fate === 'string') {
      if (value !== undefined && !SAME_ANYWAY[key]?.includes(value))
        throw new ConfigurationError(`The connection has the ioredis option ${key} (in ${place}). ${fate}.`);
    } else throw unknownOption(key, known, place, perNode);
  }
}

function unknownOption(
  key: string,
  known: Readonly<Record<string, OptionFate>>,
  place: string,
  perNode: Readonly<Record<string, OptionFate>>,
): Error {
  const names = Object.keys(known).filter((name) => known[name] === true);
  if (URL_NAMES.includes(key)) {
    return new ConfigurationError(
      `ioredis options have no "${key}" (in ${place}). Pass the URL itself: connection: "redis://…".`,
    );
  }
  const other = Object.hasOwn(OTHER_NAMES, key) ? OTHER_NAMES[key] : undefined;
  if (other !== undefined && names.includes(other)) return new UnknownOptionError(key, place, names, other);
  if (WRAPPERS.includes(key) && !names.includes(key)) {
    return new ConfigurationError(
      `Unknown option "${key}" in ${place}. Pass what is in it as connection itself: connection: { host, port }.`,
    );
  }
  if (perNode[key] === true) {
    return new ConfigurationError(
      `Unknown option "${key}" in ${place}. In a cluster it goes into options.redisOptions: { nodes, options: { redisOptions: { ${key} } } }.`,
    );
  }
  return new UnknownOptionError(key, place, names);
}

/** A node of a cluster, or a sentinel. */
function checkNode(node: unknown, place: string, known: readonly string[]): void {
  if (typeof node === 'string' && node !== '') return;
  if (typeof node === 'number') return;
  if (typeof node !== 'object' || node === null)
    throw new InvalidValueError(`one of ${place}`, node, `pass { host, port }; ${UNSET}`);
  checkOptions(node, Object.fromEntries(known.map((name) => [name, true])), place);
  checkAddress(node, place);
}

function checkAddress({ host, port, path }: { host?: unknown; port?: unknown; path?: unknown }, place: string): void {
  if (host !== undefined && (typeof host !== 'string' || /^(undefined|null|NaN)$|:\/\/|[\s@]/.test(host))) {
    const text = typeof host === 'string' && /:\/\/|@/.test(host) ? 'a URL' : host;
    throw new InvalidValueError(`${place}: host`, text, `pass a host name or address alone; ${UNSET}`);
  }
  if (path !== undefined && typeof path !== 'string')
    throw new InvalidValueError(`${place}: path`, path, 'pass the path of a Unix socket');
  const number = typeof port === 'string' && /^\d+$/.test(port) ? Number(port) : port;
  if (number === undefined) return;
  if (typeof number !== 'number' || !Number.isInteger(number) || number < 1 || number > 65_535)
    throw new InvalidValueError(`${place}: port`, port, `use a whole number from 1 to 65535; ${UNSET}`);
}

/** Databases are numbers; ioredis reads others as 0, which may be another application's. */
function checkDatabase(db: unknown): void {
  const number = typeof db === 'string' && /^\d{1,9}$/.test(db) ? Number(db) : db;
  if (typeof number === 'number' && Number.isInteger(number) && number >= 0) return;
  throw new InvalidValueError('connection: db', db, `use the number of a database, 0 or higher; ${UNSET}`);
}

/** An instance's own calls may have it; this package's channels would not. */
function refuseKeyPrefix({ keyPrefix }: { keyPrefix?: unknown }): void {
  if (keyPrefix === undefined || keyPrefix === null || keyPrefix === '') return;
  throw new ConfigurationError(
    `The connection has the ioredis option keyPrefix (${JSON.stringify(keyPrefix)}), which pub/sub channels do not get. ` +
      'Remove it and pass prefix to forRoot instead.',
  );
}
