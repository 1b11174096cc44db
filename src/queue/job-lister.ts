import { openCursor, sealCursor } from '../core/cursor.js';
import { InvalidValueError } from '../core/errors/option-errors.js';
import { JOB_STATES, type JobState } from '../core/job.js';
import { readCount, readOneOf, refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import { DEFAULTS } from '../options/defaults.js';
import { checkGroupKey } from '../options/group-option.js';
import { JobHandle } from './job-handle.js';
import type { QueueScope } from './queue-scope.js';

/** One page of a listing. */
export interface JobsPage<P = unknown, R = unknown> {
  jobs: JobHandle<P, R>[];
  /** Pass it on for the next page; undefined at the end. A page may hold fewer jobs than the limit before that. */
  cursor: string | undefined;
}

/** Jobs of one state, or of one group. */
export type JobsQuery = JobsPlace & ({ state: JobState; group?: undefined } | { group: string; state?: undefined });

interface JobsPlace {
  /** Of the page before. */
  cursor?: string;
  /** Default 50, at most 500. */
  limit?: number;
}

/** @throws InvalidValueError, UnknownOptionError */
export async function listJobs(scope: QueueScope, query: JobsQuery): Promise<JobsPage> {
  requireObject(query, 'query of jobs', 'pass an object such as { state: "dead" }');
  refuseUnknownKeys(query, ['state', 'group', 'cursor', 'limit'], 'jobs');
  if (query.group !== undefined) return listGroup(scope, query);
  const state = requireState(query.state);
  const limit = readCount(query.limit, 'limit', 1, DEFAULTS.list.maxLimit) ?? DEFAULTS.list.limit;
  const listing = `${state} jobs of queue "${scope.queue}"`;
  const page = await scope.store.curation.list(scope.queue, state, openCursor(listing, query.cursor), limit);
  return {
    jobs: page.jobs.map((stored) => JobHandle.ofStored(scope, stored)),
    cursor: sealCursor(listing, page.cursor),
  };
}

/** Those that wait in the order in which they start, then those that run. */
async function listGroup(scope: QueueScope, query: JobsQuery & { group: string }): Promise<JobsPage> {
  const { store, queue } = scope;
  const key = checkGroupKey(query.group, 'group in jobs');
  if (query.state !== undefined) {
    throw new InvalidValueError(
      'state',
      query.state,
      'a group is listed with its jobs that wait and run: leave it out',
    );
  }
  const limit = readCount(query.limit, 'limit', 1, DEFAULTS.list.maxLimit) ?? DEFAULTS.list.limit;
  const listing = `jobs of group "${key}" of queue "${queue}"`;
  const page = await store.groups.jobs(queue, key, openCursor(listing, query.cursor) ?? '', limit);
  const stored = page.ids.length === 0 ? [] : await store.curation.read(queue, page.ids);
  return {
    jobs: stored.flatMap((job) => (job === undefined ? [] : [JobHandle.ofStored(scope, job)])),
    cursor: sealCursor(listing, page.cursor === '' ? undefined : page.cursor),
  };
}

export function requireState(given: unknown): JobState {
  const state = readOneOf(given, JOB_STATES, 'state');
  if (state === undefined) throw new InvalidValueError('state', given, `use one of: ${JOB_STATES.join(', ')}`);
  return state;
}
