import type { ErrorRecord } from '../core/job.js';
import { isError, readThrown } from '../core/thrown-reader.js';
import { DEFAULTS } from '../options/defaults.js';
import { ownStackOf } from './own-stack.js';

const { count, bytes } = DEFAULTS.errorHistory;
const STACK_LENGTH = 1000;

/**
 * What of a thrown value is stored. The value may be anything: cyclic, or an object that throws when it is read.
 * @param mask hides what must not be stored, before anything is cut
 */
export function recordError(
  thrown: unknown,
  attempt: number,
  at: number,
  mask: (text: string) => string = String,
): ErrorRecord {
  const { name, message } = readThrown(thrown, mask);
  const record: ErrorRecord = { attempt, at, name, message };
  const stack = isError(thrown) ? stackOf(thrown, mask) : undefined;
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
    return undefined; // a formatter of stacks, or a getter, throws
  }
}

/** Adds an error to a job's history: the last ten, 8 KiB together. Older stacks are dropped before older errors. */
export function appendError(history: readonly ErrorRecord[] = [], record: ErrorRecord): ErrorRecord[] {
  const kept = [...history, record].slice(-count);
  for (let index = 0; index < kept.length && isTooLong(kept); index++) {
    const { stack: _stack, ...rest } = kept[index];
    kept[index] = rest;
  }
  while (kept.length > 1 && isTooLong(kept)) kept.shift();
  return kept;
}

function isTooLong(history: readonly ErrorRecord[]): boolean {
  return Buffer.byteLength(JSON.stringify(history)) > bytes;
}
