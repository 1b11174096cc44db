/** Every state a stored job can be in; `docs/lifecycle.md` has the arrows between them. */
export const JOB_STATES = [
  'scheduled',
  'ready',
  'active',
  'parked',
  'blocked',
  'completed',
  'cancelled',
  'dead',
] as const;

export type JobState = (typeof JOB_STATES)[number];

/** States that a job never leaves by itself. */
export const SETTLED_STATES = ['completed', 'cancelled', 'dead'] as const satisfies readonly JobState[];

export type SettledState = (typeof SETTLED_STATES)[number];

export function isSettled(state: JobState): state is SettledState {
  return state === 'completed' || state === 'cancelled' || state === 'dead';
}

/** The name a job has when its producer gave none. It is stored as nothing. */
export const DEFAULT_JOB_NAME = 'default';

/**
 * Why a job is dead. `exhausted`: attempts used up; `out-of-time`: its retryFor is over; `poison`: crashed its worker too often;
 * `dropped`: it expired and is not kept.
 */
export const DEAD_REASONS = [
  'exhausted',
  'out-of-time',
  'unrecoverable',
  'poison',
  'expired',
  'dropped',
  'invalid-payload',
  'unreadable',
  'result',
  'refused',
] as const;

export type DeadReason = (typeof DEAD_REASONS)[number];

/** One failed run, as dead letters and retries keep it. */
export interface ErrorRecord {
  /** `attempt` of the run that failed. */
  attempt: number;
  /** Store time of the failure, milliseconds since the epoch. */
  at: number;
  name: string;
  message: string;
  /** Always there for the error that ended a job; of runs that were repeated, for a hundred a second per queue and process. */
  stack?: string;
}

/** How a backoff is stored with a job and configured on a processor. */
export interface BackoffSpec {
  /** `fixed`, `exponential`, or the name of a strategy registered under `backoffs`. */
  type: string;
  /** Base delay in milliseconds. */
  delayMs: number;
  /** Upper bound of one delay in milliseconds. */
  maxMs: number;
  /** 0 = none, 1 = full jitter: the delay is drawn from `[delay × (1 − jitter), delay]`. */
  jitter: number;
}

/** How many settled jobs of one kind are kept: the tightest of the three limits wins. */
export interface RetentionLimit {
  count: number;
  ageMs: number;
  bytes: number;
}

/** `false` keeps nothing. */
export type RetentionRule = RetentionLimit | false;

export type RetentionRules = Record<SettledState, RetentionRule>;
