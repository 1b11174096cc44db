import type { Cluster, ClusterNode, Redis, RedisOptions } from 'ioredis';

/**
 * Whether this is a client of ioredis, of whatever copy or version: an application may have another one than this package. Of a
 * client only the options are read; the connections are this package's own.
 */
export function isGivenRedis(value: unknown): value is Redis {
  return isClient(value) && value.isCluster !== true;
}

export function isGivenCluster(value: unknown): value is Cluster {
  return isClient(value) && value.isCluster === true && Array.isArray(value.startupNodes);
}

/** The nodes that a cluster client was made with. */
export function startupNodesOf(cluster: Cluster): ClusterNode[] {
  return [...(cluster as unknown as { startupNodes: ClusterNode[] }).startupNodes];
}

/** The database that a client works in: what it selected since it was made, or what it was made with. */
export function databaseOf(client: Redis): number {
  const { condition } = client as unknown as { condition?: { select?: number } | null };
  return condition?.select ?? client.options.db ?? 0;
}

type Credentials = Pick<RedisOptions, 'username' | 'password'>;

/**
 * A connection that is made anew logs in with what the given options say by then: tokens expire, and whoever renews them puts the
 * new one there.
 */
export function followCredentials(options: Credentials, given: Credentials): void {
  for (const key of ['username', 'password'] as const) {
    Object.defineProperty(options, key, { get: () => given[key], enumerable: true, configurable: true });
  }
}

interface Client {
  isCluster?: unknown;
  startupNodes?: unknown;
}

function isClient(value: unknown): value is Client {
  if (typeof value !== 'object' || value === null) return false;
  const { options, status, duplicate, sendCommand } = value as Record<string, unknown>;
  return (
    typeof options === 'object' &&
    options !== null &&
    typeof status === 'string' &&
    typeof duplicate === 'function' &&
    typeof sendCommand === 'function'
  );
}
