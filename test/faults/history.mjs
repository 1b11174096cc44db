// An append-only history per process, and what can be counted from all of them.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';

/** Milliseconds of CLOCK_MONOTONIC: the same clock in every process of a machine, whatever their wall clocks say. */
export function instant() {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

/** @returns a function that appends an entry before it returns: a killed process loses none that it noted */
export function openHistory(file) {
  return (type, entry = {}) =>
    appendFileSync(file, JSON.stringify({ type, at: instant(), pid: process.pid, ...entry }) + '\n');
}

export function readHistory(file) {
  if (!existsSync(file)) return [];
  // The last line of a killed process may be half written.
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line));
}

/** One entry per run: from its start to its end, to the death of its process, or open. */
export function runsOf(entries) {
  const open = new Map();
  const runs = [];
  const deaths = new Map(entries.filter(({ type }) => type === 'death').map(({ of, at }) => [of, at]));
  for (const entry of entries) {
    if (entry.type === 'start') {
      const run = {
        n: entry.n,
        id: entry.id,
        pid: entry.pid,
        attempt: entry.attempt,
        fence: entry.fence,
        from: entry.at,
        to: undefined,
      };
      open.set(`${entry.pid} ${entry.run}`, run);
      runs.push(run);
    } else if (entry.type === 'end') {
      const run = open.get(`${entry.pid} ${entry.run}`);
      if (run) Object.assign(run, { to: entry.at, ended: true, ok: entry.ok });
    }
  }
  for (const run of runs) run.to ??= deaths.get(run.pid) ?? Infinity;
  return runs.sort((a, b) => a.from - b.from);
}

/**
 * @param {object} evidence
 * @param {Map<number, string>} evidence.calls what became of the enqueue of each n: 'stored' | 'refused' | 'unknown' | 'open'
 * @param {object[]} evidence.entries all histories
 * @param {{ n: number, id: string, state: string }[]} evidence.jobs what the store holds
 * @param {string[]} evidence.violations what an audit of the store found wrong
 * @param {Map<number, number>} evidence.retried n of jobs that may fail → how many lives they were given
 */
export function figuresOf({ calls, entries, jobs, violations, retried }) {
  const runs = runsOf(entries);
  const stored = new Map();
  for (const job of jobs) {
    if (!stored.has(job.n)) stored.set(job.n, []);
    stored.get(job.n).push(job);
  }
  const countOf = (test) => [...calls].filter(test).length;
  const runsPerN = new Map();
  for (const run of runs) {
    if (!runsPerN.has(run.n)) runsPerN.set(run.n, []);
    runsPerN.get(run.n).push(run);
  }
  let extraRuns = 0;
  let overlaps = 0;
  // Of one job: the second one of a call that was stored twice is no extra run.
  const runsPerJob = new Map();
  for (const run of runs) {
    const job = `${run.n} ${run.id}`;
    if (!runsPerJob.has(job)) runsPerJob.set(job, []);
    runsPerJob.get(job).push(run);
  }
  for (const list of runsPerJob.values()) {
    const [{ n }] = list;
    extraRuns += retried.has(n) ? repeatedAttempts(list, retried.get(n)) : list.length - 1;
    for (let i = 1; i < list.length; i++) if (list[i].from < list[i - 1].to) overlaps++;
  }
  // Completed by a run that was not the newest.
  let staleSettlements = 0;
  for (const { id, n, state, detail } of jobs) {
    const fence = state === 'completed' && fenceOf(detail);
    // A job with an id of its user's runs under that: where there is one job, its runs are those of n.
    const isSole = stored.get(n).length === 1;
    if (fence && runsPerN.get(n)?.some((run) => (isSole || run.id === id) && run.fence > fence)) staleSettlements++;
  }
  const isEnd = ({ state }) => state === 'completed' || state === 'dead' || state === 'cancelled';
  return {
    stored: countOf(([, outcome]) => outcome === 'stored'),
    completed: jobs.filter(({ state }) => state === 'completed').length,
    dead: jobs.filter(({ state }) => state === 'dead').length,
    lost: countOf(([n, outcome]) => outcome === 'stored' && !stored.has(n)),
    unfinished: countOf(([n, outcome]) => outcome === 'stored' && stored.has(n) && !stored.get(n).some(isEnd)),
    // A run or a record of something that nobody enqueued, or whose enqueue was refused as "nothing was stored".
    phantom:
      [...runsPerN.keys()].filter((n) => !calls.has(n) || calls.get(n) === 'refused').length +
      [...stored.keys()].filter((n) => !runsPerN.has(n) && (!calls.has(n) || calls.get(n) === 'refused')).length,
    duplicates: [...stored.values()].reduce((sum, list) => sum + list.length - 1, 0),
    completedTwice: [...stored.values()].filter((list) => list.filter(({ state }) => state === 'completed').length > 1)
      .length,
    extraRuns,
    overlaps,
    staleSettlements,
    unknown: countOf(([, outcome]) => outcome === 'unknown'),
    unsettled: countOf(([, outcome]) => outcome === 'open'),
    violations,
  };
}

/** A further attempt was asked for; the same attempt once more, in the same life, was not. */
function repeatedAttempts(runs, lives) {
  const times = new Map();
  for (const { attempt } of runs) times.set(attempt, (times.get(attempt) ?? 0) + 1);
  let repeated = 0;
  for (const count of times.values()) repeated += Math.max(0, count - lives);
  return repeated;
}

function fenceOf(result) {
  return Number(/^\{"fence":(\d+)\}$/.exec(result)?.[1] ?? 0);
}
