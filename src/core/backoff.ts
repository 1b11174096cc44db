import type { BackoffSpec } from './job.js';

/** A strategy registered under `backoffs`: attempts so far (1-based) and the error → delay in ms. */
export type BackoffStrategy = (attempt: number, error: unknown) => number;

/**
 * Delay before the run after `attempt` (the number of the run that just failed).
 * Jitter spreads jobs that failed together, so that they do not come back together.
 * @param random a number in [0, 1)
 */
export function backoffDelay(
  spec: BackoffSpec,
  attempt: number,
  error: unknown,
  strategies: Readonly<Record<string, BackoffStrategy>>,
  random: () => number,
): number {
  const raw = rawDelay(spec, attempt, error, strategies);
  // A strategy that answers no number (a promise, NaN) must not make a hot loop of retries.
  const delay = typeof raw === 'number' && !Number.isNaN(raw) ? Math.max(raw, 0) : spec.delayMs || 1000;
  const capped = Math.min(delay, spec.maxMs);
  return Math.round(capped * (1 - spec.jitter * random()));
}

function rawDelay(
  spec: BackoffSpec,
  attempt: number,
  error: unknown,
  strategies: Readonly<Record<string, BackoffStrategy>>,
): number {
  if (spec.type === 'fixed') return spec.delayMs;
  // 2^31 is far over every cap: the exponent is bounded so that attempt 2000 is not Infinity.
  if (spec.type === 'exponential') return spec.delayMs * 2 ** Math.min(attempt - 1, 31);
  const strategy = Object.hasOwn(strategies, spec.type) ? strategies[spec.type] : undefined;
  // A job may carry a strategy that only a newer version registers: retrying late beats losing the job.
  return strategy ? strategy(attempt, error) : spec.delayMs || 1000;
}
