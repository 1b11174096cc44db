import type { JobState } from '../core/job.js';
import type { ActedJob, BulkAction } from '../core/ports/bulks.js';
import { splitRecord } from '../core/envelope.js';
import { cancelJob, promoteJob, removeJob, reviveJob } from './curate-job.js';
import type { KeptJob } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';
import { wake } from './wake.js';

/** Does one thing to many jobs; one that has moved on since it was read is passed by. @returns ids of those that it was done to */
export function act(queue: MemoryQueue, action: BulkAction, state: JobState, jobs: readonly ActedJob[]): string[] {
  const acted: string[] = [];
  for (const asked of jobs) {
    const job = queue.jobs.get(asked.id);
    if (job?.state !== state || !job.record.startsWith(asked.seen)) continue;
    if (actOn(queue, action, job, asked)) acted.push(job.id);
  }
  if (acted.length > 0 && (action === 'retry' || action === 'promote')) wake(queue);
  return acted;
}

/** @returns whether it was done */
function actOn(queue: MemoryQueue, action: BulkAction, job: KeptJob, { head = '' }: ActedJob): boolean {
  switch (action) {
    case 'retry': {
      const { envelope } = splitRecord(job.record);
      return reviveJob(queue, job, head + envelope.slice(envelope.indexOf('\n'))) === undefined;
    }
    case 'cancel':
      if (job.cancelling) return false;
      cancelJob(queue, job);
      return true;
    case 'remove':
      removeJob(queue, job);
      return true;
    case 'promote':
      promoteJob(queue, job);
      return true;
  }
}
