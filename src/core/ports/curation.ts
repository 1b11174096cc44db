import type { JobState } from '../job.js';
import type { Token } from './worker-store.js';

/** Looking at stored jobs, and changing what becomes of them by hand. */
export interface Curation {
  /** The stored jobs of these ids (the store's own, or else a user's), in order; undefined where nothing is kept. */
  read(queue: string, ids: readonly string[]): Promise<(StoredJob | undefined)[]>;
  logs(queue: string, id: string): Promise<string[]>;
  /**
   * One page of a state: `ready` and `scheduled` next to run first, settled newest first. A page of `active` may hold a few
   * jobs more than `limit`, and a job that runs all the time may be met twice.
   */
  list(queue: string, state: JobState, cursor: string | undefined, limit: number): Promise<JobPage>;
  counts(queue: string): Promise<QueueCounts>;
  /** Since when jobs wait. It writes nothing. */
  oldest(queue: string): Promise<OldestJobs>;

  setPaused(queue: string, paused: boolean): Promise<void>;
  isPaused(queue: string): Promise<boolean>;
  /** Not started: cancelled at once. Active: a durable mark, and no further attempt. */
  cancel(queue: string, id: string): Promise<CancelAnswer | 'not-found'>;
  /**
   * A dead job becomes ready with this envelope, if it is still the dead job that was read (`settledAt`), and no live job holds its
   * unique key: else `conflict` and the id of that one.
   */
  retryDead(queue: string, id: string, settledAt: number, envelope: string): Promise<RetryAnswer>;
  /** A scheduled job is due now, and becomes ready at the back of its priority; of another job the state is answered. */
  promoteJob(queue: string, id: string): Promise<'promoted' | Exclude<JobState, 'scheduled'> | 'not-found'>;
  /** Deletes a job that does not run. */
  remove(queue: string, id: string): Promise<'removed' | 'active' | 'not-found'>;
  /** Deletes up to `limit` (at most 1000) jobs of a state that does not run. */
  purge(queue: string, state: Exclude<JobState, 'active'>, limit: number): Promise<{ removed: number; more: boolean }>;
}

export interface StoredJob {
  id: string;
  state: JobState;
  /** The record as stored: an envelope, behind its settled line where the job has ended. */
  record: string;
  /** When a scheduled job is due. */
  dueAt: number | undefined;
  progress: string | undefined;
  /** Its cancellation was asked for. */
  cancelling: boolean;
  /** Of an active job: its lease. */
  token: Token | undefined;
}

/**
 * How many jobs are in each state, and whether the queue is paused. `blocked` are those of the ready ones whose group may not start.
 */
export type QueueCounts = Record<JobState, number> & { paused: boolean };

export interface OldestJobs {
  /** Store time, ms. */
  now: number;
  /**
   * Since when the job waits that is first in its part of the line, or is due and not yet ready, ms. Of a job that failed before: since
   * its last failure.
   */
  readySince: number | undefined;
  /** When the first of the dead jobs died, ms. */
  deadSince: number | undefined;
}

export interface JobPage {
  jobs: StoredJob[];
  /** Pass it on for the next page; undefined at the end. */
  cursor: string | undefined;
}

export type RetryAnswer = 'retried' | 'changed' | 'not-found' | `conflict ${string}`;

export type CancelAnswer = 'cancelled' | 'requested' | 'finished';
