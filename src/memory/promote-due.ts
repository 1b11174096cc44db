import type { MemoryQueue } from './memory-queue.js';
import { addEvent } from './notify.js';
import { place } from './place.js';

/**
 * Due jobs go to the back of their priority, in the order of their due times.
 * @returns how many
 */
export function promoteDue(queue: MemoryQueue, limit: number): number {
  const now = queue.now();
  let promoted = 0;
  while (promoted < limit) {
    const job = queue.scheduled.first();
    if (!job || job.rank > now) break;
    place(queue, job, 'back');
    addEvent(queue, 'promoted', job, '');
    promoted++;
  }
  return promoted;
}
