import { isSettled } from '../core/job.js';
import type { StoredJob } from '../core/ports/curation.js';
import type { KeptJob } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';

export function readJobs(queue: MemoryQueue, ids: readonly string[]): (StoredJob | undefined)[] {
  return ids.map((id) => {
    const job = queue.find(id);
    return job && viewOf(job);
  });
}

/** Reads a job and, while it goes on, registers interest in its end: no end may fall between the two. */
export function readAwaited(queue: MemoryQueue, id: string, ttlMs: number): StoredJob | undefined {
  const job = queue.find(id);
  if (!job) return undefined;
  if (!isSettled(job.state)) queue.waiters.set(job.id, queue.now() + ttlMs);
  return viewOf(job);
}

export function viewOf(job: KeptJob): StoredJob {
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
