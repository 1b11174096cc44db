import { AsyncLocalStorage } from 'node:async_hooks';
import type { Job } from '../core/job-view.js';

const storage = new AsyncLocalStorage<Job>();

/** The job whose handler the calling code runs in, however deep; undefined outside of handlers. */
export function currentJob(): Job | undefined {
  return storage.getStore();
}

/** Runs a handler so that everything it calls can ask for {@link currentJob}. */
export function runJobOfTaskQueue<T>(job: Job, handler: (job: Job) => T): T {
  return storage.run(job, handler, job);
}
