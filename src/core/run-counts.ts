/** How a run may end, as the history of a queue counts it. `lost`: its lease was lost, and another run decides. */
export const OUTCOMES = ['completed', 'dead', 'retried', 'snoozed', 'cancelled', 'released', 'lost'] as const;
export type Outcome = (typeof OUTCOMES)[number];

const BUCKETS = 26;
/** The last but one bucket ends here: 4.7 hours. */
const LONGEST_MS = 2 ** (BUCKETS - 2);

/** Upper bounds of the buckets of a histogram, inclusive, ms: 1, 2, 4 … 16,777,216 and Infinity. */
export const HISTORY_BUCKETS_MS: readonly number[] = Object.freeze([
  ...Array.from({ length: BUCKETS - 1 }, (_, index) => 2 ** index),
  Infinity,
]);

/** Places in {@link RunCounts}. */
export const WAIT_SUM = OUTCOMES.length;
export const RUN_SUM = WAIT_SUM + 1;
export const WAIT_BUCKETS = RUN_SUM + 1;
export const RUN_BUCKETS = WAIT_BUCKETS + BUCKETS;
export const COUNTS_SIZE = RUN_BUCKETS + BUCKETS;

/** Ends by outcome, the sum of waits and of runs in ms, a histogram of waits and one of runs. */
export type RunCounts = Float64Array;

/** What ended since the last look. */
export interface RunRow {
  /** A job name; `''` for the queue as a whole. */
  name: string;
  counts: RunCounts;
}

export function emptyCounts(): RunCounts {
  return new Float64Array(COUNTS_SIZE);
}

export function addCounts(sum: RunCounts, added: ArrayLike<number>): void {
  for (let index = 0; index < COUNTS_SIZE; index++) sum[index] += added[index];
}

/** The bucket of a duration, by its logarithm. */
export function bucketOf(ms: number): number {
  if (!(ms > 1)) return 0;
  return ms > LONGEST_MS ? BUCKETS - 1 : 32 - Math.clz32(Math.ceil(ms) - 1);
}

/** The letter of an outcome or a sum in a text; buckets are a to z. */
const LETTERS = 'cdrsxlowu';
const FIRST_BUCKET = 97;

/** Three texts of letters and numbers, without what is 0: outcomes and sums, waits, runs. */
export function encodeCounts(counts: RunCounts): [outcomes: string, waits: string, runs: string] {
  const texts: [string, string, string] = ['', '', ''];
  for (const [index, count] of counts.entries()) {
    if (count === 0) continue;
    const place = index < WAIT_BUCKETS ? 0 : index < RUN_BUCKETS ? 1 : 2;
    const from = place === 1 ? WAIT_BUCKETS : RUN_BUCKETS;
    texts[place] +=
      (place === 0 ? LETTERS[index] : String.fromCharCode(FIRST_BUCKET + index - from)) + Math.round(count);
  }
  return texts;
}

/** Trusts no text: what is no letter and number counts for nothing. */
export function decodeCounts([outcomes = '', waits = '', runs = '']: readonly string[]): RunCounts {
  const counts = emptyCounts();
  for (const [, letter, digits] of outcomes.matchAll(/([a-z])(\d+)/g)) {
    const index = LETTERS.indexOf(letter);
    if (index >= 0) counts[index] = Number(digits);
  }
  for (const [first, text] of [
    [WAIT_BUCKETS, waits],
    [RUN_BUCKETS, runs],
  ] as const) {
    for (const [, letter, digits] of text.matchAll(/([a-z])(\d+)/g))
      counts[first + letter.charCodeAt(0) - FIRST_BUCKET] = Number(digits);
  }
  return counts;
}
