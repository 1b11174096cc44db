import type { AlertRecord, AlertTransition } from '../core/alert-record.js';
import type { Finding } from './rule-gauge.js';

/** Changes that nobody could be told of for so long are not told any more; that an alert fires still is. */
const UNTOLD_MS = 3_600_000;
const MOST_UNTOLD = 10;

/**
 * What an alert is after a look.
 * @param record undefined: it was at rest
 * @returns undefined: it is at rest
 */
export function nextRecord(
  record: AlertRecord | undefined,
  { holds, value, leastMs = 0 }: Finding,
  forMs: number,
  now: number,
): AlertRecord | undefined {
  const untold = stillToTell(record?.untold ?? [], now);
  if (!holds) {
    if (record?.state === 'firing') return changed('resolved', now, value, untold);
    return untold.length === 0 ? undefined : { state: 'resolved', since: record?.since ?? now, value, untold };
  }
  if (record?.state === 'firing') return { state: 'firing', since: record.since, value, untold };
  const since = record?.state === 'pending' ? record.since : now;
  // The value of what only waits is not written at each look.
  if (now - since < Math.max(forMs, leastMs))
    return { state: 'pending', since, value: record?.state === 'pending' ? record.value : value, untold };
  return changed('firing', since, value, untold);
}

function changed(
  state: AlertTransition['state'],
  since: number,
  value: number,
  untold: AlertTransition[],
): AlertRecord {
  return { state, since, value, untold: [...untold, { state, since, value }].slice(-MOST_UNTOLD) };
}

function stillToTell(untold: readonly AlertTransition[], now: number): AlertTransition[] {
  return untold.filter(
    ({ state, since }, index) => now - since < UNTOLD_MS || (state === 'firing' && index === untold.length - 1),
  );
}
