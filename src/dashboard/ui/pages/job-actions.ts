import type { JobAction, JobRow, JobState } from '../../wire-models.js';
import { formatNumber } from '../format.js';
import { ask } from '../parts/dialog.js';
import { text } from '../text.js';
import { perform } from '../toaster.js';

/** What can be done with jobs of a state. */
export const ACTIONS_OF: Record<JobState, readonly JobAction[]> = {
  ready: ['cancel', 'remove'],
  active: ['cancel'],
  scheduled: ['promote', 'cancel', 'remove'],
  parked: ['cancel', 'remove'],
  blocked: ['cancel', 'remove'],
  completed: ['remove'],
  cancelled: ['remove'],
  dead: ['retry', 'remove'],
};

/** Asks, does it, and says what became of it. @returns whether anything was done */
export async function actOnJobs(
  queue: string,
  action: JobAction,
  jobs: readonly Pick<JobRow, 'id' | 'number' | 'name'>[],
): Promise<boolean> {
  const count = formatNumber(jobs.length);
  const question = {
    title: jobs.length === 1 ? text.actOnJob(action, jobs[0].id) : text.actOnJobs(action, count),
    body: text.actWhat[action],
    confirm: text.actions[action],
    danger: action === 'remove' || action === 'cancel',
  };
  if (!(await ask(question))) return false;
  const ids = jobs.map(({ number }) => number);
  const answer = await perform(`job.${action}`, { queue, ids }, ({ done, jobs: outcomes }) => {
    const requested = outcomes.filter(({ outcome }) => outcome === 'requested').length;
    const failed = outcomes.find(({ outcome }) => outcome !== 'done' && outcome !== 'requested');
    if (!failed)
      return requested > 0 ? text.cancelRequested(formatNumber(requested)) : text.acted(action, formatNumber(done));
    const why = failed.message ?? text.outcomesOf[failed.outcome as 'finished' | 'not-found' | 'refused'];
    return { text: text.actedPartly(action, formatNumber(done + requested), count, why), bad: true };
  });
  return answer !== undefined;
}
