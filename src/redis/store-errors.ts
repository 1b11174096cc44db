import { BrokerRefusedError, BrokerUnavailableError, StoreFullError } from '../core/errors.js';
import { readRefusal, wordsOf } from './refusals.js';

/**
 * @param code first word of the reply
 * @param place which server it was, where one does not know it from the call
 */
export function refusalOf(code: string, error: unknown, place?: string): Error {
  if (code === 'OOM') return new StoreFullError({ cause: error });
  const words = error instanceof Error ? wordsOf(error) : String(error);
  const remedy = readRefusal(error)?.remedy;
  const said = remedy === undefined ? words : `${remedy} The server said: ${words}`;
  return new BrokerRefusedError(code, place === undefined ? said : `${said} (${place})`, { cause: error });
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
