import type { StoredJob } from '../core/ports/curation.js';
import type { Conflict, EnqueueReceipt, NewJob } from '../core/ports/intake.js';
import type { JobState } from '../core/job.js';
import { isHeadAlone } from '../core/record-head.js';
import { jobOf, type View } from './job-view.js';

/** The reply of `enqueue.lua`, or of the script for plain jobs, which meet none. */
export type EnqueueReply = [nowText: string, outcomes: string[], views?: View[]];

/** What the producers of these jobs are told. */
export function receiptsOf(
  [nowText, outcomes, views = []]: EnqueueReply,
  jobs: readonly NewJob[],
  ids: readonly string[],
): EnqueueReceipt[] {
  const now = Number(nowText);
  const met = metJobs(views);
  return jobs.map((job, index) => {
    const outcome = outcomes[index];
    if (outcome === undefined || outcome === '') {
      return { id: ids[index], created: true, state: isLater(job, now) ? 'scheduled' : 'ready' };
    }
    if (outcome.startsWith('later ')) return { id: ids[index], created: true, state: 'scheduled' };
    const [state, id, conflict] = outcome.split(' ') as [JobState, string, Conflict | undefined];
    return { id, created: false, state, conflict, job: met.get(id) };
  });
}

/** By their numbers, what the jobs are that a call has met; those whose payloads lie apart are left out. */
function metJobs(views: readonly View[]): ReadonlyMap<string, StoredJob | null> {
  const met = new Map<string, StoredJob | null>();
  for (const view of views) {
    const job = jobOf(view);
    if (job === undefined || !isHeadAlone(job.record)) met.set(view[0] as string, job ?? null);
  }
  return met;
}

function isLater(job: NewJob, now: number): boolean {
  if (job.delayMs !== undefined) return job.delayMs > 0;
  return job.runAt !== undefined && job.runAt > now;
}
