import { InvalidValueError } from '../core/errors/option-errors.js';
import type { Duration } from '../core/duration.js';
import type { GroupLimits, QueueLimits, RateLimit } from '../core/limits.js';
import { readBoolean, readCount, readMs, readOneOf, refuseUnknownKeys, requireObject } from '../core/option-checks.js';

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
  /** What holds each group of the queue back, by itself. Jobs without a group have no such limit. */
  groups?: GroupLimitOptions;
}

/** Of every group of a queue that has none of its own by `setGroup`. */
export interface GroupLimitOptions {
  /** Jobs of one group that run at the same time in all processes together. */
  concurrency?: number;
  /** Of each group. */
  rate?: Rate;
  /** What groups share: the number of `jobs` that start (default), or the `time` that jobs run. */
  share?: 'jobs' | 'time';
}

export const MOST_RUNNING = 1_000_000;
const MOST_STARTS = 1_000_000;
const LONGEST_WINDOW = 30 * 86_400_000;

/** @throws InvalidValueError, UnknownOptionError */
export function readLimits(given: unknown, what: string): QueueLimits {
  requireObject(given, what, 'pass { concurrency: 5 } or { rate: { limit: 100, per: "1s" } }');
  const limits = given as LimitOptions;
  refuseUnknownKeys(limits, ['concurrency', 'rate', 'groups'], what, ['concurrency', 'rate', 'groups']);
  const groups = limits.groups === undefined ? undefined : readGroupLimits(limits.groups, `${what}: groups`);
  return { ...readBoth(limits, what), ...(groups && { groups }) };
}

function readGroupLimits(given: unknown, what: string): GroupLimits {
  requireObject(given, what, 'pass { concurrency: 1 }, { rate: { limit: 100, per: "1s" } } or { share: "time" }');
  const keys = ['concurrency', 'rate', 'share'];
  refuseUnknownKeys(given, keys, what, keys);
  const limits = given as GroupLimitOptions;
  const share = readOneOf(limits.share, ['jobs', 'time'], `${what}: share`);
  return { ...readBoth(limits, what), byTime: share === 'time' };
}

function readBoth({ concurrency, rate }: GroupLimitOptions, what: string): Pick<QueueLimits, 'running' | 'rate'> {
  return {
    running: readCount(concurrency, `${what}: concurrency`, 1, MOST_RUNNING),
    rate: rate === undefined ? undefined : readRate(rate, `${what}: rate`),
  };
}

/** @throws InvalidValueError, UnknownOptionError */
export function readRate(given: unknown, what: string): RateLimit {
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
  const { groups } = limits;
  return {
    ...showBoth(limits),
    ...(groups && { groups: { ...showBoth(groups), share: groups.byTime ? 'time' : 'jobs' } }),
  };
}

function showBoth({
  running,
  rate,
}: Pick<QueueLimits, 'running' | 'rate'>): Pick<LimitOptions, 'concurrency' | 'rate'> {
  return { ...(running !== undefined && { concurrency: running }), ...(rate && { rate: showRate(rate) }) };
}

/** As a user writes it. */
export function showRate({ limit, perMs, smooth }: RateLimit): Rate {
  return { limit, per: perMs, smooth };
}
