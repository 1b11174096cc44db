import { CANCELLED_DETAIL, endJob } from './end-job.js';
import type { KeptJob } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';

/**
 * A job whose lease ended may run again: it `ran` (its worker survived: its crashes are forgotten), it is `unrun` (given
 * back), or it `crashed` (its worker died, which is counted). One that is to be cancelled ends instead.
 * @returns whether it goes on
 */
export function goOn(queue: MemoryQueue, job: KeptJob, how: 'ran' | 'unrun' | 'crashed'): boolean {
  if (job.cancelling) {
    endJob(queue, job, 'cancelled', CANCELLED_DETAIL, undefined); // the limits of what is kept are the janitor's
    return false;
  }
  if (how === 'ran') job.crashes = 0;
  if (how === 'crashed') job.crashes++;
  return true;
}
