import { defineJob } from 'nestjs-task-queue';

export interface FinishedReport {
  /** Its id. */
  report: string;
}

/** Fails twice and then succeeds. */
export const announceJob = defineJob<FinishedReport, { announced: string; attempts: number }>({
  queue: 'publishing',
  name: 'announce',
  maxAttempts: 5,
  backoff: { type: 'fixed', delay: '200ms' },
});

/** Dies, and waits for a human. */
export const publishJob = defineJob<FinishedReport, { published: string }>({
  queue: 'publishing',
  name: 'publish',
});
