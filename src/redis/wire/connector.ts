import { Cluster, Redis, type ClusterNode, type ClusterOptions, type RedisOptions } from 'ioredis';
import { databaseOf, isGivenCluster, isGivenRedis } from '../../core/given-client.js';
import { maskPassword } from '../../core/mask-password.js';
import type { BootHold } from './boot-hold.js';
import { loading, replicaReached } from './refusals.js';
import { emitUnheardReplies } from './unheard-replies.js';

/** Where a Redis is, in any of the forms that users have it. */
export type RedisConnection =
  string | RedisOptions | { nodes: ClusterNode[]; options?: ClusterOptions } | Redis | Cluster | { options: object };

/**
 * What each connection is for; CLIENT LIST shows it as `<prefix>:<purpose>`. Each is noticed that looks alive and answers nothing.
 *
 * - `commands`, made at boot: every script but heartbeats. A mute one is noticed by a call: after half of `commandTimeout`.
 * - `subscriber`, made by the first worker, awaited result or listener: wake-ups, signals, ends of awaited jobs, events. A mute one is
 *   noticed by a `PING` every 7 s that has 3 s; in a cluster, where that would go to any node, the subscriptions are repeated.
 * - `heartbeat`, made at the first beat, in a thread of its own: renews leases, also while a handler blocks the main loop. As `commands`.
 * - `inbox`, made by the first plain list: a blocking look at lists, which takes nothing. A look that is answered 2 s too late.
 * - `search`, made by the first search on a replica: it reads there. As `commands`.
 * - `durability`, made by the first durable enqueue. As `commands`, and `WAIT` gets the time that the server may hold it on top.
 */
export type Purpose = 'commands' | 'subscriber' | 'inbox' | 'heartbeat' | 'durability' | 'search';

/**
 * Makes the process's few connections, whatever the number of queues. Commands are never queued or re-sent by the
 * client: the {@link Link} knows which call may be repeated.
 */
export class Connector {
  constructor(
    private readonly connection: RedisConnection,
    private readonly prefix: string,
    private readonly connectTimeoutMs: number,
    private readonly hold?: BootHold,
  ) {
    this.database = databaseIn(connection);
  }

  /** Where the keys are: the same for each connection, also after a SELECT on an instance that was given. */
  readonly database: number;

  get mode(): 'standalone' | 'cluster' | 'sentinel' {
    const { connection } = this;
    if (isGivenCluster(connection) || isNodes(connection)) return 'cluster';
    const options = isGivenRedis(connection) ? connection.options : connection;
    return typeof options === 'object' && (options as RedisOptions).sentinels ? 'sentinel' : 'standalone';
  }

  /** A connection of its own; it begins to connect at once, and never waits for ever for a server that stays mute. */
  connect(purpose: Purpose): Redis | Cluster {
    const client = this.open(purpose);
    this.hold?.watch(client);
    watchHandshake(client, this.connectTimeoutMs);
    if (client instanceof Redis && purpose !== 'search') leaveReplicas(client, purpose);
    emitUnheardReplies(client);
    leaveWithoutDatabase(client);
    if (client instanceof Cluster) client.on('+node', (node: Redis) => watchHandshake(node, this.connectTimeoutMs));
    return client;
  }

  private open(purpose: Purpose): Redis | Cluster {
    const { connection } = this;
    if (typeof connection === 'string') return new Redis(connection, this.options(purpose));
    if (isGivenCluster(connection)) {
      const nodes = [...connection.startupNodes] as ClusterNode[];
      return this.openCluster(purpose, nodes, connection.options as ClusterOptions);
    }
    if (isGivenRedis(connection)) return this.openRedis(purpose, connection.options as RedisOptions);
    if (isNodes(connection)) return this.openCluster(purpose, connection.nodes, connection.options ?? {});
    return this.openRedis(purpose, connection as RedisOptions);
  }

  private openRedis(purpose: Purpose, given: RedisOptions): Redis {
    const role = purpose === 'search' ? ({ role: 'slave', failoverDetector: false } as const) : {};
    const client = new Redis({ ...given, ...this.options(purpose, given), ...role });
    followCredentials(client.options, given);
    return client;
  }

  private openCluster(purpose: Purpose, nodes: ClusterNode[], given: ClusterOptions): Cluster {
    const options = this.clusterOptions(purpose, given);
    const { redisOptions = {} } = given;
    if (options.redisOptions !== undefined) followCredentials(options.redisOptions, redisOptions);
    const client = new Cluster(nodes, options);
    client.on('+node', (node: Redis) => {
      // One that is given with a password of its own keeps it.
      if (node.options.password === redisOptions.password) followCredentials(node.options, redisOptions);
    });
    return client;
  }

  private options(purpose: Purpose, given: RedisOptions = {}): RedisOptions {
    return {
      db: this.database,
      lazyConnect: false,
      connectTimeout: this.connectTimeoutMs,
      // A sentinel that is connected and stays mute: the next one is asked.
      sentinelCommandTimeout: given.sentinelCommandTimeout ?? this.connectTimeoutMs,
      // A primary that stands still closes nothing: its clients learn of the next one from the sentinels.
      failoverDetector: failoverDetectorOf(given, isGivenRedis(this.connection)),
      // A server that loads its data is asked so often that it does not pass for a mute one.
      maxLoadingRetryTime: Math.ceil(this.connectTimeoutMs / 2),
      connectionName: `${given.connectionName ?? this.prefix}:${purpose}`,
      // An instance has a value also where its owner gave none.
      keepAlive: (isGivenRedis(this.connection) ? undefined : given.keepAlive) ?? 10_000,
      // The scripts answer with numbers; a user's instance may turn them into texts.
      stringNumbers: false,
      enableOfflineQueue: purpose === 'subscriber',
      autoResendUnfulfilledCommands: false,
      // `Subscriptions` does: what a server refuses ioredis throws where nobody can catch it.
      autoResubscribe: false,
      // How long a socket that has gone already keeps the process alive after close(): ioredis waits 2 s.
      disconnectTimeout: 200,
      maxRetriesPerRequest: null,
      retryStrategy: reconnectDelay,
      reconnectOnError: null,
    };
  }

  private clusterOptions(purpose: Purpose, given: ClusterOptions): ClusterOptions {
    const {
      db: _db,
      lazyConnect: _lazy,
      retryStrategy: _retry,
      enableOfflineQueue: _queue,
      ...perNode
    } = this.options(purpose, given.redisOptions);
    return {
      ...given,
      lazyConnect: false,
      // A replica may be behind: a worker that reads there would think its jobs lost.
      scaleReads: purpose === 'search' ? 'slave' : 'master',
      // The link repeats calls, and reports what the server said; the client would hold it back until they are late.
      retryDelayOnClusterDown: 0,
      retryDelayOnTryAgain: 0,
      clusterRetryStrategy(this: Cluster, times, reason) {
        // Host names of the nodes that cannot be resolved: said here alone.
        if (reason !== undefined && this.listenerCount('error') > 0) this.emit('error', reason);
        return reconnectDelay(times);
      },
      redisOptions: { ...given.redisOptions, ...perNode },
    };
  }
}

/**
 * A connection that is made anew logs in with what the given options say by then: tokens expire, and whoever renews them puts the
 * new one there.
 */
function followCredentials(options: Credentials, given: Credentials): void {
  for (const key of ['username', 'password'] as const) {
    Object.defineProperty(options, key, { get: () => given[key], enumerable: true, configurable: true });
  }
}

type Credentials = Pick<RedisOptions, 'username' | 'password'>;

function isNodes(connection: RedisConnection): connection is { nodes: ClusterNode[]; options?: ClusterOptions } {
  return typeof connection === 'object' && 'nodes' in connection && Array.isArray(connection.nodes);
}

function databaseIn(connection: RedisConnection): number {
  if (typeof connection === 'string') {
    const { pathname, searchParams } = new URL(connection);
    return Number(pathname.slice(1) || searchParams.get('db') || 0);
  }
  if (isGivenCluster(connection) || isNodes(connection)) return 0; // it has one database
  return isGivenRedis(connection) ? databaseOf(connection) : Number((connection as { db?: number | string }).db ?? 0);
}

/** Jitter: processes that lost one server together must not come back together. */
function reconnectDelay(times: number): number {
  return Math.min(50 * 2 ** Math.min(times, 6), 2000) * (0.5 + Math.random() / 2);
}

/** On wherever there are sentinels and nobody says otherwise; an instance says false also where its owner said nothing. */
function failoverDetectorOf(given: RedisOptions, isInstance: boolean): boolean {
  if (given.sentinels === undefined || given.sentinels === null) return false;
  return isInstance ? true : (given.failoverDetector ?? true);
}

/** How often a connection that is not ready yet is looked at. */
const HANDSHAKE_LOOK_MS = 500;

/**
 * A connection that was accepted and stays mute (a proxy without its server, a host that hangs) is given up, so that
 * ioredis tries again: `connectTimeout` ends when it is accepted, and until it is ready no call can fail on it. A server
 * that is loading answers, and is left alone; ioredis waits for it without a word, so it is said here.
 */
function watchHandshake(client: Redis | Cluster, silenceMs: number): void {
  let timer: NodeJS.Timeout | undefined;
  const stop = () => clearInterval(timer);
  const emitError = (error: Error) => {
    if (client.listenerCount('error') > 0) client.emit('error', error);
  };
  // A cluster has no socket: that one of its nodes said which slots there are is all it had to wait for.
  const heard = () => (client instanceof Cluster ? 0 : client.stream.bytesRead);
  client.on('connect', () => {
    stop();
    let before = heard();
    let silentMs = 0;
    let askedWhy = false;
    const lookMs = Math.min(HANDSHAKE_LOOK_MS, silenceMs);
    const look = () => {
      if (client.status !== 'connect') return;
      const now = heard();
      silentMs = now === before ? silentMs + lookMs : 0;
      before = now;
      if (silentMs >= silenceMs) {
        stop();
        emitError(new Error(`the connection was accepted, but nothing answered within ${silenceMs} ms`));
        client.disconnect(true);
      } else if (!askedWhy && client instanceof Redis && now > 0) {
        askedWhy = true;
        client.info('persistence').then(
          (info) => {
            if (/^loading:1/m.test(info)) emitError(loading());
          },
          () => {},
        );
      }
    };
    // Behind the sockets: after a loop that stood still, what was heard lies there.
    timer = setInterval(() => setImmediate(look), lookMs);
    timer.unref();
  });
  client.on('ready', stop).on('close', stop).on('end', stop);
}

/**
 * An address may lead to a replica: of a failover that is under way, or to any server of a replication in turns. What is
 * written there is refused, and what is read is old. The boot looks at its first connection itself.
 */
function leaveReplicas(client: Redis, purpose: Purpose): void {
  const { connector } = client as unknown as { connector?: { check?(info: { role?: string }): boolean } };
  if (connector?.check === undefined) return;
  let looks = purpose !== 'commands';
  client.once('ready', () => (looks = true));
  const check = connector.check.bind(connector);
  connector.check = (info) => {
    if (looks && info.role === 'slave' && client.listenerCount('error') > 0) client.emit('error', replicaReached());
    return check(info) && !(looks && info.role === 'slave');
  };
}

/**
 * A server that has not the database (another one after a failover, a configuration that changed) says so, and ioredis goes
 * on in database 0: what is written there would be lost, and what is read another application's.
 */
function leaveWithoutDatabase(client: Redis | Cluster): void {
  if (client instanceof Cluster) return; // it has one database
  client.on('error', (error: Error & { command?: { name?: string } }) => {
    if (error.command?.name === 'select') client.stream.destroy();
  });
}

/** The text of a connection for logs: without its password. */
export function describeConnection(connection: RedisConnection): string {
  if (typeof connection === 'string') return maskPassword(connection);
  if (isGivenCluster(connection)) return 'redis cluster';
  if (isNodes(connection)) return `redis cluster of ${connection.nodes.length} given nodes`;
  const options = (isGivenRedis(connection) ? connection.options : connection) as RedisOptions;
  const { sentinels, name, path, host, port, db } = options;
  const database = db ? `, database ${db}` : '';
  if (sentinels) return `redis "${name ?? 'mymaster'}" behind ${sentinels.length} sentinels${database}`;
  return `redis at ${path ?? `${host ?? '127.0.0.1'}:${port ?? 6379}`}${database}`;
}
