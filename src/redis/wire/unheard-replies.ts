import { createConnection } from 'node:net';
import type { Cluster, Redis } from 'ioredis';
import { replyError } from './refusals.js';

/**
 * Emits as `error` what a server says of a connection that it ends at once (too many clients, protected mode), and that it ended
 * one without a word: ioredis gives these up with the connection, and the log says "no answer" of a server that gave one.
 */
export function emitUnheardReplies(client: Redis | Cluster): void {
  if (client.isCluster) watchCluster(client as Cluster);
  else watchServer(client as Redis);
}

function watchServer(client: Redis): void {
  let emitted = true;
  let words = '';
  let silent = false;
  // A command that meets a connection which was just ended fails so, whatever the server said before.
  client.on('error', ({ code }: NodeJS.ErrnoException) => (emitted ||= code !== 'EPIPE' && code !== 'ECONNRESET'));
  client.on('connect', () => {
    emitted = silent = false;
    words = '';
    const { stream } = client;
    stream.prependOnceListener('data', (bytes: Buffer) => {
      words = refusalIn(bytes) ?? '';
    });
    stream.once('close', () => (silent = stream.bytesRead === 0));
  });
  client.on('ready', () => (emitted = true));
  client.on('close', () => {
    if (emitted) return;
    if (words !== '') emitError(client, replyError(words));
    else if (silent)
      emitError(client, Object.assign(new Error('the connection was closed without a word'), { code: 'ECONNRESET' }));
    emitted = true;
  });
}

const LISTEN_MS = 2000;

/**
 * What a server says to whoever connects, before it is asked: a connection that it ended while the handshake was written has lost
 * that. Undefined where it says nothing, or speaks TLS.
 */
export function wordsOnArrival({ options }: Redis): Promise<Error | undefined> {
  const { host, port = 6379, path, tls } = options;
  if (tls !== undefined) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const socket = createConnection(path ? { path } : { host, port });
    const done = (words?: string) => {
      socket.destroy();
      resolve(words === undefined ? undefined : replyError(words));
    };
    socket.setTimeout(LISTEN_MS, () => done());
    socket.on('error', () => done()).on('end', () => done());
    socket.once('data', (bytes) => done(refusalIn(bytes)));
  });
}

/** A cluster that is not well is left by ioredis without an event, and so is one of which all nodes hang up. */
function watchCluster(client: Cluster): void {
  let emitted = true;
  let nodeError: Error | undefined;
  client.on('error', () => (emitted = true));
  client.on('node error', (error: Error) => (nodeError = error));
  client.on('connecting', () => {
    emitted = false;
    nodeError = undefined;
  });
  client.on('ready', () => (emitted = true));
  client.on('close', () => {
    if (emitted) return;
    emitError(client, nodeError ?? replyError('CLUSTERDOWN the state of the cluster is not ok'));
    emitted = true;
  });
}

function emitError(client: Redis | Cluster, error: Error): void {
  if (client.listenerCount('error') > 1) client.emit('error', error);
}

function refusalIn(bytes: Buffer): string | undefined {
  return /^-([^\r\n]{1,200})/.exec(String(bytes))?.[1];
}
