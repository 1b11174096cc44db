import type { EnqueueReceipt, NewJob } from '../core/ports/intake.js';
import { encodeEnvelope } from '../core/envelope.js';
import type { KeptJob } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';

export function enqueue(queue: MemoryQueue, jobs: readonly NewJob[]): EnqueueReceipt[] {
  const before = queue.scheduled.first();
  let madeReady = false;
  const receipts = jobs.map((job): EnqueueReceipt => {
    const first = job.userId === undefined ? undefined : queue.jobs.get(queue.userIds.get(job.userId) ?? '');
    if (first) return { id: first.id, created: false, state: first.state };
    const kept = store(queue, job);
    if (kept.state === 'ready') madeReady = true;
    return { id: kept.id, created: true, state: kept.state };
  });
  // Idle workers sleep until the earliest due time they know: an earlier one must be told.
  if (madeReady || queue.scheduled.first() !== before) queue.wake();
  return receipts;
}

function store(queue: MemoryQueue, job: NewJob): KeptJob {
  const now = queue.now();
  const dueAt = job.delayMs === undefined ? (job.runAt ?? 0) : now + job.delayMs;
  const kept = queue.add(job.envelope, job.userId, job.priority ?? 0);
  if (dueAt > now) {
    queue.schedule(kept, dueAt);
    queue.tell('scheduled', kept, '');
  } else {
    queue.makeReady(kept, 'back');
    queue.tell('enqueued', kept, '');
  }
  return kept;
}

/** @param elements in the order they will run */
export function adoptElements(queue: MemoryQueue, elements: readonly string[]): void {
  const now = queue.now();
  enqueue(
    queue,
    elements.map((element) => ({ envelope: encodeEnvelope(now, undefined, undefined, element) })),
  );
}
