import { ERROR_START, type OpenEnvelope } from '../core/envelope.js';
import type { ErrorRecord } from '../core/job.js';
import { DEFAULTS } from '../task-queue.options.js';
import { ownStackOf } from './own-stack.js';

const { count, bytes } = DEFAULTS.errorHistory;
const MESSAGE_LENGTH = 2000;
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
  mask: (text: unknown) => string = String,
  withStack = true,
): ErrorRecord {
  try {
    if (thrown instanceof Error) {
      const record: ErrorRecord = {
        attempt,
        at,
        name: clip(mask(thrown.name), 200),
        message: clip(mask(messageOf(thrown)), MESSAGE_LENGTH),
      };
      const stack = withStack ? ownStackOf(thrown) : undefined;
      if (stack !== undefined) record.stack = clip(mask(stack), STACK_LENGTH);
      return record;
    }
    return { attempt, at, name: 'NonError', message: clip(mask(textOf(thrown)), MESSAGE_LENGTH) };
  } catch {
    return { attempt, at, name: 'NonError', message: 'The thrown value could not be read' };
  }
}

/** Nest's exceptions say in their response what is wrong with each field; the message alone is "Bad Request Exception". */
function messageOf(error: Error & { getResponse?: () => unknown }): unknown {
  if (error.getResponse === undefined) return error.message;
  const { message } = Object(error.getResponse()) as { message?: unknown };
  return Array.isArray(message) ? `${error.message}: ${message.join('; ')}` : error.message;
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

function textOf(value: unknown): string {
  if (typeof value === 'object' && value !== null) {
    try {
      return JSON.stringify(value) ?? Object.prototype.toString.call(value);
    } catch {
      return Object.prototype.toString.call(value);
    }
  }
  return String(value);
}

function clip(text: unknown, length: number): string {
  const string = typeof text === 'string' ? text : Object.prototype.toString.call(text);
  return string.length > length ? `${string.slice(0, length - 1)}…` : string;
}
