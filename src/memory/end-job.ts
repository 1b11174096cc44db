import { encodeSettledLine } from '../core/envelope.js';
import type { RetentionLimit, RetentionRule, SettledState } from '../core/job.js';
import type { KeptJob } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';
import { addEnd, addEvent } from './notify.js';
import { freeKey } from './unique.js';

export const CANCELLED_DETAIL = '{"reason":"cancelled"}';

/**
 * Hook: a job reaches its end.
 * @param keep undefined leaves the limits to the janitor
 * @returns how many older ends the limits pushed out
 */
export function endJob(
  queue: MemoryQueue,
  job: KeptJob,
  state: SettledState,
  detail: string,
  keep: RetentionRule | undefined,
): number {
  const now = queue.now(); // once: the line and the place name the same instant
  const line = encodeSettledLine(state, now, detail);
  addEnd(queue, job.id, line);
  addEvent(queue, state, job, detail);
  if (keep === false) {
    deleteJob(queue, job);
    return 0;
  }
  queue.move(job, state);
  queue.lanes.end(job);
  freeKey(queue, job);
  job.crashes = 0;
  job.cancelling = false;
  job.record = `${line}\n${job.record}`;
  job.bytes = Buffer.byteLength(job.record);
  // Completed jobs in the order of their ends; of the others, those of one millisecond in the order of their ids.
  job.rank = state === 'completed' ? ++queue.endings : now;
  queue.ended[state].order.add(job);
  queue.ended[state].bytes += job.bytes;
  return keep === undefined ? 0 : trimEnds(queue, state, { count: keep.count, bytes: keep.bytes }, Infinity);
}

/** Hook: a job is deleted, with everything kept beside it. Its user id and its unique key are free again. */
export function deleteJob(queue: MemoryQueue, job: KeptJob): void {
  queue.takeOut(job);
  freeKey(queue, job);
  job.gone = true;
  queue.lanes.end(job);
  queue.jobs.delete(job.id);
  if (job.userId !== undefined && queue.userIds.get(job.userId) === job.id) queue.userIds.delete(job.userId);
}

/** Deletes the oldest ends over the limits, no more than so many. Returns how many. */
export function trimEnds(
  queue: MemoryQueue,
  state: SettledState,
  keep: Pick<RetentionLimit, 'count' | 'bytes'> & Partial<Pick<RetentionLimit, 'ageMs'>>,
  most: number,
): number {
  const { count, bytes, ageMs = Infinity } = keep;
  const ended = queue.ended[state];
  let trimmed = 0;
  while (trimmed < most) {
    const oldest = ended.order.first();
    if (!oldest) break;
    const age = queue.now() - settledAtOf(oldest);
    if (ended.order.size <= count && ended.bytes <= bytes && age <= ageMs) break;
    deleteJob(queue, oldest);
    trimmed++;
  }
  return trimmed;
}

function settledAtOf(job: KeptJob): number {
  return Number(job.record.slice(1, 14));
}
