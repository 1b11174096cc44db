// What histories say of groups: how many of each ran at once, in which order, and how long slots were free beside a job that might start.
import { runsOf } from './history.mjs';

/**
 * Runs for as long as they had their lease. A process that was frozen for longer goes on with runs that are others' by then: where a job
 * has a newer run, the old one counts until the freeze.
 * @param {Map<number, number>} frozenAt pid → when it was frozen for longer than its lease
 */
export function leasedRuns(entries, frozenAt) {
  const runs = runsOf(entries);
  const newest = new Map();
  for (const { n, fence } of runs) newest.set(n, Math.max(newest.get(n) ?? 0, fence));
  for (const run of runs) {
    const at = frozenAt.get(run.pid);
    run.isOutlived = at !== undefined && run.fence < newest.get(run.n) && run.to > at;
    if (run.isOutlived) run.to = at;
  }
  return runs.filter(({ from, to }) => from < to);
}

/** @returns {{ over: number, most: number }} starts beyond the cap of their group; the most that ran at once of any */
export function mostOfGroups(runs, keyOf, capOf) {
  const changes = runs.flatMap((run) => [
    { at: run.from, by: 1, key: keyOf(run) },
    { at: run.to, by: -1, key: keyOf(run) },
  ]);
  changes.sort((a, b) => a.at - b.at || a.by - b.by);
  const running = new Map();
  let over = 0;
  let most = 0;
  for (const { key, by } of changes) {
    const count = (running.get(key) ?? 0) + by;
    running.set(key, count);
    if (by > 0 && count > capOf(key)) over++;
    most = Math.max(most, count);
  }
  return { over, most };
}

/** @returns how many jobs of these groups first started after one that was enqueued later */
export function outOfOrder(runs, keyOf, isOrdered) {
  const last = new Map();
  const seen = new Set();
  let count = 0;
  for (const run of runs) {
    const key = keyOf(run);
    if (!isOrdered(key) || seen.has(run.n)) continue;
    seen.add(run.n);
    if (run.n < (last.get(key) ?? -1)) count++;
    last.set(key, Math.max(last.get(key) ?? -1, run.n));
  }
  return count;
}

/**
 * The longest time for which a slot was free, a group had a job that waited and might start, and none of it did.
 * @param {Map<number, { key: string, storedAt: number }>} jobs
 * @param {{ from: number, slots: number, capOf: (key: string) => number }} bounds `from`: what was before counts for nothing
 */
export function longestIdle(runs, jobs, { from, slots, capOf }) {
  const events = [];
  const started = new Set();
  for (const run of runs) {
    const isFirst = !started.has(run.n);
    started.add(run.n);
    const { key, storedAt } = jobs.get(run.n);
    // It may start before its enqueue has returned.
    const waited = isFirst && storedAt < run.from;
    if (waited) events.push({ at: storedAt, key, waiting: 1, running: 0 });
    events.push(
      { at: run.from, key, waiting: waited ? -1 : 0, running: 1 },
      { at: run.to, key, waiting: 0, running: -1 },
    );
  }
  events.sort((a, b) => a.at - b.at || a.running - b.running);
  const groups = new Map();
  let total = 0;
  let longest = 0;
  for (const { at, key, waiting, running } of events) {
    const group = groups.get(key) ?? { key, waiting: 0, running: 0, since: undefined };
    groups.set(key, group);
    group.waiting += waiting;
    group.running += running;
    total += running;
    for (const one of groups.values()) {
      const isFree = total < slots && one.waiting > 0 && one.running < capOf(one.key);
      if (one.since !== undefined) longest = Math.max(longest, at - Math.max(one.since, from));
      if (!isFree) one.since = undefined;
      else if (one.since === undefined || (one === group && running > 0)) one.since = at;
    }
  }
  return Math.round(longest);
}
