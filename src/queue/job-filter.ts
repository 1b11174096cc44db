import type { StoredJob } from '../core/ports/curation.js';
import type { Duration } from '../core/duration.js';
import { InvalidValueError } from '../core/errors/option-errors.js';
import type { JobState } from '../core/job.js';
import { readMs, refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import { JobRecord, readEndDetail } from './job-record.js';
import type { QueueScope } from './queue-scope.js';

/** Which jobs a verb means: all that fit every key that is given. */
export interface JobFilter {
  /** The job's name, whole. */
  name?: string;
  /** A part of why it ended: of the reason (`exhausted`), of the error's name or of its message. Of ended jobs. */
  reason?: string;
  /** It ended longer ago than this; where it has not ended, it was enqueued longer ago. */
  olderThan?: Duration;
  /** What its id begins with: the id that the producer gave, else the number. */
  idPrefix?: string;
}

export type JobTest = (stored: StoredJob) => boolean;

const FILTER_KEYS = ['name', 'reason', 'olderThan', 'idPrefix'] as const;

/**
 * @param state of the jobs that are looked at
 * @param others keys that may stand beside the filter
 * @returns undefined where everything fits
 * @throws UnknownOptionError; InvalidValueError, also for a key whose value is undefined: a variable that is not set must not mean all
 */
export async function readJobFilter(
  scope: QueueScope,
  given: object,
  verb: string,
  state: JobState | undefined,
  others: readonly string[] = [],
): Promise<JobTest | undefined> {
  requireObject(given, `filter of ${verb}`, 'pass an object such as { name: "invoice", olderThan: "1h" }');
  refuseUnknownKeys(given, [...others, ...FILTER_KEYS], verb);
  const filter = given as JobFilter;
  for (const key of FILTER_KEYS) {
    if (!Object.hasOwn(filter, key)) continue;
    const value = filter[key];
    if (value === undefined)
      throw new InvalidValueError(`${key} in ${verb}`, value, 'leave the key out to mean every job');
    if (key !== 'olderThan' && (typeof value !== 'string' || value === '')) {
      throw new InvalidValueError(`${key} in ${verb}`, value, 'pass a text that is not empty');
    }
  }
  const { name, reason, idPrefix } = filter;
  const olderMs = readMs(filter.olderThan, `olderThan in ${verb}`, 0);
  if (reason !== undefined && state !== 'dead' && state !== 'cancelled') {
    throw new InvalidValueError(`reason in ${verb}`, reason, 'only dead and cancelled jobs have a reason');
  }
  if (name === undefined && reason === undefined && idPrefix === undefined && olderMs === undefined) return undefined;
  // This process's own guess of that time may be stale after an outage.
  const before = olderMs === undefined ? undefined : (await scope.store.timetable.due(scope.queue, 1)).now - olderMs;
  return (stored) => {
    const record = new JobRecord(scope.queue, scope.codec, stored.id, stored.record);
    if (name !== undefined && record.name !== name) return false;
    if (idPrefix !== undefined && !(record.userId ?? stored.id).startsWith(idPrefix)) return false;
    if (before !== undefined && (record.settled?.settledAt ?? record.enqueuedAt) >= before) return false;
    return reason === undefined || whyOf(record).includes(reason);
  };
}

function whyOf({ settled }: JobRecord): string {
  if (settled === undefined) return '';
  const { reason, name, message } = readEndDetail(settled.detail);
  return [reason, name, message].filter((part) => part !== undefined).join(': ');
}
