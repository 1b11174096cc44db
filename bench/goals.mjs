// What this package sets itself. A goal is a ratio of medians of interleaved repeats: to the better of bullmq and
// bullmq:rm in the same repeat, unless it names other references or is absolute.
import { ratioToReference, summarize } from './statistics.mjs';
import { OURS, RAW, REFERENCES } from './systems/catalogue.mjs';

const atLeast = (bar, goal) => ({
  better: 'more',
  key: 'jobsPerSec',
  system: OURS,
  references: REFERENCES,
  ...goal,
  bar,
});
const atMost = (bar, goal) => ({ better: 'less', system: OURS, references: REFERENCES, ...goal, bar });
const UNHURRIED = `${OURS}:p0`;

/** Bars of a steady load: CPU of Node and of Redis against bullmq, the same against raw, and p50 against bullmq. */
const STEADY = [
  { perSecond: 100, node: 0.75, redis: 0.5, nodeToRaw: 1.6, redisToRaw: 2.2, p50: 0.6 },
  { perSecond: 500, node: 0.65, redis: 0.45, nodeToRaw: 1.7, redisToRaw: 2.2, p50: 0.6 },
  { perSecond: 2000, node: 0.5, redis: 0.45, nodeToRaw: 1.3, redisToRaw: 1.8, p50: 0.4 },
];

/** The loads that users run. */
const USUAL = [
  ...STEADY.flatMap(({ perSecond, node, redis, nodeToRaw, redisToRaw, p50 }) => {
    const scenario = `steady-${perSecond}`;
    const goal = (bar, key, what, references = REFERENCES) =>
      atMost(bar, { what: `${scenario}: ${what}`, scenario, key, references });
    return [
      goal(node, 'nodeUsPerJob', 'Node µs per job'),
      goal(redis, 'redisUsPerJob', 'Redis µs per job'),
      goal(nodeToRaw, 'nodeUsPerJob', 'Node µs per job, to raw', [RAW]),
      goal(redisToRaw, 'redisUsPerJob', 'Redis µs per job, to raw', [RAW]),
      goal(p50, 'latencyUs.p50', 'p50 from enqueue to handler'),
    ];
  }),
  atMost(1.06, {
    what: 'sleep-10: seconds over the perfect one',
    scenario: 'sleep-10',
    key: 'overPerfect',
    absolute: '×',
  }),
  atLeast(1.8, { what: 'mixed: add, jobs/s', scenario: 'mixed', key: 'add.jobsPerSec' }),
  atLeast(2, { what: 'mixed: drain, jobs/s', scenario: 'mixed', key: 'drain.jobsPerSec' }),
  atLeast(1.2, { what: '50 kB: enqueue-bulk, jobs/s', scenario: 'enqueue-bulk', conditions: { payload: 50_000 } }),
  atLeast(1, { what: '50 kB: drain-100, jobs/s', scenario: 'drain-100', conditions: { payload: 50_000 } }),
  atMost(1.05, { what: 'rss: resident memory of a worker after 100,000 jobs', scenario: 'rss', key: 'residentMb' }),
  atMost(1, { what: 'idle: client commands per second of ten workers', scenario: 'idle', key: 'clientCommandsPerSec' }),
  atMost(1, { what: 'idle: CPU ms per second of ten workers', scenario: 'idle', key: 'workerCpuMsPerSec' }),
  atMost(0.22, { what: 'delayed: until the last has started', scenario: 'delayed', key: 'drainMs' }),
  atMost(0, { what: 'delayed: jobs that started early', scenario: 'delayed', key: 'early', absolute: '' }),
  atMost(0.8, { what: 'latency-2000: p99', scenario: 'latency-2000', key: 'latencyUs.p99' }),
  ...['cold', 'warm'].map((state) =>
    atMost(1.1, {
      what: `split: time over the perfect split, ${state === 'cold' ? 'fresh workers' : 'after quick jobs'}`,
      scenario: 'split',
      key: `${state}OverPerfect`,
      absolute: '×',
    }),
  ),
];

/** A queue that is never empty, and handlers that do nothing. */
const SATURATED = [
  atLeast(2.8, { what: 'enqueue-loops: jobs/s', scenario: 'enqueue-loops' }),
  atLeast(5, { what: 'enqueue-conc: jobs/s', scenario: 'enqueue-conc' }),
  atLeast(7, { what: 'enqueue-bulk: jobs/s', scenario: 'enqueue-bulk' }),
  atLeast(15, { what: 'drain-1: jobs/s', scenario: 'drain-1' }),
  atLeast(5, { what: 'drain-10: jobs/s', scenario: 'drain-10' }),
  atLeast(6.5, { what: 'drain-100: jobs/s', scenario: 'drain-100' }),
  atLeast(1.2, { what: 'drain-1, prefetch 0: jobs/s', scenario: 'drain-1', system: UNHURRIED }),
  atLeast(2, { what: 'drain-10, prefetch 0: jobs/s', scenario: 'drain-10', system: UNHURRIED }),
  atLeast(4.5, { what: 'drain-100, prefetch 0: jobs/s', scenario: 'drain-100', system: UNHURRIED }),
  atLeast(6, { what: 'retry: jobs/s', scenario: 'retry' }),
  atMost(0.1, {
    what: 'Redis µs per job life (enqueue-bulk + drain-100)',
    scenario: ['enqueue-bulk', 'drain-100'],
    key: 'redisUsPerJob',
  }),
  atMost(1 / 3, { what: 'memory: bytes per waiting job', scenario: 'memory', key: 'waitingBytes' }),
  atMost(1 / 4, {
    what: 'memory: bytes per kept completed job',
    scenario: 'memory',
    key: 'completedBytes',
    references: ['bullmq'], // the other one keeps none
  }),
  ...['waiting', 'delayed'].flatMap((kind) =>
    ['add', 'fetch'].map((verb) =>
      atMost(1.5, {
        what: `growth-${kind}: Redis µs of ${verb === 'add' ? 'an add' : 'a reserve'} behind 1,000,000 against 20,000`,
        scenario: `growth-${kind}`,
        key: `${verb}Growth`,
        absolute: '×',
      }),
    ),
  ),
  atLeast(4.5, { what: 'enqueue-conc, AOF: jobs/s', scenario: 'enqueue-conc', conditions: { aof: true } }),
  atLeast(5.5, { what: 'drain-100, AOF: jobs/s', scenario: 'drain-100', conditions: { aof: true } }),
  atLeast(4, { what: 'drain-100, 1 ms of round trip added: jobs/s', scenario: 'drain-100', conditions: { rtt: 1 } }),
];

export const GOALS = { usual: USUAL, saturated: SATURATED };

/** @returns the goal's figure in these results, { median, min, max }, or undefined where it was not measured */
export function measureGoal(goal, findSeries) {
  const { scenario, conditions = {}, system, key, better, absolute, references } = goal;
  const names = [scenario].flat();
  const needed = absolute === undefined ? [system, ...references] : [system];
  const all = names.map((name) => findSeries(name, conditions, needed));
  if (all.includes(undefined)) return undefined;
  const rows = all.length === 1 ? all[0].rows : addUp(all, key);
  if (absolute !== undefined) return summarize(rows.find((row) => row.system === system).runs.map((run) => run[key]));
  return ratioToReference(rows, system, (run) => run[key], better, references);
}

/** Several scenarios as one: the figure summed repeat by repeat. */
function addUp(all, key) {
  return all[0].rows.map(({ system, runs }) => ({
    system,
    runs: runs.map((_run, repeat) => ({
      [key]: all.reduce((sum, { rows }) => sum + rows.find((row) => row.system === system)?.runs[repeat]?.[key], 0),
    })),
  }));
}

/** The bar as text, such as "≤ 0.65×". */
export function describeBar({ better, bar, absolute = '×' }) {
  const short = Number(bar.toFixed(2));
  return `${better === 'more' ? '≥' : '≤'} ${short === bar ? short : `1/${Math.round(1 / bar)}`}${absolute}`;
}

/** @returns 'passed', 'failed' or 'not measured' */
export function judge({ better, bar }, summary) {
  if (summary === undefined) return 'not measured';
  return (better === 'more' ? summary.median >= bar : summary.median <= bar) ? 'passed' : 'failed';
}
