import type { KeptJob } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';

/**
 * Hook: a job becomes ready, for whatever reason. A suspect runs alone: a job that took two workers with it must not take
 * neighbours. All others wait in the lane of their group, by priority.
 */
export function place(queue: MemoryQueue, job: KeptJob, where: 'back' | 'front'): void {
  queue.move(job, 'ready');
  queue.lanes.place(job, where);
}

/**
 * A job becomes ready at its due time.
 * @returns whether it is due before all that were there: idle workers sleep until the earliest time they know
 */
export function placeLater(queue: MemoryQueue, job: KeptJob, dueAt: number): boolean {
  queue.move(job, 'scheduled');
  job.rank = dueAt;
  queue.scheduled.add(job);
  return queue.scheduled.first() === job;
}
