import type { StoredJob } from '../core/ports/curation.js';
import type { EnqueueReceipt, NewJob } from '../core/ports/intake.js';
import { encodeEnvelope } from '../core/envelope.js';
import { claim } from './admit.js';
import { isWorthAWake } from './allowance.js';
import { meet } from './conflict.js';
import { viewOf } from './job-reader.js';
import type { KeptJob, KeyHolder } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';
import { addEvent } from './notify.js';
import { place, placeLater } from './place.js';
import { wake } from './wake.js';

export function enqueue(queue: MemoryQueue, jobs: readonly NewJob[]): EnqueueReceipt[] {
  let isReady = false;
  let isEarlier = false;
  const receipts = jobs.map((job): EnqueueReceipt => {
    const decision = meet(queue, job);
    if (decision.receipt) {
      isEarlier ||= decision.isEarlier === true;
      return decision.receipt;
    }
    const { kept, isFirstDue } = store(queue, job, decision);
    if (kept.state === 'ready') isReady = true;
    else isEarlier ||= isFirstDue;
    return { id: kept.id, created: true, state: kept.state };
  });
  if (isEarlier || (isReady && isWorthAWake(queue))) wake(queue);
  return receipts.map((receipt) => (receipt.created ? receipt : { ...receipt, job: metJob(queue, receipt.id) }));
}

function metJob(queue: MemoryQueue, id: string): StoredJob | null {
  const job = queue.jobs.get(id);
  return job === undefined ? null : viewOf(job);
}

/** @returns also whether the job is due before the time until which idle workers sleep */
function store(
  queue: MemoryQueue,
  job: NewJob,
  { dueAt, holds }: { dueAt: number; holds: Omit<KeyHolder, 'job'> },
): { kept: KeptJob; isFirstDue: boolean } {
  const kept = queue.add(job);
  claim(queue, kept, holds);
  if (dueAt > queue.now()) {
    const isFirst = placeLater(queue, kept, dueAt);
    addEvent(queue, 'scheduled', kept, '');
    return { kept, isFirstDue: isFirst };
  }
  place(queue, kept, 'back');
  addEvent(queue, 'enqueued', kept, '');
  return { kept, isFirstDue: false };
}

/** @param elements in the order they will run */
export function adoptElements(queue: MemoryQueue, elements: readonly string[]): void {
  const now = queue.now();
  enqueue(
    queue,
    elements.map((element) => ({ envelope: encodeEnvelope(now, undefined, undefined, element) })),
  );
}
