import type { EnqueueReceipt, NewJob } from '../core/ports/intake.js';

/**
 * The jobs of one script without those that it would surely keep out: their unique key is that of a job before them in the same script,
 * which has stored it, or has met the job that holds the key. They need no row of their own.
 */
export interface DistinctJobs {
  jobs: readonly NewJob[];
  ids: readonly string[];
  /** @param receipts of `jobs` @returns those of all */
  spread(receipts: EnqueueReceipt[]): EnqueueReceipt[];
}

export function withoutRepeatedKeys(jobs: readonly NewJob[], ids: readonly string[]): DistinctJobs {
  if (!jobs.some(isOnlyKept)) return { jobs, ids, spread: (receipts) => receipts };
  const rowOfKey = new Map<string, number>();
  const rows: number[] = []; // which job has the row
  const rowOf = jobs.map((job, index) => {
    const key = isOnlyKept(job) ? job.uniqueKey : undefined;
    const first = key === undefined ? undefined : rowOfKey.get(key);
    if (first !== undefined) return first;
    if (key !== undefined) rowOfKey.set(key, rows.length);
    return rows.push(index) - 1;
  });
  if (rows.length === jobs.length) return { jobs, ids, spread: (receipts) => receipts };
  return {
    jobs: rows.map((index) => jobs[index]),
    ids: rows.map((index) => ids[index]),
    spread: (receipts) => rowOf.map((row, index) => (rows[row] === index ? receipts[row] : keptBy(receipts[row]))),
  };
}

/** Whether the job is stored unless another one has its key, and changes nothing about that one. */
function isOnlyKept({ uniqueKey, onConflict, userId }: NewJob): boolean {
  return uniqueKey !== undefined && onConflict === undefined && userId === undefined;
}

function keptBy(first: EnqueueReceipt): EnqueueReceipt {
  return first.created ? { id: first.id, created: false, state: first.state, conflict: 'kept' } : first;
}
