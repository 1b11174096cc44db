import type { Deploy } from '../core/ports/statistics.js';
import type { RunCounts } from '../core/run-counts.js';

/** What a queue knows of the runs that ended: `series name` → slot → counts. */
export class RunHistory {
  readonly series = new Map<string, Map<number, RunCounts>>();
  /** Job name → hour in which it was counted last. */
  readonly names = new Map<string, number>();
  readonly sequences = new Map<string, number>();
  deploys: Deploy[] = [];
}
