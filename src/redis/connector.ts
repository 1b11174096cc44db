import { Cluster, Redis, type ClusterNode, type ClusterOptions, type RedisOptions } from 'ioredis';

/** Where a Redis is, in any of the forms that users have it. */
export type RedisConnection =
  string | RedisOptions | { nodes: ClusterNode[]; options?: ClusterOptions } | Redis | Cluster;

/** What each connection is for: it shows in CLIENT LIST. */
export type Purpose = 'commands' | 'subscriber' | 'inbox' | 'heartbeat' | 'durability';

/**
 * Makes the process's few connections, whatever the number of queues. Commands are never queued or re-sent by the
 * client: the {@link Link} knows which call may be repeated.
 */
export class Connector {
  constructor(
    private readonly connection: RedisConnection,
    private readonly prefix: string,
    private readonly connectTimeoutMs: number,
  ) {}

  get mode(): 'standalone' | 'cluster' | 'sentinel' {
    const { connection } = this;
    if (
      connection instanceof Cluster ||
      (typeof connection === 'object' && 'nodes' in connection && Array.isArray(connection.nodes))
    ) {
      return 'cluster';
    }
    const options = connection instanceof Redis ? connection.options : connection;
    return typeof options === 'object' && 'sentinels' in options && options.sentinels ? 'sentinel' : 'standalone';
  }

  /** A connection of its own; it begins to connect at once. */
  connect(purpose: Purpose): Redis | Cluster {
    const { connection } = this;
    if (connection instanceof Cluster)
      return connection.duplicate([], this.clusterOptions(purpose, connection.options));
    if (connection instanceof Redis) return connection.duplicate(this.options(purpose));
    if (typeof connection === 'string') return new Redis(connection, this.options(purpose));
    if ('nodes' in connection && Array.isArray(connection.nodes)) {
      return new Cluster(connection.nodes, this.clusterOptions(purpose, connection.options ?? {}));
    }
    return new Redis({ ...(connection as RedisOptions), ...this.options(purpose) });
  }

  private options(purpose: Purpose): RedisOptions {
    return {
      lazyConnect: false,
      connectTimeout: this.connectTimeoutMs,
      connectionName: `${this.prefix}:${purpose}`,
      keepAlive: 10_000,
      // The scripts answer with numbers; a user's instance may turn them into texts.
      stringNumbers: false,
      enableOfflineQueue: purpose === 'subscriber',
      autoResendUnfulfilledCommands: false,
      autoResubscribe: true,
      // How long a socket that has gone already keeps the process alive after close(): ioredis waits 2 s.
      disconnectTimeout: 200,
      maxRetriesPerRequest: null,
      // Jitter: processes that lost one server together must not come back together.
      retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 6), 2000) * (0.5 + Math.random() / 2),
      reconnectOnError: null,
    };
  }

  private clusterOptions(purpose: Purpose, given: ClusterOptions): ClusterOptions {
    const { lazyConnect: _lazy, retryStrategy: _retry, enableOfflineQueue: _queue, ...perNode } = this.options(purpose);
    return {
      ...given,
      lazyConnect: false,
      // A replica may be behind: a worker that reads there would think its jobs lost.
      scaleReads: 'master',
      clusterRetryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 6), 2000) * (0.5 + Math.random() / 2),
      redisOptions: { ...given.redisOptions, ...perNode },
    };
  }
}

/** The text of a connection for logs: without its password. */
export function describeConnection(connection: RedisConnection): string {
  if (typeof connection === 'string') return connection.replace(/\/\/[^@/]*@/, '//***@');
  if (connection instanceof Redis) return `redis at ${connection.options.host}:${connection.options.port}`;
  if (connection instanceof Cluster) return 'redis cluster';
  if ('nodes' in connection && Array.isArray(connection.nodes))
    return `redis cluster of ${connection.nodes.length} given nodes`;
  const options = connection as RedisOptions;
  if (options.sentinels) return `redis "${options.name ?? 'mymaster'}" behind ${options.sentinels.length} sentinels`;
  return `redis at ${options.path ?? `${options.host ?? '127.0.0.1'}:${options.port ?? 6379}`}`;
}
