import type { QueueSignal, StoreEventName } from '../core/ports/notices.js';
import type { KeptJob } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';

/** @param job undefined for what happens to the queue itself */
export function addEvent(queue: MemoryQueue, event: StoreEventName, job: KeptJob | undefined, detail: string): void {
  queue.announcer.event(queue.name, event, queue.now(), job, detail);
}

/** Sends the settled line of a job to those who await its end. */
export function addEnd(queue: MemoryQueue, id: string, line: string): void {
  const until = queue.waiters.get(id);
  if (until === undefined) return;
  queue.waiters.delete(id);
  if (until >= queue.now()) queue.announcer.ends.publish(queue.name, { id, line });
}

/** To every store that subscribed to the signals of the queue. */
export function signal(queue: MemoryQueue, message: QueueSignal): void {
  queue.announcer.signals.publish(queue.name, message);
}
