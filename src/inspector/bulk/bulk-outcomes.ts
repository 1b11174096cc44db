import { isSettled } from '../../core/job.js';
import type { StoredJob } from '../../core/ports/curation.js';
import { JobRecord } from '../../queue/job-record.js';
import type { QueueScope } from '../../queue/queue-scope.js';

export interface Outcomes {
  /** Jobs whose outcome is known now, … */
  known: number;
  /** … and of these, how many failed again. */
  failed: number;
  /** Those without one, the one that was looked at longest ago first. */
  watched: string[];
}

/** Jobs that one look reads. */
const MOST_READ = 50;

/** What has become of jobs that were retried: looks at those that were looked at longest ago. */
export async function lookAtOutcomes(scope: QueueScope, watched: readonly string[]): Promise<Outcomes> {
  const ids = watched.slice(0, MOST_READ);
  const outcomes: Outcomes = { known: 0, failed: 0, watched: watched.slice(MOST_READ) };
  const stored = await scope.store.curation.read(scope.queue, ids);
  for (const [index, id] of ids.entries()) {
    const outcome = outcomeOf(scope, stored[index], id);
    if (outcome === undefined) {
      outcomes.watched.push(id);
    } else {
      outcomes.known++;
      if (outcome === 'failed') outcomes.failed++;
    }
  }
  return outcomes;
}

/** A retry counts attempts from one again: a job of a later attempt has failed since. One that is gone was not kept as dead. */
function outcomeOf(
  { queue, codec }: QueueScope,
  stored: StoredJob | undefined,
  id: string,
): 'failed' | 'fine' | undefined {
  if (stored?.id !== id) return 'fine';
  const { header } = new JobRecord(queue, codec, id, stored.record);
  if (stored.state === 'dead' || (header.a ?? 1) > 1) return 'failed';
  return isSettled(stored.state) ? 'fine' : undefined;
}
