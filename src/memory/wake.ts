import type { MemoryQueue } from './memory-queue.js';

/** Wakes one idle worker; those without a listener are skipped. */
export function wake(queue: MemoryQueue): void {
  if (queue.paused) return;
  for (const worker of queue.idle) {
    queue.idle.delete(worker);
    if (queue.announcer.wakes.publish(worker, queue.name)) return;
  }
}

export function wakeAll(queue: MemoryQueue): void {
  for (const worker of queue.idle) queue.announcer.wakes.publish(worker, queue.name);
  queue.idle.clear();
}
