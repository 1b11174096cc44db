// What this package sets itself, as ratios to the better of bullmq and bullmq:rm in the same repeat unless said
// otherwise. `bar` must be met, `aim` is what the design is after.
import { ratioToReference, summarize } from './statistics.mjs';
import { OURS, REFERENCES } from './systems/catalogue.mjs';

const atLeast = (bar, aim, goal) => ({ better: 'more', key: 'jobsPerSec', system: OURS, ...goal, bar, aim });
const atMost = (bar, aim, goal) => ({ better: 'less', system: OURS, ...goal, bar, aim });
const DIRECT = `${OURS}:direct`;
const UNHURRIED = `${OURS}:p0`;

export const GOALS = [
  atLeast(1.1, 1.3, { what: 'enqueue-one, pinned: jobs/s', scenario: 'enqueue-one', conditions: { pin: true } }),
  atLeast(2.8, 4.5, { what: 'enqueue-loops: jobs/s', scenario: 'enqueue-loops' }),
  atLeast(5, 9, { what: 'enqueue-conc: jobs/s', scenario: 'enqueue-conc' }),
  atLeast(7, 12, { what: 'enqueue-bulk: jobs/s', scenario: 'enqueue-bulk' }),
  atLeast(20, 35, { what: 'drain-1: jobs/s', scenario: 'drain-1' }),
  atLeast(4.5, 8, { what: 'drain-10: jobs/s', scenario: 'drain-10' }),
  atLeast(6.5, 10, { what: 'drain-100: jobs/s', scenario: 'drain-100' }),
  atLeast(1.4, 2, { what: 'drain-1, prefetch 0: jobs/s', scenario: 'drain-1', system: UNHURRIED }),
  atLeast(2, 3, { what: 'drain-10, prefetch 0: jobs/s', scenario: 'drain-10', system: UNHURRIED }),
  atLeast(4.5, 7.5, { what: 'drain-100, prefetch 0: jobs/s', scenario: 'drain-100', system: UNHURRIED }),
  atLeast(8, 14, { what: 'retry: jobs/s', scenario: 'retry' }),
  atLeast(4.5, 8, { what: 'enqueue-conc, AOF: jobs/s', scenario: 'enqueue-conc', conditions: { aof: true } }),
  atLeast(7, 12, { what: 'enqueue-bulk, AOF: jobs/s', scenario: 'enqueue-bulk', conditions: { aof: true } }),
  atLeast(5.5, 9, { what: 'drain-100, AOF: jobs/s', scenario: 'drain-100', conditions: { aof: true } }),
  atLeast(4, 4, { what: 'drain-100, 1 ms of round trip added: jobs/s', scenario: 'drain-100', conditions: { rtt: 1 } }),
  atMost(1 / 10, 1 / 16, {
    what: 'Redis µs per job life (enqueue-bulk + drain-100)',
    scenario: ['enqueue-bulk', 'drain-100'],
    key: 'redisUsPerJob',
  }),
  atMost(0.8, 0.5, { what: 'latency-idle: p50', scenario: 'latency-idle', key: 'latencyUs.p50' }),
  atMost(0.45, 0.25, { what: 'latency-2000: p50', scenario: 'latency-2000', key: 'latencyUs.p50' }),
  atMost(0.8, 0.4, { what: 'latency-2000: p99', scenario: 'latency-2000', key: 'latencyUs.p99' }),
  atMost(0.2, 0.1, { what: 'delayed: until the last has started', scenario: 'delayed', key: 'drainMs' }),
  atMost(0, 0, { what: 'delayed: jobs that started early', scenario: 'delayed', key: 'early', absolute: true }),
  atMost(1 / 3, 1 / 4, { what: 'memory: bytes per waiting job', scenario: 'memory', key: 'waitingBytes' }),
  atMost(1 / 4, 1 / 6, {
    what: 'memory: bytes per kept completed job',
    scenario: 'memory',
    key: 'completedBytes',
    references: ['bullmq'], // the other one keeps none
  }),
  atMost(10, 3, {
    what: 'idle: client commands per second of ten workers',
    scenario: 'idle',
    key: 'clientCommandsPerSec',
    absolute: true,
  }),
  ...['waiting', 'delayed'].flatMap((kind) =>
    ['add', 'fetch'].map((verb) =>
      atMost(1.3, 1.1, {
        what: `growth-${kind}: Redis µs of ${verb === 'add' ? 'an add' : 'a reserve'} behind 1,000,000 against 20,000`,
        scenario: `growth-${kind}`,
        key: `${verb}Growth`,
        absolute: true,
      }),
    ),
  ),
  atMost(1.3, 1.1, {
    what: 'drain-100: Node µs per job in Nest against the worker class alone',
    scenario: 'drain-100',
    key: 'nodeUsPerJob',
    references: [DIRECT],
  }),
  atMost(1.1, 1, {
    what: 'rss: resident memory after 1,000,000 jobs against after 100,000',
    scenario: 'rss',
    key: 'growth',
    absolute: true,
  }),
  ...['cold', 'warm'].map((state) =>
    atMost(1.1, 1.1, {
      what: `split: time over the perfect split, ${state === 'cold' ? 'fresh workers' : 'after quick jobs'}`,
      scenario: 'split',
      key: `${state}OverPerfect`,
      absolute: true,
    }),
  ),
];

/** @returns the goal's figure in these results, { median, min, max }, or undefined where it was not measured */
export function measureGoal(goal, findSeries) {
  const { scenario, conditions = {}, system, key, better, absolute, references = REFERENCES } = goal;
  const names = [scenario].flat();
  const needed = absolute ? [system] : [system, ...references];
  const all = names.map((name) => findSeries(name, conditions, needed));
  if (all.includes(undefined)) return undefined;
  const rows = all.length === 1 ? all[0].rows : addUp(all, key);
  if (absolute) return summarize(rows.find((row) => row.system === system).runs.map((run) => run[key]));
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

/** @returns 'aim', 'bar' or 'missed' */
export function judge({ better, bar, aim }, value) {
  const meets = (limit) => (better === 'more' ? value >= limit : value <= limit);
  if (meets(aim)) return 'aim';
  return meets(bar) ? 'bar' : 'missed';
}
