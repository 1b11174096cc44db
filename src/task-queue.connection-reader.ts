import { ConfigurationError, InvalidValueError } from './core/errors.js';
import { maskPassword } from './core/mask-password.js';
import { checkKeyName } from './core/names.js';
import { refuseUnknownKeys } from './core/option-checks.js';
import type { Connection, TaskQueueModuleOptions } from './task-queue.options.js';

/** What ioredis itself connects to when it is told nothing. */
const DEFAULT_CONNECTION = 'redis://127.0.0.1:6379';
const PRIVATE_MEMORY = 'memory://';
const REMEDY =
  'use a redis://, rediss:// or memory:// URL, ioredis options, { nodes, options } of a cluster, or an ioredis instance';

/**
 * An option that is absent means the local Redis; one that is there and undefined is an environment variable that
 * nobody set, and must not become some other Redis.
 * @throws InvalidValueError, ConfigurationError
 */
export function readConnection(options: TaskQueueModuleOptions): Connection {
  if (!('connection' in options)) return DEFAULT_CONNECTION;
  const { connection } = options;
  if (typeof connection === 'string') return readUrl(connection);
  if (typeof connection !== 'object' || connection === null || Array.isArray(connection)) {
    throw new InvalidValueError('connection', connection, `${REMEDY}; is an environment variable missing?`);
  }
  if ('nodes' in connection) readCluster(connection);
  if ('url' in connection) {
    throw new ConfigurationError('ioredis options have no "url". Pass the URL itself: connection: "redis://…".');
  }
  refuseKeyPrefix(connection);
  return connection;
}

export function usesMemory(connection: Connection): connection is string {
  return typeof connection === 'string' && connection.startsWith(PRIVATE_MEMORY);
}

/** `memory://` belongs to one app; `memory://name` is shared inside the process. */
export function isPrivateMemory(connection: Connection): boolean {
  return connection === PRIVATE_MEMORY;
}

function readUrl(url: string): string {
  if (url.startsWith(PRIVATE_MEMORY)) {
    const name = url.slice(PRIVATE_MEMORY.length);
    if (name !== '') checkKeyName(name, 'connection: name of the memory store');
    return url;
  }
  if (/^rediss?:\/\//.test(url) && URL.canParse(url)) return url;
  throw new InvalidValueError('connection', maskPassword(url), REMEDY);
}

function readCluster(connection: object): void {
  refuseUnknownKeys(connection, ['nodes', 'options'], 'connection');
  const { nodes } = connection as { nodes: unknown };
  if (!Array.isArray(nodes) || nodes.length === 0) {
    throw new InvalidValueError(
      'connection: nodes',
      nodes,
      'name at least one node of the cluster, such as { host, port }',
    );
  }
}

/**
 * ioredis prefixes the keys of commands, but not the channels of publish and subscribe: half of the keys would be
 * somewhere else.
 */
function refuseKeyPrefix(connection: object): void {
  const given: Level = connection;
  const { options } = given;
  for (const level of [given, options, given.redisOptions, options?.redisOptions]) {
    const keyPrefix = level?.keyPrefix;
    if (keyPrefix !== undefined && keyPrefix !== null && keyPrefix !== '') {
      throw new ConfigurationError(
        `The connection has the ioredis option keyPrefix (${JSON.stringify(keyPrefix)}), which pub/sub channels do not get. ` +
          'Remove it and pass prefix to forRoot instead.',
      );
    }
  }
}

/** Where ioredis keeps options: in themselves, in an instance, in those of each node of a cluster. */
interface Level {
  keyPrefix?: unknown;
  options?: Level;
  redisOptions?: Level;
}
