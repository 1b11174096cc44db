import type { Durability } from '../durability.js';
import type { JobState } from '../job.js';

/** Where jobs come in: from producers, and from plain lists that other programs fill. */
export interface Intake {
  /**
   * Stores all jobs or none. A user id that is kept already answers `created: false` with the id and state of the first.
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
  /** Milliseconds from now, by the store's clock. */
  delayMs?: number;
  /** An instant in ms since the epoch; used where `delayMs` is absent. */
  runAt?: number;
  /** 0 (default) to 9, higher first. */
  priority?: number;
}

export interface EnqueueReceipt {
  id: string;
  /** false: a job with this user id was kept already, and `id` and `state` are its own. */
  created: boolean;
  state: JobState;
}
