import type { RetentionRule, SettledState } from '../job.js';

/** The periodic work beside jobs. Any process may do it at any time; each call is one bounded step. */
export interface Duties {
  /** Scheduled jobs that are due become ready, oldest first, at most `limit`. */
  promote(queue: string, limit: number): Promise<{ promoted: number; nextDueAt: number | undefined }>;
  /**
   * Returns the jobs of workers whose lease ran out: ready at the front, or dead as `poison` at the third crash.
   * A gap in scans of more than half a lease means the store was away: nothing is reclaimed for one lease. Where nothing was in
   * flight at its beginning, that is more than three quarters.
   */
  reclaim(queue: string, leaseMs: number): Promise<ReclaimReply>;
  /** Trims settled jobs over their limits, forgets old call records, and sweeps unique keys that nobody has: one bounded step. */
  trim(
    queue: string,
    retention: Record<SettledState, RetentionRule>,
  ): Promise<{ trimmed: number; trimmedDead: number; more: boolean }>;

  /**
   * What retention of one's own needs of the jobs that ended behind a place (of the page before, or of an earlier look), oldest
   * first. Without a place from the oldest on. One that ended in the millisecond of the place may come twice.
   */
  readEnds(queue: string, state: SettledState, place: string | undefined, limit: number): Promise<EndPage>;
  /** Deletes ended jobs, some 100 at most, that are still as they were read; no event is made. @returns how many */
  dropEnds(queue: string, ends: readonly Pick<JobEnd, 'id' | 'seen'>[]): Promise<number>;
}

export interface ReclaimReply {
  now: number;
  reclaimed: number;
  /** Jobs that died as poison. */
  poisoned: string[];
  /** More expired workers wait for another step. */
  more: boolean;
  /** Jobs in flight, of any worker. */
  inflight: number;
  /** When the earliest lease in force ends. */
  nextExpiryAt: number | undefined;
  ready: number;
  nextDueAt: number | undefined;
  parked: number;
  /** When the next schedule of the queue is to be looked at. */
  nextLookAt: number | undefined;
  /** Bulk operations run. */
  hasBulks: boolean;
}

/** An ended job without its payload. */
export interface JobEnd {
  id: string;
  /** The beginning of its settled line, letter and instant: a job that was retried since has another. */
  seen: string;
  /** Of its record. */
  bytes: number;
  /** First line of its envelope without its errors, which `readHead` reads. */
  head: string;
}

export interface EndPage {
  /** Store time, ms. */
  now: number;
  ends: JobEnd[];
  /** Behind this page; undefined where none has ended yet. */
  place: string | undefined;
  /** Further ones wait for the next call. */
  more: boolean;
}
