import type { NewJob } from '../core/ports/intake.js';
import type { KeptJob } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';

/**
 * Hook: a new job is to be stored.
 * @returns the stored job that stands in its way, undefined where the new one may be stored
 */
export function admit(queue: MemoryQueue, { userId }: Pick<NewJob, 'userId'>): KeptJob | undefined {
  return userId === undefined ? undefined : queue.jobs.get(queue.userIds.get(userId) ?? '');
}
