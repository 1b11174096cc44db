import { AsyncLocalStorage } from 'node:async_hooks';
import type { Job } from '../core/job-view.js';

type Current = Job | readonly Job[];

const storage = new AsyncLocalStorage<Current>();

/**
 * The job whose handler the calling code runs in, however deep; undefined outside of handlers, and in a batch handler, which has many:
 * {@link currentJobs}.
 */
export function currentJob(): Job | undefined {
  const current = storage.getStore();
  return isMany(current) ? undefined : current;
}

/** The jobs whose handler the calling code runs in: one, those of a batch handler's call, or none outside of handlers. */
export function currentJobs(): readonly Job[] {
  const current = storage.getStore();
  if (current === undefined) return [];
  return isMany(current) ? current : [current];
}

/** Runs a handler so that everything it calls can ask for {@link currentJob} and {@link currentJobs}. */
export function runJobOfTaskQueue<C extends Current, T>(current: C, handler: (current: C) => T): T {
  return storage.run(current, handler, current);
}

function isMany(current: Current | undefined): current is readonly Job[] {
  return Array.isArray(current);
}
