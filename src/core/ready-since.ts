import { readHead } from './envelope-head.js';
import { instantOf } from './record-head.js';

/** Jobs of the line that are looked at to find the one that waits longest: what was given back to its front may be younger. */
export const FIRST_OF_LINE = 10;

/**
 * Since when a ready job waits, ms; undefined where nothing says it. A job that failed before counts from its last failure: when it
 * became ready again is not kept.
 * @param head first line of its envelope without errors
 */
export function readySinceOf(head: string, failedAt: number | undefined): number | undefined {
  const since = Math.max(instantOf(head) ?? 0, readHead(head)?.header.s ?? 0, failedAt ?? 0);
  return since === 0 ? undefined : since;
}

/** When the newest error of a record happened, ms. Its errors come last in the first line, and texts inside it have their quotes escaped. */
export function failedAtOf(record: string): number | undefined {
  const at = /^[^\n]*"at":(\d+)/.exec(record)?.[1];
  return at === undefined ? undefined : Number(at);
}

/** The earliest of these instants. */
export function earliestOf(instants: readonly (number | undefined)[]): number | undefined {
  const known = instants.filter((instant) => instant !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
