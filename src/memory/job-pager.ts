import type { JobPage } from '../core/ports/curation.js';
import { InvalidValueError } from '../core/errors/option-errors.js';
import { isSettled, type JobState } from '../core/job.js';
import { viewOf } from './job-reader.js';
import type { KeptJob } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';
import type { Ranked } from './ranking.js';
import { READY_PLACE, readyBehind, readyPartOf } from './ready-listing.js';
import { inParkedOrder, parkedKeyOf } from './reserver.js';

/** What a place of each state looks like: rank and id, or the part of the ready line and the id. */
const PLACES: Record<JobState, RegExp> = {
  scheduled: /^\d+:.+$/,
  ready: READY_PLACE,
  active: /^a:.+$/,
  parked: /^n:.+$/,
  blocked: /^(?!)/,
  completed: /^\d+:.+$/,
  cancelled: /^\d+:.+$/,
  dead: /^\d+:.+$/,
};

/** The page behind a job that was listed before: whatever came or left meanwhile, it begins there. */
export function pageOf(queue: MemoryQueue, state: JobState, cursor: string | undefined, limit: number): JobPage {
  if (cursor !== undefined && !PLACES[state].test(cursor)) {
    throw new InvalidValueError('cursor', cursor, 'pass on the cursor of the page before, or none for the first page');
  }
  const split = cursor?.indexOf(':') ?? 0;
  const place = cursor === undefined ? undefined : { head: cursor.slice(0, split), id: cursor.slice(split + 1) };
  const { jobs, more } = takePage(queue, state, place, limit);
  const last = jobs.at(-1);
  return { jobs: jobs.map(viewOf), cursor: more && last !== undefined ? placeOf(state, last) : undefined };
}

interface Place {
  head: string;
  id: string;
}

function placeOf(state: JobState, job: KeptJob): string {
  if (state === 'ready') return `${readyPartOf(job)}:${job.id}`;
  if (state === 'parked') return `n:${parkedKeyOf(job)}`;
  return state === 'active' ? `a:${job.id}` : `${job.rank}:${job.id}`;
}

function takePage(
  queue: MemoryQueue,
  state: JobState,
  place: Place | undefined,
  limit: number,
): { jobs: KeptJob[]; more: boolean } {
  if (state === 'scheduled') return queue.scheduled.pageBehind(rankedOf(place), limit);
  if (isSettled(state)) return queue.ended[state].order.pageBefore(rankedOf(place), limit);
  if (state === 'ready') return firstOf(readyBehind(queue.lanes, place && { part: place.head, id: place.id }), limit);
  if (state === 'parked') return firstOf(behind(inParkedOrder(queue), parkedKeyOf, place), limit);
  if (state === 'active') {
    const byId = [...queue.active.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    return firstOf(
      behind(byId, ({ id }) => id, place),
      limit,
    );
  }
  return { jobs: [], more: false };
}

function rankedOf(place: Place | undefined): Ranked | undefined {
  return place && { rank: Number(place.head), id: place.id };
}

function behind(sorted: KeptJob[], keyOf: (job: KeptJob) => string, place: Place | undefined): KeptJob[] {
  return place === undefined ? sorted : sorted.filter((job) => keyOf(job) > place.id);
}

function firstOf(jobs: Iterable<KeptJob>, limit: number): { jobs: KeptJob[]; more: boolean } {
  const page: KeptJob[] = [];
  for (const job of jobs) {
    if (page.length === limit) return { jobs: page, more: true };
    page.push(job);
  }
  return { jobs: page, more: false };
}
