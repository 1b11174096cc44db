import {
  addCounts,
  bucketOf,
  COUNTS_SIZE,
  emptyCounts,
  OUTCOMES,
  RUN_BUCKETS,
  RUN_SUM,
  WAIT_BUCKETS,
  WAIT_SUM,
  type Outcome,
  type RunCounts,
  type RunRow,
} from './run-counts.js';
import { RULES } from './rules.js';

/** For jobs of names beyond the first {@link RULES.mostStatNames}. */
export const OTHER_NAMES = 'other';

const PLACES = Object.fromEntries(OUTCOMES.map((outcome, index) => [outcome, index])) as Record<Outcome, number>;

/**
 * Counts the ends of runs of one queue in this process: a look-up and five increments a run, nothing is made. The counts only rise;
 * {@link take} answers what was added since the last time.
 */
export class RunTally {
  /** By job name, in the order of their first ends. */
  readonly byName = new Map<string, RunCounts>();
  /** Ends of jobs whose name nobody knows. */
  private readonly unnamed = emptyCounts();
  private readonly taken = new Map<RunCounts, RunCounts>();
  private isTaken = true;

  /** @param waitMs from when the job was due to its start; undefined where that is not known */
  ended(name: string, outcome: Outcome, waitMs: number | undefined, runMs: number): void {
    const counts = this.byName.get(name) ?? this.add(name);
    this.isTaken = false;
    counts[PLACES[outcome]]++;
    counts[RUN_SUM] += runMs;
    counts[RUN_BUCKETS + bucketOf(runMs)]++;
    if (waitMs === undefined) return;
    counts[WAIT_SUM] += waitMs;
    counts[WAIT_BUCKETS + bucketOf(waitMs)]++;
  }

  /** Jobs ended without a run here. */
  count(name: string | undefined, outcome: Outcome, count = 1): void {
    if (count === 0) return;
    const counts = name === undefined ? this.unnamed : (this.byName.get(name) ?? this.add(name));
    this.isTaken = false;
    counts[PLACES[outcome]] += count;
  }

  /** What was added since the last call, the queue as a whole first; empty where nothing ended. */
  take(): RunRow[] {
    if (this.isTaken) return [];
    this.isTaken = true;
    const total = this.difference(this.unnamed) ?? emptyCounts();
    const rows: RunRow[] = [{ name: '', counts: total }];
    for (const [name, counts] of this.byName) {
      const added = this.difference(counts);
      if (added === undefined) continue;
      addCounts(total, added);
      rows.push({ name, counts: added });
    }
    return rows;
  }

  private add(name: string): RunCounts {
    const known = this.byName.size < RULES.mostStatNames ? name : OTHER_NAMES;
    let counts = this.byName.get(known);
    if (counts === undefined) this.byName.set(known, (counts = emptyCounts()));
    return counts;
  }

  /** @returns undefined where nothing was added */
  private difference(counts: RunCounts): RunCounts | undefined {
    let before = this.taken.get(counts);
    if (before === undefined) this.taken.set(counts, (before = emptyCounts()));
    const added = emptyCounts();
    let isAny = false;
    for (let index = 0; index < COUNTS_SIZE; index++) {
      added[index] = counts[index] - before[index];
      before[index] = counts[index];
      isAny ||= added[index] !== 0;
    }
    return isAny ? added : undefined;
  }
}
