import { decodeEnvelope, UnreadableEnvelopeError } from '../core/envelope.js';
import { readmit } from './admit.js';
import { CANCELLED_DETAIL, deleteJob, endJob } from './end-job.js';
import type { KeptJob } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';
import { addEnd, addEvent, signal } from './notify.js';
import { place } from './place.js';
import { wake } from './wake.js';

/** Ends a live job, or marks one that runs. */
export function cancelJob(queue: MemoryQueue, job: KeptJob): 'cancelled' | 'requested' {
  if (job.state !== 'active') {
    letOthersStart(queue, () => endJob(queue, job, 'cancelled', CANCELLED_DETAIL, undefined));
    return 'cancelled';
  }
  job.cancelling = true;
  signal(queue, { type: 'cancel', id: job.id });
  return 'requested';
}

/** A dead job lives again. @returns the live job that holds its unique key: then nothing was done */
export function reviveJob(queue: MemoryQueue, job: KeptJob, envelope: string): KeptJob | undefined {
  const holder = readmit(queue, job);
  if (holder) return holder;
  job.record = envelope; // without the line of its old end
  job.priority = priorityOf(envelope);
  place(queue, job, 'back');
  addEvent(queue, 'enqueued', job, '');
  return undefined;
}

/** A scheduled job becomes ready. */
export function promoteJob(queue: MemoryQueue, job: KeptJob): void {
  place(queue, job, 'back');
  addEvent(queue, 'promoted', job, '');
}

/** Deletes a job that does not run. */
export function removeJob(queue: MemoryQueue, job: KeptJob): void {
  letOthersStart(queue, () => deleteJob(queue, job));
  addEnd(queue, job.id, `X${queue.now()}{"reason":"removed"}`);
  addEvent(queue, 'removed', job, '');
}

/** The end of a job that its group waited for wakes a worker. */
function letOthersStart(queue: MemoryQueue, end: () => void): void {
  const before = queue.lanes.startable;
  end();
  if (queue.lanes.startable > before) wake(queue);
}

/** Read from the envelope: the place of a dead job does not say it. */
function priorityOf(envelope: string): number {
  try {
    const level = decodeEnvelope(envelope).header.p ?? 0;
    return Number.isInteger(level) && level >= 0 && level <= 9 ? level : 0;
  } catch (error) {
    if (error instanceof UnreadableEnvelopeError) return 0;
    throw error;
  }
}
