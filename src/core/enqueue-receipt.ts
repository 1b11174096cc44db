import type { JobState } from './job.js';

export interface EnqueueReceipt {
  id: string;
  /** false: a job with this user id was kept already, and `id` and `state` are its own. */
  created: boolean;
  state: JobState;
}
