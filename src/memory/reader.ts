import type { EndPage, JobPage, StoredJob } from '../core/broker.js';
import { wholeHeadOf } from '../core/envelope-head.js';
import { InvalidValueError } from '../core/errors.js';
import { isSettled, type JobState, type SettledState } from '../core/job.js';
import type { KeptJob } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';
import type { Ranked } from './ranking.js';
import { ReadyLine } from './ready-line.js';
import { inParkedOrder, parkedKeyOf } from './reserver.js';

function viewOf(job: KeptJob): StoredJob {
  return {
    id: job.id,
    state: job.state,
    record: job.record,
    dueAt: job.state === 'scheduled' ? job.rank : undefined,
    progress: job.progress,
    cancelling: job.cancelling,
    token: job.state === 'active' ? job.token : undefined,
  };
}

export function read(queue: MemoryQueue, ids: readonly string[]): (StoredJob | undefined)[] {
  return ids.map((id) => {
    const job = queue.find(id);
    return job && viewOf(job);
  });
}

/** What a place of each state looks like: rank and id, or the part of the ready line and the id. */
const PLACES: Record<JobState, RegExp> = {
  scheduled: /^\d+:.+$/,
  ready: /^[s0-9]:.+$/,
  active: /^a:.+$/,
  parked: /^n:.+$/,
  blocked: /^(?!)/,
  completed: /^\d+:.+$/,
  cancelled: /^\d+:.+$/,
  dead: /^\d+:.+$/,
};

/** The page behind a job that was listed before: whatever came or left meanwhile, it begins there. */
export function list(queue: MemoryQueue, state: JobState, cursor: string | undefined, limit: number): JobPage {
  if (cursor !== undefined && !PLACES[state].test(cursor)) {
    throw new InvalidValueError('cursor', cursor, 'pass on the cursor of the page before, or none for the first page');
  }
  const split = cursor?.indexOf(':') ?? 0;
  const place = cursor === undefined ? undefined : { head: cursor.slice(0, split), id: cursor.slice(split + 1) };
  const { jobs, more } = pageOf(queue, state, place, limit);
  const last = jobs.at(-1);
  return { jobs: jobs.map(viewOf), cursor: more && last !== undefined ? placeOf(state, last) : undefined };
}

interface Place {
  head: string;
  id: string;
}

function placeOf(state: JobState, job: KeptJob): string {
  if (state === 'ready') return `${ReadyLine.partOf(job)}:${job.id}`;
  if (state === 'parked') return `n:${parkedKeyOf(job)}`;
  return state === 'active' ? `a:${job.id}` : `${job.rank}:${job.id}`;
}

function pageOf(
  queue: MemoryQueue,
  state: JobState,
  place: Place | undefined,
  limit: number,
): { jobs: KeptJob[]; more: boolean } {
  if (state === 'scheduled') return queue.scheduled.pageBehind(rankedOf(place), limit);
  if (isSettled(state)) return queue.ended[state].order.pageBefore(rankedOf(place), limit);
  if (state === 'ready') return firstOf(queue.ready.behind(place && { part: place.head, id: place.id }), limit);
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

export function readEnds(queue: MemoryQueue, state: SettledState, place: string | undefined, limit: number): EndPage {
  const split = place?.indexOf(':') ?? 0;
  const behind = place === undefined ? undefined : { rank: Number(place.slice(0, split)), id: place.slice(split + 1) };
  const { jobs, more } = queue.ended[state].order.pageBehind(behind, limit);
  const last = jobs.at(-1) ?? behind;
  const ends = jobs.map(({ id, record }) => {
    return { id, seen: record.slice(0, 14), bytes: Buffer.byteLength(record), head: wholeHeadOf(record) };
  });
  // Where all were read, others may end in the same millisecond.
  return { now: queue.now(), ends, place: last && `${last.rank}:${more ? last.id : ''}`, more };
}

/** Reads a job and, while it goes on, registers interest in its end: no end may fall between the two. */
export function readAwaited(queue: MemoryQueue, id: string, ttlMs: number): StoredJob | undefined {
  const job = queue.find(id);
  if (!job) return undefined;
  if (!isSettled(job.state)) queue.waiters.set(job.id, queue.now() + ttlMs);
  return viewOf(job);
}
