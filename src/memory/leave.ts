import type { HeldJob } from '../core/ports/worker-store.js';
import type { KeptJob } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';

/**
 * Hook: the lease of a job ends. The caller gives the job its next place in the same call.
 * @returns undefined where the job has a newer lease or none
 */
export function leave(
  queue: MemoryQueue,
  { id, token, durationMs }: Pick<HeldJob, 'id' | 'token'> & { durationMs?: number | undefined },
): KeptJob | undefined {
  const job = queue.active.get(id);
  if (job?.token !== token) return undefined;
  queue.active.delete(id);
  queue.lanes.leave(job, durationMs);
  return job;
}
