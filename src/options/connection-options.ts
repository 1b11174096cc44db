/** What becomes of an option of ioredis in a connection: it is used, or refused with what does it instead. */
export type OptionFate = true | string;

const AGAIN = 'Remove it: this package connects again by itself, until it works';
const CALLS =
  'Remove it: this package makes its calls in its own way, and each settles within commandTimeout of forRoot';
const OWN = 'Remove it: it is for calls of your own, and the connections are this package\u2019s';

/** Every option of an ioredis client. */
export const REDIS_OPTIONS: Readonly<Record<string, OptionFate>> = {
  host: true,
  port: true,
  path: true,
  family: true,
  username: true,
  password: true,
  db: true,
  tls: true,
  keepAlive: true,
  noDelay: true,
  connectionName: true,
  disableClientInfo: true,
  clientInfoTag: true,
  protocol: true,
  Connector: true,
  sentinels: true,
  name: true,
  sentinelUsername: true,
  sentinelPassword: true,
  sentinelTLS: true,
  enableTLSForSentinelMode: true,
  sentinelRetryStrategy: true,
  sentinelReconnectStrategy: true,
  sentinelCommandTimeout: true,
  sentinelMaxConnections: true,
  updateSentinels: true,
  failoverDetector: true,
  natMap: true,

  connectTimeout: 'Use connectTimeout of forRoot',
  commandTimeout: 'Use commandTimeout of forRoot',
  keyPrefix: 'Pub/sub channels do not get it: use prefix of forRoot',
  retryStrategy: `${AGAIN}; waitForRedis of forRoot does so at boot, too`,
  reconnectOnError: AGAIN,
  autoResubscribe: AGAIN,
  autoResendUnfulfilledCommands: CALLS,
  maxRetriesPerRequest: CALLS,
  enableOfflineQueue: CALLS,
  offlineQueue: CALLS,
  commandQueue: CALLS,
  blockingTimeout: CALLS,
  blockingTimeoutGrace: CALLS,
  enableAutoPipelining: CALLS,
  autoPipeliningIgnoredCommands: CALLS,
  socketTimeout: 'Remove it: idle connections are normal here, and ones that fell silent are found and made anew',
  disconnectTimeout: 'Use shutdown of forRoot',
  enableReadyCheck:
    'Remove it: a server that is loading its data is always waited for; connectTimeout of forRoot says how long',
  maxLoadingRetryTime: 'Use connectTimeout of forRoot, or waitForRedis',
  lazyConnect:
    'Remove it: the boot connects, and says what is wrong. waitForRedis of forRoot waits for a server that is away',
  role: 'Remove it: jobs need the primary',
  preferredSlaves: 'Remove it: jobs need the primary',
  readOnly: 'Remove it: jobs need the primary',
  monitor: OWN,
  stringNumbers: OWN,
  replyMapping: OWN,
  scripts: OWN,
  himportFieldsets: OWN,
  showFriendlyErrorStack: OWN,
};

/** Every option of an ioredis cluster: `{ nodes, options }`. */
export const CLUSTER_OPTIONS: Readonly<Record<string, OptionFate>> = {
  redisOptions: true,
  maxRedirections: true,
  retryDelayOnFailover: true,
  retryDelayOnClusterDown: true,
  retryDelayOnTryAgain: true,
  retryDelayOnMoved: true,
  slotsRefreshTimeout: true,
  slotsRefreshInterval: true,
  clusterNodeRetryStrategy: true,
  useSRVRecords: true,
  resolveSrv: true,
  dnsLookup: true,
  natMap: true,
  // Taken, so that one set of options fits an application's own cluster too; jobs are read from primaries.
  scaleReads: true,

  clusterRetryStrategy: `${AGAIN}; waitForRedis of forRoot does so at boot, too`,
  enableOfflineQueue: CALLS,
  enableAutoPipelining: CALLS,
  autoPipeliningIgnoredCommands: CALLS,
  enableReadyCheck:
    'Remove it: a cluster that is not well is always waited for; connectTimeout of forRoot says how long',
  lazyConnect: REDIS_OPTIONS.lazyConnect,
  keyPrefix: REDIS_OPTIONS.keyPrefix,
  shardedSubscribers: OWN,
  scripts: OWN,
  himportFieldsets: OWN,
  showFriendlyErrorStack: OWN,
};

/** Options of `redisOptions` that a cluster sets itself, for each node. */
export const NOT_PER_NODE: Readonly<Record<string, string>> = {
  host: 'Name the nodes in "nodes"',
  port: 'Name the nodes in "nodes"',
  path: 'Name the nodes in "nodes"',
  sentinels: 'A cluster has none',
  name: 'It is for sentinels, which a cluster has not',
  db: 'A cluster has one database',
};

export const NODE_OPTIONS = ['host', 'port', 'family', 'username', 'password', 'tls'] as const;
export const SENTINEL_OPTIONS = ['host', 'port', 'family'] as const;

/** What is as this package has it anyway, and may stand there. */
export const SAME_ANYWAY: Readonly<Record<string, readonly unknown[]>> = {
  keyPrefix: ['', null],
  maxRetriesPerRequest: [null],
  reconnectOnError: [null],
  enableReadyCheck: [true],
  enableOfflineQueue: [false],
  enableAutoPipelining: [false],
  autoResubscribe: [true],
  autoResendUnfulfilledCommands: [false],
  lazyConnect: [false],
  readOnly: [false],
  monitor: [false],
  stringNumbers: [false],
  shardedSubscribers: [false],
  replyMapping: ['legacy'],
  role: ['master'],
};

/** Where an absent value would lead somewhere else in silence: to 127.0.0.1, to port 6379, to database 0. */
export const MUST_HAVE_VALUE = ['host', 'port', 'path', 'db', 'sentinels', 'name', 'nodes', 'url'];

/** What other clients, configurations and hands call these. */
export const OTHER_NAMES: Readonly<Record<string, string>> = {
  hostname: 'host',
  hostName: 'host',
  server: 'host',
  address: 'host',
  endpoint: 'host',
  ip: 'host',
  user: 'username',
  userName: 'username',
  pass: 'password',
  passwd: 'password',
  pwd: 'password',
  auth: 'password',
  auth_pass: 'password',
  authPassword: 'password',
  token: 'password',
  secret: 'password',
  database: 'db',
  dbIndex: 'db',
  index: 'db',
  ssl: 'tls',
  secure: 'tls',
  unix: 'path',
  socketPath: 'path',
  unixSocket: 'path',
  sentinel: 'sentinels',
  sentinelHosts: 'sentinels',
  master: 'name',
  masterName: 'name',
  sentinelName: 'name',
  sentinelMasterName: 'name',
  clientName: 'connectionName',
  startupNodes: 'nodes',
  rootNodes: 'nodes',
  clusterNodes: 'nodes',
  cluster: 'nodes',
  hosts: 'nodes',
};

/** Objects that hold the connection instead of being it. */
export const WRAPPERS = [
  'redis',
  'connection',
  'socket',
  'options',
  'config',
  'redisOptions',
  'client',
  'createClient',
];

/** Texts that are the whole connection. */
export const URL_NAMES = ['url', 'uri', 'redisUrl', 'REDIS_URL', 'connectionString', 'dsn', 'href'];
