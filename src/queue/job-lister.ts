import { openCursor, sealCursor } from '../core/cursor.js';
import { InvalidValueError } from '../core/errors/option-errors.js';
import { JOB_STATES, type JobState } from '../core/job.js';
import { readCount, readOneOf, refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import { DEFAULTS } from '../options/defaults.js';
import { JobHandle } from './job-handle.js';
import type { QueueScope } from './queue-scope.js';

/** One page of a listing. */
export interface JobsPage<P = unknown, R = unknown> {
  jobs: JobHandle<P, R>[];
  /** Pass it on for the next page; undefined at the end. A page may hold fewer jobs than the limit before that. */
  cursor: string | undefined;
}

export interface JobsQuery {
  state: JobState;
  /** Of the page before. */
  cursor?: string;
  /** Default 50, at most 500. */
  limit?: number;
}

/** @throws InvalidValueError, UnknownOptionError */
export async function listJobs(scope: QueueScope, query: JobsQuery): Promise<JobsPage> {
  requireObject(query, 'query of jobs', 'pass an object such as { state: "dead" }');
  refuseUnknownKeys(query, ['state', 'cursor', 'limit'], 'jobs');
  const state = requireState(query.state);
  const limit = readCount(query.limit, 'limit', 1, DEFAULTS.list.maxLimit) ?? DEFAULTS.list.limit;
  const listing = `${state} jobs of queue "${scope.queue}"`;
  const page = await scope.store.curation.list(scope.queue, state, openCursor(listing, query.cursor), limit);
  return {
    jobs: page.jobs.map((stored) => JobHandle.ofStored(scope, stored)),
    cursor: sealCursor(listing, page.cursor),
  };
}

export function requireState(given: unknown): JobState {
  const state = readOneOf(given, JOB_STATES, 'state');
  if (state === undefined) throw new InvalidValueError('state', given, `use one of: ${JOB_STATES.join(', ')}`);
  return state;
}
