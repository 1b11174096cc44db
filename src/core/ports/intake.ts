import type { Durability } from '../durability.js';
import type { JobState } from '../job.js';
import type { StoredJob } from './curation.js';

/** Where jobs come in: from producers, and from plain lists that other programs fill. */
export interface Intake {
  /**
   * Stores all jobs or none. A user id that is kept already answers `created: false` with the id and state of the first, and so
   * does a unique key that a live job holds, or a window of throttled calls: `onConflict` says what becomes of that job.
   * Order in a priority is the order of calls of one process.
   * With a `durability` it resolves once that many servers have confirmed the jobs.
   * @throws BrokerUnavailableError (nothing stored), EnqueueOutcomeUnknownError, StoreFullError,
   *   DurabilityUnconfirmedError (stored, and too few servers confirmed it), UnsupportedError (nothing stored)
   */
  enqueue(queue: string, jobs: readonly NewJob[], durability?: Durability): Promise<EnqueueReceipt[]>;
  /**
   * Moves up to `limit` elements of a plain list (its tail first, as LPUSH fills it) into the queue, each as a job whose
   * payload is the element. Atomic: an element is in the list or a job, never neither.
   * @returns how many were moved
   */
  takeInbox(queue: string, inbox: string, limit: number): Promise<number>;
  /** Resolves once the list may hold something, or after `timeoutMs`. Takes nothing. */
  awaitInbox(inbox: string, timeoutMs: number): Promise<void>;
}

export interface NewJob {
  envelope: string;
  userId?: string;
  /** The job's name, a space and its key: while a job that holds it is live, another one is not stored. */
  uniqueKey?: string;
  /** While the job runs it does not hold its unique key: one other job may wait. */
  freeWhileRunning?: boolean;
  /** What happens where another job has the unique key; without a due time beside throttle and debounce. Default, and of a job with a user id: that one is kept. */
  onConflict?: OnConflict;
  /** Milliseconds from now, by the store's clock. */
  delayMs?: number;
  /** An instant in ms since the epoch; used where `delayMs` is absent. */
  runAt?: number;
  /** 0 (default) to 9, higher first. */
  priority?: number;
  /** What its start takes of the queue's rate, default 1. */
  cost?: number;
  /** Whose share of the queue it takes. One that is changed by a call keeps its group: a call of another group changes nothing. */
  group?: string;
  /** While it is not finished, no other job of its group starts. */
  ordered?: boolean;
}

/**
 * What an enqueue does where another job has its unique key. A job that runs, or has an id of its own, is always kept.
 * - `replace`: the job that waits gets what this one would store: envelope, due time, traits. It keeps its place.
 * - `throttle`: the first call opens a window of `ms` and is stored. Further calls of the window are kept, or with `both`
 *   become one job at its end, with what the last of them would store.
 * - `debounce`: as `replace`, and a job that is scheduled is due `ms` after this call, at the latest `atMostMs` after the first one.
 */
export type OnConflict =
  | { kind: 'replace' }
  | { kind: 'throttle'; ms: number; both: boolean }
  | { kind: 'debounce'; ms: number; atMostMs: number };

/**
 * What became of the job that has the unique key: it stayed as it was (`kept`), or got what the call brought, in its place
 * (`replaced`) or at another due time as well (`extended`).
 */
export type Conflict = 'kept' | 'replaced' | 'extended';

export interface EnqueueReceipt {
  id: string;
  /** false: a job with this user id was kept already, or one has this unique key; `id` and `state` are its own. */
  created: boolean;
  /** `completed` also of the job of a window that is not kept any more. */
  state: JobState;
  conflict?: Conflict;
  /** Of a job that was there already: what it is now, null where it is kept no more. Absent where the store has not looked. */
  job?: StoredJob | null;
}
