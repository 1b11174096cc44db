import { barChart, stackedChart } from './charts.mjs';
import { figureOf, median } from './statistics.mjs';
import { OURS } from './systems/catalogue.mjs';

const SHOWN = ['raw', 'bullmq', 'bullmq:rm', 'bee-queue', 'bee-queue:fast', OURS, `${OURS}:p0`];
const DRAINS = ['drain-1', 'drain-10', 'drain-100'];

const STEADY = ['steady-100', 'steady-500', 'steady-2000'];

const CHARTS = [
  {
    file: 'steady.svg',
    title: 'A steady load, handlers that wait 5 ms: µs of CPU a job',
    note: 'shorter is better; Node is producer and worker together',
    rows: STEADY.flatMap((scenario) => ['nodeUsPerJob', 'redisUsPerJob'].map((key) => [scenario, key])),
  },
  {
    file: 'steady-latency.svg',
    title: 'A steady load: µs from enqueue to handler',
    note: 'shorter is better; half of the jobs start sooner',
    rows: STEADY.map((scenario) => [scenario, 'latencyUs.p50']),
  },
  {
    file: 'enqueue.svg',
    title: 'Adding jobs: jobs per second',
    note: 'longer is better; bars compare inside a group',
    rows: ['enqueue-one', 'enqueue-loops', 'enqueue-conc', 'enqueue-bulk'].map((scenario) => [scenario, 'jobsPerSec']),
  },
  {
    file: 'drain.svg',
    title: 'Processing jobs: jobs per second by concurrency',
    note: 'longer is better; the handler does nothing',
    rows: [...DRAINS, 'retry'].map((scenario) => [scenario, 'jobsPerSec']),
  },
  {
    file: 'redis-cost.svg',
    title: 'What a job costs Redis: µs of its one thread',
    note: 'shorter is better; decides what a whole cluster carries',
    rows: ['enqueue-bulk', ...DRAINS].map((scenario) => [scenario, 'redisUsPerJob']),
  },
  {
    file: 'latency.svg',
    title: 'From enqueue to handler: µs',
    note: 'shorter is better',
    rows: ['latency-idle', 'latency-2000'].flatMap((scenario) =>
      ['p50', 'p99'].map((share) => [scenario, `latencyUs.${share}`]),
    ),
  },
  {
    file: 'delayed.svg',
    title: '10,000 jobs due at one instant: ms until the last has started',
    note: 'shorter is better',
    rows: [['delayed', 'drainMs']],
  },
  {
    file: 'memory.svg',
    title: 'Redis memory of a job: bytes',
    note: 'shorter is better; raw and bullmq:rm keep no completed jobs',
    rows: ['waitingBytes', 'completedBytes'].map((key) => ['memory', key]),
  },
];

/** @returns [{ file, title, svg, profile }]; charts without figures are left out */
export function drawCharts(findSeries) {
  const charts = CHARTS.flatMap(({ file, title, note, rows }) => {
    const groups = rows.map(([scenario, key]) => groupOf(findSeries(scenario), scenario, key)).filter(Boolean);
    return groups.length > 0 ? [{ file, title, svg: barChart({ title, note, groups }), profile: false }] : [];
  });
  return [...charts, ...profileCharts(findSeries)];
}

function groupOf(series, scenario, key) {
  if (series === undefined) return undefined;
  const bars = SHOWN.flatMap((system) => {
    const row = series.rows.find((candidate) => candidate.system === system);
    const summary = row && figureOf(row, key);
    return summary ? [{ label: system, summary, own: system.startsWith(OURS) }] : [];
  });
  return bars.length > 0 ? { label: `${scenario}: ${key}`, bars } : undefined;
}

function profileCharts(findSeries) {
  const series = findSeries('profile', { pin: true }) ?? findSeries('profile');
  if (series === undefined) return [];
  return [
    ['redis-profile.svg', 'redisUs', 'Where Redis spends the time of a job: µs'],
    ['node-profile.svg', 'nodeUs', 'Where Node spends the time of a job: µs'],
  ].map(([file, side, title]) => {
    const bars = series.rows.flatMap(({ system, runs }) =>
      ['enqueue', 'drain'].map((phase) => ({
        label: `${system}, ${phase}`,
        parts: partsOf(runs, `${phase}.${side}.`),
      })),
    );
    const note = 'shorter is better; adding in bulk, and processing at concurrency 100';
    return { file, title, svg: stackedChart({ title, note, unit: 'µs', bars }), profile: true };
  });
}

/** Medians of every part that begins like this, without the total. */
export function partsOf(runs, prefix) {
  const keys = new Set(runs.flatMap((run) => Object.keys(run).filter((key) => key.startsWith(prefix))));
  keys.delete(`${prefix}total`);
  return new Map([...keys].map((key) => [key.slice(prefix.length), median(runs.map((run) => run[key] ?? 0))]));
}
