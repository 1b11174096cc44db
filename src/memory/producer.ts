import type { EnqueueReceipt, NewJob } from '../core/ports/intake.js';
import { encodeEnvelope } from '../core/envelope.js';
import { admit } from './admit.js';
import type { KeptJob } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';
import { addEvent } from './notify.js';
import { place, placeLater } from './place.js';
import { wake } from './wake.js';

export function enqueue(queue: MemoryQueue, jobs: readonly NewJob[]): EnqueueReceipt[] {
  let isWakeDue = false;
  const receipts = jobs.map((job): EnqueueReceipt => {
    const first = admit(queue, job);
    if (first) return { id: first.id, created: false, state: first.state };
    const { kept, wakes } = store(queue, job);
    isWakeDue ||= wakes;
    return { id: kept.id, created: true, state: kept.state };
  });
  if (isWakeDue) wake(queue);
  return receipts;
}

/** @returns whether an idle worker must know: the job is ready, or due before the time until which they sleep */
function store(queue: MemoryQueue, job: NewJob): { kept: KeptJob; wakes: boolean } {
  const now = queue.now();
  const dueAt = job.delayMs === undefined ? (job.runAt ?? 0) : now + job.delayMs;
  const kept = queue.add(job.envelope, job.userId, job.priority ?? 0);
  if (dueAt > now) {
    const isFirst = placeLater(queue, kept, dueAt);
    addEvent(queue, 'scheduled', kept, '');
    return { kept, wakes: isFirst };
  }
  place(queue, kept, 'back');
  addEvent(queue, 'enqueued', kept, '');
  return { kept, wakes: true };
}

/** @param elements in the order they will run */
export function adoptElements(queue: MemoryQueue, elements: readonly string[]): void {
  const now = queue.now();
  enqueue(
    queue,
    elements.map((element) => ({ envelope: encodeEnvelope(now, undefined, undefined, element) })),
  );
}
