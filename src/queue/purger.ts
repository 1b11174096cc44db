import { setImmediate } from 'node:timers/promises';
import type { JobState } from '../core/job.js';
import { seenOf } from '../core/record-head.js';
import type { JobTest } from './job-filter.js';
import type { QueueScope } from './queue-scope.js';

/** Jobs deleted by one step. */
const PURGE_STEP = 1000;
/** Jobs that a filter looks at in one step: as many as one call deletes. */
const PAGE = 50;

/** Deletes the jobs that are in this state now, oldest first. @returns how many */
export async function purgeAll({ store, queue }: QueueScope, state: Exclude<JobState, 'active'>): Promise<number> {
  // Producers may add as fast as we delete: what comes later is not meant.
  let left = (await store.curation.counts(queue))[state];
  let removed = 0;
  while (left > 0) {
    const step = await store.curation.purge(queue, state, Math.min(left, PURGE_STEP));
    removed += step.removed;
    left -= step.removed;
    if (!step.more) break;
    await setImmediate();
  }
  return removed;
}

/** Deletes those that fit, if they still are what was looked at. @returns how many */
export async function purgeFitting(
  { store, queue }: QueueScope,
  state: Exclude<JobState, 'active'>,
  fits: JobTest,
): Promise<number> {
  let left = (await store.curation.counts(queue))[state];
  let removed = 0;
  let cursor: string | undefined;
  do {
    const page = await store.curation.list(queue, state, cursor, PAGE);
    cursor = page.cursor;
    left -= page.jobs.length;
    const jobs = page.jobs.filter(fits).map(({ id, record }) => ({ id, seen: seenOf(record) }));
    removed += (await store.bulks.act(queue, 'remove', state, jobs)).done;
  } while (cursor !== undefined && left > 0);
  return removed;
}
