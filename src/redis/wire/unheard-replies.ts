import { createConnection } from 'node:net';
import type { Cluster, Redis } from 'ioredis';
import { replyError } from './refusals.js';

/**
 * Emits as `error` what a server says of a connection that it ends at once (too many clients, protected mode), and that it ended
 * one without a word: ioredis gives these up with the connection, and the log says "no answer" of a server that gave one.
 */
export function hearUnheard(client: Redis | Cluster): void {
  if (client.isCluster) hearCluster(client as Cluster);
  else hearServer(client as Redis);
}

function hearServer(client: Redis): void {
  let told = true;
  let words = '';
  let silent = false;
  // A command that meets a connection which was just ended fails so, whatever the server said before.
  client.on('error', ({ code }: NodeJS.ErrnoException) => (told ||= code !== 'EPIPE' && code !== 'ECONNRESET'));
  client.on('connect', () => {
    told = silent = false;
    words = '';
    const { stream } = client;
    stream.prependOnceListener('data', (bytes: Buffer) => {
      words = refusalIn(bytes) ?? '';
    });
    stream.once('close', () => (silent = stream.bytesRead === 0));
  });
  client.on('ready', () => (told = true));
  client.on('close', () => {
    if (told) return;
    if (words !== '') tell(client, replyError(words));
    else if (silent)
      tell(client, Object.assign(new Error('the connection was closed without a word'), { code: 'ECONNRESET' }));
    told = true;
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
function hearCluster(client: Cluster): void {
  let told = true;
  let nodeError: Error | undefined;
  client.on('error', () => (told = true));
  client.on('node error', (error: Error) => (nodeError = error));
  client.on('connecting', () => {
    told = false;
    nodeError = undefined;
  });
  client.on('ready', () => (told = true));
  client.on('close', () => {
    if (told) return;
    tell(client, nodeError ?? replyError('CLUSTERDOWN the state of the cluster is not ok'));
    told = true;
  });
}

function tell(client: Redis | Cluster, error: Error): void {
  if (client.listenerCount('error') > 1) client.emit('error', error);
}

function refusalIn(bytes: Buffer): string | undefined {
  return /^-([^\r\n]{1,200})/.exec(String(bytes))?.[1];
}
