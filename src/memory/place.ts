import { isSuspect, type KeptJob } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';

/**
 * Hook: a job becomes ready, for whatever reason. A suspect runs alone: a job that took two workers with it must not take
 * neighbours. All others run by priority.
 */
export function place(queue: MemoryQueue, job: KeptJob, where: 'back' | 'front'): void {
  queue.move(job, 'ready');
  if (isSuspect(job)) queue.ready.pushSuspect(job, where);
  else if (where === 'back') queue.ready.pushBack(job);
  else queue.ready.pushFront(job);
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
