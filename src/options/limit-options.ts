import { InvalidValueError } from '../core/errors/option-errors.js';
import type { Duration } from '../core/duration.js';
import type { QueueLimits, RateLimit } from '../core/limits.js';
import { readBoolean, readCount, readMs, refuseUnknownKeys, requireObject } from '../core/option-checks.js';

/** At most `limit` starts in every window of `per`, whenever it begins, by the store's clock. Retries are starts, too. */
export interface Rate {
  /** 1 to 1,000,000. A job of cost n counts n times. */
  limit: number;
  /** 1 ms to 30 days. */
  per: Duration;
  /** Starts are spaced evenly instead of as they come. Default false. */
  smooth?: boolean;
}

/** What holds a queue back over all processes together. All of it holds at once. */
export interface LimitOptions {
  /** Jobs that run at the same time in all processes together. */
  concurrency?: number;
  rate?: Rate;
}

const MOST_RUNNING = 1_000_000;
const MOST_STARTS = 1_000_000;
const LONGEST_WINDOW = 30 * 86_400_000;

/** @throws InvalidValueError, UnknownOptionError */
export function readLimits(given: unknown, what: string): QueueLimits {
  requireObject(given, what, 'pass { concurrency: 5 } or { rate: { limit: 100, per: "1s" } }');
  const limits = given as LimitOptions;
  refuseUnknownKeys(limits, ['concurrency', 'rate'], what, ['concurrency', 'rate']);
  const running = readCount(limits.concurrency, `${what}: concurrency`, 1, MOST_RUNNING);
  const rate = limits.rate === undefined ? undefined : readRate(limits.rate, `${what}: rate`);
  return { running, rate };
}

function readRate(given: unknown, what: string): RateLimit {
  const remedy = 'pass { limit: 100, per: "1s" }';
  requireObject(given, what, remedy);
  refuseUnknownKeys(given, ['limit', 'per', 'smooth'], what);
  const { limit, per, smooth } = given as Rate;
  const count = readCount(limit, `${what}: limit`, 1, MOST_STARTS);
  const perMs = readMs(per, `${what}: per`, 1, LONGEST_WINDOW);
  if (count === undefined || perMs === undefined) throw new InvalidValueError(what, given, remedy);
  return { limit: count, perMs, smooth: readBoolean(smooth, `${what}: smooth`) ?? false };
}

/** As a user writes them. */
export function showLimits(limits: QueueLimits | undefined): LimitOptions | undefined {
  if (limits === undefined) return undefined;
  const { running, rate } = limits;
  return {
    ...(running !== undefined && { concurrency: running }),
    ...(rate && { rate: { limit: rate.limit, per: rate.perMs, smooth: rate.smooth } }),
  };
}
