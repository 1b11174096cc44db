import { ERROR_START, type OpenEnvelope } from '../core/envelope.js';
import type { ErrorRecord } from '../core/job.js';
import { isError, readThrown } from '../core/thrown-reader.js';
import { DEFAULTS } from '../options/options.js';
import { ownStackOf } from './own-stack.js';

const { count, bytes } = DEFAULTS.errorHistory;
const STACK_LENGTH = 1000;
/** Whatever JSON may write with six bytes: control characters, and halves of surrogate pairs. */
const WIDE = /[^\t\n\f\r\x20-\ud7ff\ue000-\uffff]/;

/**
 * What of a thrown value is kept; it may be anything, cyclic, or throw when it is looked at.
 * @param mask hides what must not be stored, before anything is cut
 * @param withStack whether its stack is worth being written
 */
export function recordError(
  thrown: unknown,
  attempt: number,
  at: number,
  mask: (text: string) => string = String,
  withStack = true,
): ErrorRecord {
  const { name, message } = readThrown(thrown, mask);
  const record: ErrorRecord = { attempt, at, name, message };
  const stack = withStack && isError(thrown) ? stackOf(thrown, mask) : undefined;
  if (stack !== undefined) record.stack = stack;
  return record;
}

function stackOf(error: object, mask: (text: string) => string): string | undefined {
  try {
    const stack = ownStackOf(error as Error);
    if (stack === undefined) return undefined;
    const masked = mask(stack);
    return masked.length > STACK_LENGTH ? `${masked.slice(0, STACK_LENGTH - 1)}…` : masked;
  } catch {
    return undefined; // whoever formats stacks here, or a getter, throws
  }
}

/** The JSON list of a job's errors with one more, bounded as {@link appendError} says; mostly without reading those before. */
export function writeHistory({ header, history }: OpenEnvelope, record: ErrorRecord): string {
  const before = history ?? (header.e === undefined ? '[]' : JSON.stringify(header.e));
  const text = before.slice(0, -1) + (before === '[]' ? '' : ',') + writeRecord(record) + ']';
  // A character has at most three bytes.
  const fits = text.length * 3 <= bytes || Buffer.byteLength(text) <= bytes;
  if (fits && countIn(before) < count) return text;
  return JSON.stringify(appendError(JSON.parse(before) as ErrorRecord[], record));
}

let named: { name: string; message: string; text: string } | undefined;

/** As JSON writes it; jobs that fail together mostly fail of the same. */
function writeRecord(record: ErrorRecord): string {
  const { attempt, at, name, message } = record;
  if (record.stack !== undefined) return JSON.stringify(record);
  if (named?.name !== name || named.message !== message) {
    named = { name, message, text: JSON.stringify({ name, message }).slice(1) };
  }
  return `${ERROR_START}${attempt},"at":${at},${named.text}`;
}

/** Errors in the JSON list of them. */
function countIn(history: string): number {
  let found = 0;
  for (let at = history.indexOf(ERROR_START); at >= 0; at = history.indexOf(ERROR_START, at + 1)) found++;
  return found;
}

/** Adds an error to a job's history: the last ten, 8 KiB together, older stacks given up before older messages. */
export function appendError(history: readonly ErrorRecord[] | undefined, record: ErrorRecord): ErrorRecord[] {
  const kept = [...(history ?? []), record].slice(-count);
  // At most three bytes a character, but for the few that JSON writes with six: most histories need no exact count.
  const length = kept.reduce((sum, { message, stack }) => sum + message.length + (stack?.length ?? 0) + 100, 0);
  if (length * 3 < bytes && !kept.some(({ message, stack = '' }) => WIDE.test(message) || WIDE.test(stack)))
    return kept;
  let size = Buffer.byteLength(JSON.stringify(kept));
  for (let index = 0; size > bytes && index < kept.length; index++) {
    if (kept[index].stack !== undefined) {
      const { stack: _stack, ...rest } = kept[index];
      kept[index] = rest;
      size = Buffer.byteLength(JSON.stringify(kept));
    }
  }
  while (size > bytes && kept.length > 1) {
    kept.shift();
    size = Buffer.byteLength(JSON.stringify(kept));
  }
  return kept;
}
