import type { EnvelopeHeader } from './envelope.js';

/** How many failed runs are allowed where a job itself does not say it. */
export interface AttemptLimits {
  maxAttempts: number;
  /** Of the jobs of schedules: their next tick comes anyway. */
  maxAttemptsOfTicks: number;
}

/** How many failed runs this job is allowed: its own number, else the one that is configured for jobs of its kind. */
export function attemptLimitOf({ m, c }: EnvelopeHeader, limits: AttemptLimits): number {
  return m ?? (c === undefined ? limits.maxAttempts : limits.maxAttemptsOfTicks);
}
