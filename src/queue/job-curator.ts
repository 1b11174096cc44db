import type { CancelAnswer } from '../core/ports/curation.js';
import { JobNotFoundError, JobStateError } from '../core/errors/job-errors.js';
import { InvalidValueError } from '../core/errors/option-errors.js';
import type { JobState } from '../core/job.js';
import type { QueueScope } from './queue-scope.js';

/** No id that was ever stored looks otherwise. */
const STORABLE_ID = /^[\x21-\x7e]{1,128}$/;

/** An id that nothing was ever stored under needs no call to the store. @throws InvalidValueError for what is no string */
export function isStorableId(id: unknown): id is string {
  if (typeof id !== 'string') throw new InvalidValueError('id', id, 'pass the id of a job as a string');
  return STORABLE_ID.test(id);
}

/** @throws JobNotFoundError, as every verb on one job does (docs/decisions/023-job-not-found.md) */
export async function cancelJob({ store, queue }: QueueScope, id: string): Promise<CancelAnswer> {
  const answer = isStorableId(id) ? await store.curation.cancel(queue, id) : 'not-found';
  if (answer === 'not-found') throw new JobNotFoundError(queue, id);
  return answer;
}

/** @throws JobNotFoundError, JobStateError */
export async function removeJob({ store, queue }: QueueScope, id: string): Promise<void> {
  const answer = isStorableId(id) ? await store.curation.remove(queue, id) : 'not-found';
  if (answer === 'not-found') throw new JobNotFoundError(queue, id);
  if (answer === 'active') {
    throw new JobStateError(queue, id, 'active', 'remove', 'Cancel it, and remove it once it has ended.');
  }
}

const NOT_PROMOTED: Readonly<Record<Exclude<JobState, 'scheduled' | 'ready' | 'active'>, string>> = {
  parked: 'It waits for a worker that handles its name: start one.',
  blocked: 'It waits for others.',
  completed: 'Enqueue it anew.',
  cancelled: 'Enqueue it anew.',
  dead: 'Retry it.',
};

/**
 * What waits for nothing any more is promoted already: repeating the call does no harm.
 * @throws JobNotFoundError, JobStateError
 */
export async function promoteJob({ store, queue }: QueueScope, id: string): Promise<void> {
  const answer = isStorableId(id) ? await store.curation.promoteJob(queue, id) : 'not-found';
  if (answer === 'not-found') throw new JobNotFoundError(queue, id);
  if (answer === 'promoted' || answer === 'ready' || answer === 'active') return;
  throw new JobStateError(queue, id, answer, 'promote', NOT_PROMOTED[answer]);
}
