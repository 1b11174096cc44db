import { InvalidValueError } from '../core/errors/option-errors.js';
import { checkJobName } from '../core/names.js';
import { refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import { SERIES, type SeriesName } from '../core/ports/statistics.js';
import type { Store } from '../core/ports/store.js';
import {
  emptyCounts,
  HISTORY_BUCKETS_MS,
  OUTCOMES,
  RUN_BUCKETS,
  RUN_SUM,
  WAIT_BUCKETS,
  WAIT_SUM,
  type Outcome,
  type RunCounts,
} from '../core/run-counts.js';

export interface HistoryQuery {
  /** Of jobs of this name alone. */
  name?: string;
  /** Default an hour before {@link to}. What is older than 30 days is not kept. */
  from?: Date;
  /** Default now. */
  to?: Date;
}

export interface QueueHistory {
  /** Length of a step: a minute for what began within 8 hours, ten minutes within three days, else an hour. */
  stepMs: number;
  /** Job names that the history has, at most 50 and `other` for all further ones. */
  names: string[];
  /** When the first process of each release started. */
  deploys: { at: Date; version: string }[];
  /** A step each, oldest first, those without a run among them. The newest one is not over. */
  points: HistoryPoint[];
}

export interface HistoryPoint extends Record<Outcome, number> {
  /** Begin of the step. */
  at: Date;
  /** From when a job was due, or was enqueued, to its start: of first attempts. Undefined where there were none. */
  wait?: Spread;
  /** How long runs took. */
  run?: Spread;
}

/** How durations are spread. Percentiles are as exact as the buckets: they lie in the right one. */
export interface Spread {
  count: number;
  meanMs: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
  /** Durations in each bucket of {@link HISTORY_BUCKETS_MS}. */
  buckets: number[];
}

/** As long as a query says nothing. */
const DEFAULT_RANGE_MS = 3_600_000;

type HistoryStore = Pick<Store, 'connection' | 'statistics'>;

/** @throws InvalidValueError, UnknownOptionError */
export async function readHistory(store: HistoryStore, queue: string, query: unknown = {}): Promise<QueueHistory> {
  requireObject(query, 'query of history', 'pass an object such as { name: "send", from: new Date(…) }');
  refuseUnknownKeys(query, ['name', 'from', 'to'], 'history');
  const { name, from: givenFrom, to: givenTo } = query as HistoryQuery;
  if (name !== undefined) checkJobName(name);
  const now = store.connection.now();
  const to = Math.min(now, readInstant(givenTo, 'to') ?? now);
  const from = readInstant(givenFrom, 'from') ?? to - DEFAULT_RANGE_MS;
  if (from > to) throw new InvalidValueError('from', givenFrom, 'use an instant before `to` and before now');
  const series = seriesFor(now - from);
  const { stepMs, slots } = SERIES[series];
  const first = Math.max(Math.floor(from / stepMs), Math.floor(now / stepMs) - slots + 1);
  const last = Math.floor(to / stepMs);
  const [outline, found] = await Promise.all([
    store.statistics.outline(queue),
    store.statistics.read(queue, name ?? '', series, first, last),
  ]);
  const bySlot = new Map(found.map(({ slot, counts }) => [slot, counts]));
  const points: HistoryPoint[] = [];
  for (let slot = first; slot <= last; slot++) points.push(pointOf(slot * stepMs, bySlot.get(slot) ?? emptyCounts()));
  return {
    stepMs,
    names: outline.names,
    deploys: outline.deploys
      .filter(({ at }) => at >= first * stepMs && at <= to)
      .map(({ at, version }) => ({ at: new Date(at), version })),
    points,
  };
}

/** The finest one that reaches so far back. */
function seriesFor(ageMs: number): SeriesName {
  const reaches = (name: SeriesName): boolean => ageMs <= SERIES[name].stepMs * (SERIES[name].slots - 1);
  return reaches('minutes') ? 'minutes' : reaches('tenMinutes') ? 'tenMinutes' : 'hours';
}

function readInstant(given: unknown, what: string): number | undefined {
  if (given === undefined) return undefined;
  if (given instanceof Date && Number.isFinite(given.getTime())) return given.getTime();
  throw new InvalidValueError(what, given, 'pass a valid Date');
}

function pointOf(at: number, counts: RunCounts): HistoryPoint {
  const outcomes = Object.fromEntries(OUTCOMES.map((outcome, index) => [outcome, counts[index]]));
  const wait = spreadOf(counts[WAIT_SUM], counts.subarray(WAIT_BUCKETS, RUN_BUCKETS));
  const run = spreadOf(counts[RUN_SUM], counts.subarray(RUN_BUCKETS));
  return {
    at: new Date(at),
    ...(outcomes as Record<Outcome, number>),
    ...(wait && { wait }),
    ...(run && { run }),
  };
}

/** @returns undefined where there is no duration */
function spreadOf(sumMs: number, given: ArrayLike<number>): Spread | undefined {
  const buckets = Array.from(given);
  const count = buckets.reduce((sum, each) => sum + each, 0);
  if (count === 0) return undefined;
  const percentile = (share: number): number => percentileOf(buckets, count * share);
  return {
    count,
    meanMs: sumMs / count,
    p50Ms: percentile(0.5),
    p95Ms: percentile(0.95),
    p99Ms: percentile(0.99),
    buckets,
  };
}

/** Straight inside a bucket; of the last one, which has no end, its begin. */
function percentileOf(buckets: readonly number[], rank: number): number {
  let before = 0;
  for (const [index, inside] of buckets.entries()) {
    if (before + inside < rank || inside === 0) {
      before += inside;
      continue;
    }
    const begin = index === 0 ? 0 : HISTORY_BUCKETS_MS[index - 1];
    const end = HISTORY_BUCKETS_MS[index];
    return end === Infinity ? begin : begin + ((end - begin) * (rank - before)) / inside;
  }
  return 0;
}
