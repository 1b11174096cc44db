import type { HistoryPoint, Spread } from '../wire-models.js';

export type Summary = Pick<Spread, 'count' | 'p50Ms' | 'p95Ms' | 'p99Ms'>;

/** The distribution over several points of a history. */
export function sumSpreads(
  points: readonly HistoryPoint[],
  of: 'wait' | 'run',
  boundsMs: readonly number[],
): Summary | undefined {
  const buckets: number[] = [];
  for (const point of points)
    point[of]?.buckets.forEach((count, index) => (buckets[index] = (buckets[index] ?? 0) + count));
  const count = buckets.reduce((sum, one) => sum + (one ?? 0), 0);
  if (count === 0) return undefined;
  const at = (part: number): number => percentile(buckets, boundsMs, count * part);
  return { count, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
}

function percentile(buckets: readonly number[], boundsMs: readonly number[], rank: number): number {
  let below = 0;
  for (let index = 0; index < buckets.length; index++) {
    const count = buckets[index] ?? 0;
    if (count > 0 && below + count >= rank) {
      const from = index === 0 ? 0 : boundsMs[index - 1];
      const to = boundsMs[index] ?? from * 2;
      return from + ((rank - below) / count) * (to - from);
    }
    below += count;
  }
  return boundsMs.at(-1) ?? 0;
}

const COUNTED = ['completed', 'dead', 'retried', 'snoozed', 'cancelled', 'released', 'lost'] as const;

/** Joins neighbours until at most `most` points are left: a chart has no more columns than that. */
export function thin(points: readonly HistoryPoint[], most: number, boundsMs: readonly number[]): HistoryPoint[] {
  const size = Math.ceil(points.length / most);
  if (size <= 1) return [...points];
  const joined: HistoryPoint[] = [];
  for (let start = 0; start < points.length; start += size) {
    const part = points.slice(start, start + size);
    const sum = { ...part[0] };
    for (const key of COUNTED) sum[key] = part.reduce((total, point) => total + point[key], 0);
    for (const of of ['wait', 'run'] as const) sum[of] = joinSpreads(part, of, boundsMs);
    joined.push(sum);
  }
  return joined;
}

function joinSpreads(
  part: readonly HistoryPoint[],
  of: 'wait' | 'run',
  boundsMs: readonly number[],
): Spread | undefined {
  const summary = sumSpreads(part, of, boundsMs);
  if (summary === undefined) return undefined;
  const buckets: number[] = Array.from({ length: boundsMs.length + 1 }, () => 0);
  for (const point of part) point[of]?.buckets.forEach((count, index) => (buckets[index] += count));
  return { ...summary, buckets };
}
