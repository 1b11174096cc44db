import { JobNotFoundError, JobStateError } from '../../core/errors/job-errors.js';
import type { Outcome } from '../wire.js';
import type { Deed } from './route.js';

/** Of one request at the same time. */
const AT_ONCE = 20;

type JobOutcome = Outcome['jobs'][number];

/**
 * Does the same to each job. What one job refuses keeps no other from it; an error of the store ends the rest.
 * @param act answers an outcome, or anything else for `done`
 */
export async function actOnJobs(ids: readonly string[], act: (id: string) => Promise<unknown>): Promise<Deed<Outcome>> {
  const jobs: JobOutcome[] = [];
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    jobs.push(...(await Promise.all(ids.slice(at, at + AT_ONCE).map((id) => actOn(id, act)))));
  }
  const done = jobs.filter(({ outcome }) => outcome === 'done' || outcome === 'requested').length;
  return { answer: { done, jobs }, count: done };
}

async function actOn(id: string, act: (id: string) => Promise<unknown>): Promise<JobOutcome> {
  try {
    const answer = await act(id);
    return { id, outcome: answer === 'requested' || answer === 'finished' ? answer : 'done' };
  } catch (error) {
    if (error instanceof JobNotFoundError) return { id, outcome: 'not-found' };
    if (error instanceof JobStateError) return { id, outcome: 'refused', message: error.message };
    throw error;
  }
}
