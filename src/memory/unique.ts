import { isSettled } from '../core/job.js';
import type { KeptJob, KeyHolder } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';

/** The job that holds a unique key now: it is live, and where the key is free while it runs, it does not run. */
export function holderOfKey(queue: MemoryQueue, key: string | undefined): KeptJob | undefined {
  const holder = key === undefined ? undefined : queue.uniques.get(key);
  if (holder === undefined || holder.job.gone || isSettled(holder.job.state)) return undefined;
  if (holder.window !== undefined && !isOpen(queue, holder)) return undefined;
  return holder.job.freeWhileRunning && holder.job.state === 'active' ? undefined : holder.job;
}

/** Whether its window is open. */
export function isOpen(queue: MemoryQueue, { window }: KeyHolder): boolean {
  return window !== undefined && window.until > queue.now();
}

export function holdKey(queue: MemoryQueue, job: KeptJob, rest: Omit<KeyHolder, 'job'> = {}): void {
  if (job.uniqueKey !== undefined) queue.uniques.set(job.uniqueKey, { job, ...rest });
}

/** The job is live no more: the key that it holds is free. A key that another job or an open window has stays. */
export function freeKey(queue: MemoryQueue, job: KeptJob): void {
  const holder = job.uniqueKey === undefined ? undefined : queue.uniques.get(job.uniqueKey);
  if (holder?.job === job && !isOpen(queue, holder)) queue.uniques.delete(job.uniqueKey as string);
}

/** Windows that are over have no key any more. */
export function sweepKeys(queue: MemoryQueue): void {
  for (const [key, holder] of queue.uniques) {
    const isOver =
      holder.window === undefined ? holder.job.gone || isSettled(holder.job.state) : !isOpen(queue, holder);
    if (isOver) queue.uniques.delete(key);
  }
}
