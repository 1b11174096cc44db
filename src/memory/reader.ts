import type { JobPage, StoredJob } from '../core/broker.js';
import { InvalidValueError } from '../core/errors.js';
import { isSettled, type JobState } from '../core/job.js';
import type { KeptJob } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';
import { inParkedOrder } from './reserver.js';

function viewOf(job: KeptJob): StoredJob {
  return {
    id: job.id,
    state: job.state,
    record: job.record,
    dueAt: job.state === 'scheduled' ? job.rank : undefined,
    progress: job.progress,
    cancelling: job.cancelling,
  };
}

export function read(queue: MemoryQueue, ids: readonly string[]): (StoredJob | undefined)[] {
  return ids.map((id) => {
    const job = queue.find(id);
    return job && viewOf(job);
  });
}

/** A place in the order, counted from its beginning: jobs that leave meanwhile move others past a reader, as on Redis. */
export function list(queue: MemoryQueue, state: JobState, cursor: string | undefined, limit: number): JobPage {
  if (cursor !== undefined && !/^\d{1,15}$/.test(cursor)) {
    throw new InvalidValueError('cursor', cursor, 'pass on the cursor of the page before, or none for the first page');
  }
  const from = Number(cursor ?? 0);
  const jobs = pageOf(queue, state, from, from + limit);
  const next = from + jobs.length;
  const atEnd = jobs.length === 0 || next >= queue.counts[state];
  return { jobs: jobs.map(viewOf), cursor: atEnd ? undefined : String(next) };
}

function pageOf(queue: MemoryQueue, state: JobState, from: number, to: number): KeptJob[] {
  if (state === 'scheduled') return queue.scheduled.slice(from, to);
  if (isSettled(state)) return queue.ended[state].order.sliceFromEnd(from, to);
  if (state === 'parked') return inParkedOrder(queue).slice(from, to);
  if (state === 'blocked') return [];
  return sliceOf(state === 'active' ? queue.active.values() : queue.ready, from, to);
}

function sliceOf(jobs: Iterable<KeptJob>, from: number, to: number): KeptJob[] {
  const page: KeptJob[] = [];
  let index = 0;
  for (const job of jobs) {
    if (index >= to) break;
    if (index++ >= from) page.push(job);
  }
  return page;
}

/** Reads a job and, while it goes on, registers interest in its end: no end may fall between the two. */
export function readAwaited(queue: MemoryQueue, id: string, ttlMs: number): StoredJob | undefined {
  const job = queue.find(id);
  if (!job) return undefined;
  if (!isSettled(job.state)) queue.waiters.set(job.id, queue.now() + ttlMs);
  return viewOf(job);
}
