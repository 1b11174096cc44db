import { describeValue } from './errors/described-value.js';
import type { BackoffSpec } from './job.js';
import { forget, isThenable } from './thenable.js';
import { describeThrown } from './thrown-reader.js';

const DEFAULT_MS = 1000;

/** A strategy registered under `backoffs`: attempts so far (1-based) and the error → delay in ms. */
export type BackoffStrategy = (attempt: number, error: unknown) => number;

/**
 * Delay before the run after `attempt` (the number of the run that just failed).
 * Jitter spreads jobs that failed together, so that they do not come back together.
 * @param random a number in [0, 1)
 * @param tell is told what is wrong with a strategy: it is code of users, and must not lose the job
 */
export function backoffDelay(
  spec: BackoffSpec,
  attempt: number,
  error: unknown,
  strategies: Readonly<Record<string, BackoffStrategy>>,
  random: () => number,
  tell: (problem: string) => void = () => {},
): number {
  const capped = Math.min(rawDelay(spec, attempt, error, strategies, tell), spec.maxMs);
  return Math.round(capped * (1 - spec.jitter * random()));
}

function rawDelay(
  spec: BackoffSpec,
  attempt: number,
  error: unknown,
  strategies: Readonly<Record<string, BackoffStrategy>>,
  tell: (problem: string) => void,
): number {
  if (spec.type === 'fixed') return spec.delayMs;
  // 2^31 is far over every cap: the exponent is bounded so that attempt 2000 is not Infinity.
  if (spec.type === 'exponential') return spec.delayMs * 2 ** Math.min(attempt - 1, 31);
  const strategy = Object.hasOwn(strategies, spec.type) ? strategies[spec.type] : undefined;
  // A job may carry a strategy that only a newer version registers: retrying late beats losing the job.
  return (strategy && askStrategy(strategy, attempt, error, tell)) ?? (spec.delayMs || DEFAULT_MS);
}

/** Undefined where it answers no number: that must not make a hot loop of retries. */
function askStrategy(
  strategy: BackoffStrategy,
  attempt: number,
  error: unknown,
  tell: (problem: string) => void,
): number | undefined {
  try {
    const answer: unknown = strategy(attempt, error);
    if (typeof answer === 'number' && !Number.isNaN(answer)) return Math.max(answer, 0);
    if (isThenable(answer)) {
      forget(answer);
      tell('answered a promise, and is not waited for');
    } else tell(`answered ${describeValue(answer)}`);
  } catch (thrown) {
    tell(`threw ${describeThrown(thrown)}`);
  }
  return undefined;
}
