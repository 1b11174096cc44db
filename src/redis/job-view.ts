import type { JobState } from '../core/job.js';
import type { StoredJob } from '../core/ports/curation.js';

/** As scripts/lib/view-of.lua makes it; without a state where the job is kept no more. */
export type View = [] | [string] | [string, JobState, string, string, string, string, string];

export function jobOf(view: View): StoredJob | undefined {
  if (view.length < 2) return undefined;
  const [id, state, record, due, progress, cancelling, token] = view as Extract<View, { length: 7 }>;
  return {
    id,
    state,
    record,
    dueAt: due === '' ? undefined : Number(due),
    progress: progress === '' ? undefined : progress,
    cancelling: cancelling === '1',
    token: token === '' ? undefined : token,
  };
}
