import type { Duration } from '../core/duration.js';
import type { SettledState } from '../core/job.js';

/** A delay between attempts: a duration, or a curve with a bound and jitter. */
export type Backoff =
  | Duration
  | {
      type: 'fixed' | 'exponential' | (string & {});
      /** Default 1 s. */
      delay?: Duration;
      /** Upper bound of one delay, default 1 h. */
      max?: Duration;
      /**
       * The delay is drawn from [delay × (1 − jitter), delay]: 0 is none, 1 is full jitter. Default 0.5 for `exponential`, and
       * none for `fixed` and for strategies of your own.
       */
      jitter?: number;
    };

/** `false` keeps nothing; a missing limit keeps its default. */
export type Retention = false | { count?: number; age?: Duration; bytes?: number };

/**
 * What an enqueue waits for before it resolves.
 *
 * - `'primary'` (default): the answer of the primary.
 * - `{ replicas }`: this many replicas have received the job (`WAIT`), so a failover to one of them keeps it.
 * - `{ fsync: 'local' }`: it is on the primary's disk; `{ fsync: { replicas } }`: also on the disks of this many replicas
 *   (`WAITAOF`: Redis or Valkey 7.2 with `appendonly yes`).
 *
 * `timeout` bounds the wait for confirmations, default 1 s; too few of them is a `DurabilityUnconfirmedError`.
 */
export type DurabilityOption =
  'primary' | { replicas: number; timeout?: Duration } | { fsync: 'local' | { replicas: number }; timeout?: Duration };

/**
 * How long a job may wait for its run, and what it becomes then: `'dead'` (default), kept as a dead letter, or `'drop'`, deleted.
 * Listeners are told either way: event `dead`, with reason `expired` or `dropped`.
 */
export type Expiry = Duration | { in: Duration; then?: 'dead' | 'drop' };

/** What a job may be given at enqueue, by its definition, its queue, its processor or the module's defaults, in this order. */
export interface JobOptions {
  /** How many failed runs are allowed; after the last one the job is dead. Default 10; for jobs of schedules 3. */
  maxAttempts?: number;
  /**
   * How long a job is tried again, counted from the start of the first run that failed: an attempt that would begin later is not
   * made, and the job is dead with reason `out-of-time`. Beside `maxAttempts`: whichever ends first. Default none.
   */
  retryFor?: Duration;
  /** Delay before the next attempt. Default exponential: 1 s, 2 s, 4 s … up to 1 h, with jitter 0.5. */
  backoff?: Backoff;
  /** Longest one run may take: its `signal` is aborted and the attempt counts as failed. Default none. */
  timeout?: Duration;
  /**
   * A run may not start later than this after the enqueue, or after the job was due if it was delayed; the job is then dead
   * with reason `expired`, or with `then: 'drop'` it is deleted. Default none.
   */
  expiresIn?: Expiry;
  /** 0–9, higher first, default 0. */
  priority?: number;
  /** What the start of a run takes of the queue's rate, 1 to 1,000,000, default 1. */
  cost?: number;
  /** How many settled jobs are kept. */
  retention?: Partial<Record<SettledState, Retention>>;
  /** What an enqueue waits for, default `'primary'`. Ticks of schedules, inboxes and retries wait for the primary alone. */
  durability?: DurabilityOption;
}

/** Job options of a schedule. */
export type ScheduledJobOptions = Omit<JobOptions, 'cost' | 'durability'>;

/** Job options that mean something where jobs are handled. */
export type HandledJobOptions = Omit<ScheduledJobOptions, 'priority'>;
