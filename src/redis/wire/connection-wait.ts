import type { Redis } from 'ioredis';
import { BrokerUnavailableError } from '../../core/errors/store-errors.js';
import type { TaskQueueError } from '../../core/errors/task-queue-error.js';
import type { Client } from './client.js';
import { readRefusal, replyCode, wordsOf } from './refusals.js';
import { refusalOf } from './store-errors.js';
import { wordsOnArrival } from './unheard-replies.js';

/** No timer of Node's waits longer. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface Wait {
  connectTimeoutMs: number;
  /** Go on after `connectTimeoutMs`; what waiting does not mend fails at once all the same. */
  waitForRedis: boolean;
  /** Where it connects to, without secrets. */
  place: string;
}

/**
 * Resolves once the client is ready.
 * @throws BrokerRefusedError for what the server refuses for good, BrokerUnavailableError when the time is over: with what the
 *   server, the socket or the sentinels said last, and what to do about it
 */
export async function untilConnected(client: Client, wait: Wait): Promise<void> {
  let lastError: Error | undefined;
  // Of one sentinel or one node of a cluster: what the client says of them all is less exact.
  let detail: Error | undefined;
  await new Promise<void>((resolve, reject) => {
    if (client.status === 'ready') return resolve();
    // Until the app has started its sockets keep no process alive, but this wait does.
    const timer = wait.waitForRedis
      ? setInterval(() => {}, LONGEST_TIMER_MS)
      : setTimeout(giveUp, wait.connectTimeoutMs);
    const onDetail = (error: Error) => (detail = error);
    const onError = (error: Error) => {
      const vague = /^All sentinels|^Connection is closed/.test(wordsOf(error));
      const next = vague ? (detail ?? error) : error;
      // What the server said counts for more than how its connection ended.
      if (lastError === undefined || readRefusal(next) !== undefined || readRefusal(lastError) === undefined)
        lastError = next;
      if (readRefusal(lastError)?.lasting) finish(refusedAtBoot(lastError, wait));
    };
    const onReady = () => finish();
    function giveUp() {
      const reason: NodeJS.ErrnoException | undefined = lastError ?? detail ?? muteTls(client);
      const cutOff = ['EPIPE', 'ECONNRESET'].includes(reason?.code ?? '');
      if (!cutOff || client.isCluster) return finish(unreachable(reason, wait));
      void wordsOnArrival(client as Redis).then((words) => finish(unreachable(words ?? reason, wait)));
    }
    function finish(error?: Error) {
      clearTimeout(timer);
      client.off('ready', onReady).off('error', onError).off('end', giveUp);
      client.off('sentinelError', onDetail).off('node error', onDetail);
      if (error === undefined) resolve();
      else reject(error);
    }
    client.on('ready', onReady).on('error', onError).on('end', giveUp);
    client.on('sentinelError', onDetail).on('node error', onDetail);
  });
}

/** A server without TLS takes the beginning of TLS for half a command, and waits for the rest. */
function muteTls(client: Client): Error | undefined {
  const options = client.options as { tls?: unknown; redisOptions?: { tls?: unknown } };
  return (options.tls ?? options.redisOptions?.tls) ? new Error('TLS was not answered') : undefined;
}

function refusedAtBoot(error: Error, { place }: Wait): Error {
  const code = replyCode(error);
  if (code !== undefined) return refusalOf(code, error, place);
  const remedy = readRefusal(error)?.remedy ?? '';
  return new BrokerUnavailableError(`Redis refused the connection (${place}): ${wordsOf(error)}. ${sentence(remedy)}`, {
    cause: error,
  });
}

function unreachable(cause: Error | undefined, { connectTimeoutMs, place }: Wait): TaskQueueError {
  const remedy = cause === undefined ? undefined : readRefusal(cause)?.remedy;
  return new BrokerUnavailableError(
    `Redis could not be reached within ${connectTimeoutMs} ms (${place}): ` +
      `${(cause && wordsOf(cause)) || 'no answer'}. ` +
      `${remedy === undefined ? '' : `${sentence(remedy)} `}Start it, correct "connection", or pass waitForRedis: true.`,
    { cause },
  );
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
