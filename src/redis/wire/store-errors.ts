import { BrokerRefusedError, BrokerUnavailableError, StoreFullError } from '../../core/errors/store-errors.js';
import { readRefusal, wordsOf } from './refusals.js';
import type { Script } from './script-library.js';

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

/**
 * Which command of a script the server refused, and on what: servers before 7.2 name neither, but the line.
 * @returns undefined where the server names no line
 */
export function callInScript(
  error: unknown,
  { script, keys }: { script: Script; keys: readonly string[] },
): string | undefined {
  const line = /@?user_script:(\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
  if (line === undefined) return undefined;
  const text = script.text.split('\n')[Number(line) - 1] ?? '';
  const [, command, variable] = /[cC]all\('([A-Z]+)'(?:, (?:q\.)?(\w+))?/.exec(text) ?? [];
  if (command === undefined) return `${script.name}.lua, line ${line}`;
  const key = keys.find((each) => each.endsWith(`:${variable}`));
  return `${command}${key === undefined ? '' : ` on "${key}"`} in ${script.name}.lua`;
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
