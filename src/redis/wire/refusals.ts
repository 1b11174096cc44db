/** What an answer of the server means for the call that got it. */
export type Verdict = 'send-text' | 'retry' | 'reconnect' | 'refuse';

/** What a server, or the socket to it, says when it does not do what was asked: what that means, and what to do. */
export interface Refusal {
  readonly verdict: Verdict;
  /** What it is and what to do, in sentences. */
  readonly remedy: string;
  /** Waiting does not change it: the boot fails at once, also with `waitForRedis`. */
  readonly lasting: boolean;
}

/** The one table of what a server may refuse: by the first word of its reply. */
const BY_WORD: Readonly<Record<string, Refusal>> = {
  NOSCRIPT: passing('send-text', 'Redis does not know the script; its text is sent.'),
  UNBLOCKED: passing('reconnect', 'Redis ended a blocking call. It is made again.'),
  READONLY: passing(
    'reconnect',
    'this server is a read-only replica. Connect to its primary; behind Sentinel pass { sentinels, name } instead of an address.',
  ),
  LOADING: passing('retry', 'Redis is loading its data from disk. Wait until it has.'),
  MASTERDOWN: passing(
    'retry',
    'this server is a replica that has lost its primary. Connect to the primary, or mend the replication.',
  ),
  CLUSTERDOWN: passing(
    'retry',
    'the cluster does not serve every hash slot: a primary is down, or slots belong to no node. Look at CLUSTER INFO.',
  ),
  TRYAGAIN: passing('retry', 'the cluster is moving this hash slot between nodes. Wait until it has.'),
  BUSY: passing(
    'retry',
    'a script of some client keeps Redis busy. End it with SCRIPT KILL or FUNCTION KILL, and find who sends it.',
  ),
  NOREPLICAS: passing(
    'retry',
    'fewer replicas are connected than min-replicas-to-write asks for. Bring them back, or lower min-replicas-to-write.',
  ),
  MISCONF: passing('refuse', 'Redis cannot save to disk and refuses writes. Free disk space or mend its persistence.'),
  OOM: passing(
    'refuse',
    'Redis is at maxmemory. Raise maxmemory, lower retention, or wait until the backlog is worked off.',
  ),
  NOAUTH: lasting('Redis wants a password: put it into the connection URL or options.'),
  WRONGPASS: lasting('Redis does not accept the user name or password of the connection.'),
  NOPERM: lasting('the Redis user lacks a permission: the guide "Security" lists what each role needs.'),
  DENIED: lasting(
    'Redis is in protected mode: it has no password and takes connections from its own host alone. Set a password ' +
      '(requirepass) or bind it to an address of a private network.',
  ),
  MOVED: lasting(
    'this server is one node of a cluster. Pass { nodes: [{ host, port }] } or an ioredis Cluster as connection.',
  ),
  ASK: lasting(
    'this server is one node of a cluster. Pass { nodes: [{ host, port }] } or an ioredis Cluster as connection.',
  ),
  WRONGTYPE: passing('refuse', 'a key of this prefix holds something else: choose another prefix or remove that key.'),
  CROSSSLOT: passing('refuse', 'keys lie in different slots: in a cluster an inbox needs the hash tag of its queue.'),
};

/** Replies whose first word says nothing (`ERR`), and what sentinels, sockets, TLS and ioredis say. The first that matches. */
const BY_TEXT: readonly (readonly [RegExp, Refusal])[] = [
  [
    /sentinel.*\b(NOAUTH|WRONGPASS)\b/is,
    lasting(
      'the sentinels want a password of their own: pass sentinelPassword (and sentinelUsername where they have users).',
    ),
  ],
  [
    /sentinel.*(invalid reply: null|No such master)/is,
    lasting(
      'the sentinels know no primary of this name. Pass the name that their configuration gives it ("sentinel monitor <name> …").',
    ),
  ],
  [
    /sentinel.*unknown command.*sentinel/is,
    lasting(
      'what answers at the address of a sentinel is not a Sentinel. Pass the addresses of the sentinels (mostly port 26379), or the server itself as { host, port }.',
    ),
  ],
  [
    /max number of clients/i,
    passing(
      'retry',
      'Redis has as many clients as maxclients allows. Raise maxclients, or close connections that nobody uses.',
    ),
  ],
  [
    /DB index is out of range/i,
    lasting('the server has no such database. Use a lower number, or raise "databases" in its configuration.'),
  ],
  [
    /SELECT is not allowed in cluster/i,
    lasting(
      'this server is one node of a cluster, which has one database. Pass { nodes: [{ host, port }] } without "db", and use prefix to keep applications apart.',
    ),
  ],
  [
    /invalid DB index|unknown command ['`]select/i,
    lasting('the server does not take this database. Use 0, or another number that it has.'),
  ],
  [
    /cluster support disabled|unknown command ['`]?cluster\b/i,
    lasting('this server is not a cluster. Pass its URL or { host, port } as connection instead of { nodes }.'),
  ],
  [
    /WRONG_VERSION_NUMBER|wrong version number|packet length too long/i,
    lasting(
      'this port does not speak TLS. Use redis:// instead of rediss:// (or leave tls out), or the TLS port of the server.',
    ),
  ],
  [
    /before secure TLS connection was established/i,
    passing(
      'retry',
      'the server ended the connection before TLS began. If this port does not speak TLS, use redis:// instead of rediss://.',
    ),
  ],
  [
    /TLS was not answered/,
    passing('retry', 'if this port does not speak TLS, use redis:// instead of rediss:// (or leave tls out).'),
  ],
  [
    /self.signed certificate|unable to (verify|get)/i,
    lasting('the certificate of the server is not trusted here. Pass the certificate of its authority: tls: { ca }.'),
  ],
  [
    /does not match certificate/i,
    lasting('the certificate of the server is for another name. Connect by that name, or pass tls: { servername }.'),
  ],
  [/certificate has expired/i, lasting('the certificate of the server has expired. Renew it.')],
  [
    /certificate required|handshake failure|bad certificate|unknown ca/i,
    lasting(
      'the server does not accept this certificate of the client, or none. Pass tls: { cert, key } that it trusts.',
    ),
  ],
  [
    // The first byte of a TLS record: 21 an alert, 22 a handshake.
    /Unknown RESP type (21|22) |got "\\?u001[56]/i,
    lasting('this port speaks TLS. Use rediss:// instead of redis://, or pass tls: {}.'),
  ],
  [
    /Unknown RESP type|Protocol error, got/i,
    lasting('what answers there is not Redis. Is it the port of another service, such as HTTP?'),
  ],
  [
    /unknown command ['`]?(script|evalsha|time|info)\b/i,
    lasting('this server has not the commands that are needed. Connect to Redis 7.0 or newer, or Valkey 7.2 or newer.'),
  ],
  [/closed without a word/, passing('retry', 'if this port speaks TLS, use rediss:// instead of redis://.')],
  [/ENOTFOUND|EAI_AGAIN/, passing('retry', 'the host name cannot be resolved: is it spelled right, and known here?')],
];

/** What the server, the socket or the client said, read in the table; undefined for what it does not have. */
export function readRefusal(given: unknown): Refusal | undefined {
  const error = innermost(given);
  if (error === undefined) return undefined;
  const text = `${(error as NodeJS.ErrnoException).code ?? ''} ${wordsOf(error)}`;
  return BY_TEXT.find(([pattern]) => pattern.test(text))?.[1] ?? BY_WORD[replyCode(error) ?? ''];
}

export function verdictOf(code: string): Verdict {
  return BY_WORD[code]?.verdict ?? 'refuse';
}

/** First word of an error reply, such as `OOM`; undefined for errors that are not replies. */
export function replyCode(given: unknown): string | undefined {
  const error = innermost(given);
  if (error?.name !== 'ReplyError') return undefined;
  const word = /^-?([A-Z]+)\b/.exec(error.message)?.[1];
  if (word === 'ERR' && error.message.includes('NOSCRIPT')) return 'NOSCRIPT';
  // A command inside a script that the user may not run.
  if (word === 'ERR' && /user executing the script can't|ACL failure in script/.test(error.message)) return 'NOPERM';
  // A script's inner call reports its code inside the text: "OOM command not allowed … script: …"
  return word;
}

/** As a write would be answered there. */
export function replicaReached(): Error {
  return replyError("READONLY You can't write against a read only replica");
}

/** As every other command is answered meanwhile. */
export function loading(): Error {
  return replyError('LOADING Redis is loading the dataset in memory');
}

export function replyError(words: string): Error {
  return Object.assign(new Error(words), { name: 'ReplyError' });
}

/** What the server said, without what the command carried: an unknown command is answered with its arguments. */
export function wordsOf(given: Error): string {
  return (innermost(given) ?? given).message
    .replace(/,? with args beginning with:.*/s, '')
    .replace(/,? ?script: [0-9a-f]{40}.*/s, '')
    .replace(/\. Please report this\.$/, '')
    .replace(/[.\s]+$/, '');
}

/** A cluster says that all nodes failed, and hangs on it why the last one did; a host with two addresses has an error for each. */
function innermost(given: unknown): Error | undefined {
  if (!isErrorLike(given)) return undefined;
  const { lastNodeError, errors } = given as { lastNodeError?: unknown; errors?: unknown[] };
  return innermost(lastNodeError) ?? (given.message === '' ? innermost(errors?.[0]) : undefined) ?? given;
}

/** Errors of sockets may be of another realm. */
function isErrorLike(given: unknown): given is Error {
  return typeof given === 'object' && given !== null && typeof (given as Error).message === 'string';
}

function passing(verdict: Verdict, remedy: string): Refusal {
  return { verdict, remedy, lasting: false };
}

function lasting(remedy: string): Refusal {
  return { verdict: 'refuse', remedy, lasting: true };
}
