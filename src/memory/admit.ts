import type { EnqueueReceipt, NewJob } from '../core/ports/intake.js';
import type { KeptJob, KeyHolder } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';
import { holderOfKey, holdKey, isOpen } from './unique.js';

/**
 * Hook: a new job is to be stored.
 * @returns what its producer is answered where a stored job stands in its way, undefined where it may be stored
 */
export function admit(queue: MemoryQueue, { userId, uniqueKey }: NewJob): EnqueueReceipt | undefined {
  const named = userId === undefined ? undefined : queue.jobs.get(queue.userIds.get(userId) ?? '');
  if (named) return { id: named.id, created: false, state: named.state };
  const holder = holderOfKey(queue, uniqueKey);
  return holder && { id: holder.id, created: false, state: holder.state, conflict: 'kept' };
}

/** A job that was admitted is stored: what it claims for itself is its own. */
export function claim(queue: MemoryQueue, job: KeptJob, holds: Omit<KeyHolder, 'job'> = {}): void {
  if (job.userId !== undefined) queue.userIds.set(job.userId, job.id);
  holdKey(queue, job, holds);
}

/**
 * A job that had ended is to run again: it claims its unique key anew.
 * @returns the live job that holds the key, undefined where none does
 */
export function readmit(queue: MemoryQueue, job: KeptJob): KeptJob | undefined {
  const held = holderOfKey(queue, job.uniqueKey);
  if (held !== undefined) return held === job ? undefined : held;
  const holder = queue.uniques.get(job.uniqueKey ?? '');
  if (holder === undefined || (holder.job !== job && !isOpen(queue, holder))) holdKey(queue, job);
  return undefined;
}
