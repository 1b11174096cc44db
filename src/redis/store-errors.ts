import { BrokerRefusedError, BrokerUnavailableError, StoreFullError } from '../core/errors.js';

/** What an answer of the server means for the call that got it. */
export type Verdict = 'send-text' | 'retry' | 'reconnect' | 'refuse';

const VERDICTS: Record<string, Verdict> = {
  NOSCRIPT: 'send-text',
  // The old primary of a failover: the connection must find the new one.
  READONLY: 'reconnect',
  UNBLOCKED: 'reconnect',
  LOADING: 'retry',
  MASTERDOWN: 'retry',
  CLUSTERDOWN: 'retry',
  TRYAGAIN: 'retry',
  BUSY: 'retry',
  NOREPLICAS: 'retry',
};

const REMEDIES: Record<string, string> = {
  MISCONF: 'Redis cannot save to disk and refuses writes. Free disk space or mend its persistence.',
  NOAUTH: 'Redis wants a password: put it into the connection URL or options.',
  WRONGPASS: 'Redis does not accept the user name or password of the connection.',
  NOPERM: 'the Redis user lacks a permission: the guide "Security" lists what each role needs.',
  WRONGTYPE: 'a key of this prefix holds something else: choose another prefix or remove that key.',
  CROSSSLOT: 'keys lie in different slots: in a cluster an inbox needs the hash tag of its queue.',
};

/** First word of an error reply, such as `OOM`; undefined for errors that are not replies. */
export function replyCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return undefined;
  const word = /^-?([A-Z]+)\b/.exec(error.message)?.[1];
  if (word === 'ERR' && error.message.includes('NOSCRIPT')) return 'NOSCRIPT';
  // A command inside a script that the user may not run.
  if (word === 'ERR' && /user executing the script can't|ACL failure in script/.test(error.message)) return 'NOPERM';
  // A script's inner call reports its code inside the text: "OOM command not allowed … script: …"
  return word;
}

export function verdictOf(code: string): Verdict {
  return VERDICTS[code] ?? 'refuse';
}

export function refusalOf(code: string, error: unknown): Error {
  if (code === 'OOM') return new StoreFullError({ cause: error });
  const remedy = REMEDIES[code] ?? (error instanceof Error ? error.message : String(error));
  return new BrokerRefusedError(code, remedy, { cause: error });
}

const LOGIN = new Set(['WRONGPASS', 'NOAUTH', 'NOPERM']);

/** The server does not let this user in: waiting does not mend it. */
export function refusesLogin(error: unknown): boolean {
  return LOGIN.has(replyCode(error) ?? '');
}

/** ioredis names in an error reply the command with all its arguments: passwords and payloads, which no log may show. */
export function forgetArguments(error: unknown): void {
  if (!(error instanceof Error)) return;
  const { command, lastNodeError } = error as { command?: { args?: unknown }; lastNodeError?: unknown };
  if (command?.args !== undefined) command.args = [];
  if (lastNodeError !== undefined) forgetArguments(lastNodeError);
}

/** The connection went, or the deadline passed, with the call already on its way. */
export class ReplyLostError extends BrokerUnavailableError {}
