// The part of the page that says where the time of a job goes, and what single decisions are worth.
import { partsOf } from './report-charts.mjs';
import { figureOf, formatNumber } from './statistics.mjs';
import { OURS } from './systems/catalogue.mjs';

const SHOWN_PARTS = 14;

/** What one decision bought, as one figure with it and without it. */
const DECISIONS = [
  {
    decision: 'Calls of one tick travel in one script',
    figure: 'Redis µs per add: 1000 in flight against one at a time',
    key: 'redisUsPerJob',
    with: ['enqueue-conc', OURS],
    without: ['enqueue-one', OURS],
  },
  {
    decision: 'Bulk calls are one script each',
    figure: 'Redis µs per add: bulk against one at a time',
    key: 'redisUsPerJob',
    with: ['enqueue-bulk', OURS],
    without: ['enqueue-one', OURS],
  },
  ...[1, 10, 100].map((concurrency) => ({
    decision: `Prefetch follows the handler's time (concurrency ${concurrency})`,
    figure: 'jobs/s: `auto` against `prefetch: 0`',
    key: 'jobsPerSec',
    with: [`drain-${concurrency}`, OURS],
    without: [`drain-${concurrency}`, `${OURS}:p0`],
  })),
  {
    decision: 'A turn settles a batch and reserves the next',
    figure: 'Redis µs per job, nothing prefetched: 100 in flight against one',
    key: 'redisUsPerJob',
    with: ['drain-100', `${OURS}:p0`],
    without: ['drain-1', `${OURS}:p0`],
  },
  {
    decision: 'Handlers are resolved once, at boot',
    figure: 'Node µs per job: decorated method in Nest against the worker class alone',
    key: 'nodeUsPerJob',
    with: ['drain-100', OURS],
    without: ['drain-100', `${OURS}:direct`],
  },
  {
    decision: 'Completed jobs are kept, bounded, in the same script',
    figure: 'Redis µs per job: kept by default against not kept',
    key: 'redisUsPerJob',
    with: ['drain-100', OURS],
    without: ['drain-100', `${OURS}:forget`],
  },
  {
    decision: 'Events are made only while somebody listens',
    figure: 'Redis µs per job: nobody listens against one listener',
    key: 'redisUsPerJob',
    with: ['drain-100', OURS],
    without: ['drain-100', `${OURS}:events`],
  },
  {
    decision: 'Jobs that complete together share a field',
    figure: 'bytes per completed job with a small result: here against bullmq',
    key: 'completedBytes',
    with: ['memory', OURS],
    without: ['memory', 'bullmq'],
  },
  {
    decision: 'No key per job: one hash, one list of ids',
    figure: 'bytes per waiting job: here against bullmq',
    key: 'waitingBytes',
    with: ['memory', OURS],
    without: ['memory', 'bullmq'],
  },
];

export function describeCosts(findSeries, charts) {
  return [...profileSection(findSeries, charts), ...decisionSection(findSeries)];
}

function profileSection(findSeries, charts) {
  const series = findSeries('profile', { pin: true }, [OURS]) ?? findSeries('profile', {}, [OURS]);
  if (series === undefined) return [];
  const { runs } = series.rows.find(({ system }) => system === OURS);
  const tableOf = (side) => {
    const [adding, processing] = ['enqueue', 'drain'].map((phase) => partsOf(runs, `${phase}.${side}.`));
    const names = [...new Set([...adding.keys(), ...processing.keys()])]
      .map((name) => ({ name, a: adding.get(name) ?? 0, p: processing.get(name) ?? 0 }))
      .toSorted((one, other) => other.a + other.p - (one.a + one.p));
    const rest = names.splice(SHOWN_PARTS);
    const sum = (list, key) => list.reduce((total, entry) => total + entry[key], 0);
    const lines = [...names, { name: 'the rest', a: sum(rest, 'a'), p: sum(rest, 'p') }];
    const total = { name: '**together**', a: sum(lines, 'a'), p: sum(lines, 'p') };
    return [
      '| | adding, µs | processing, µs |\n|---|---:|---:|',
      ...[...lines, total].map(({ name, a, p }) => `| ${name} | ${formatNumber(a)} | ${formatNumber(p)} |`),
    ].join('\n');
  };
  return [
    '## Where the time of a job goes',
    'Adding in bulk and processing at concurrency 100, per job. The sampling profiler was on, which makes Node slower than in the tables.',
    ...charts.map(({ file, title }) => `![${title}](charts/${file})`),
    '### In Redis',
    'CPU of its main thread. A command is what scripts called; "Lua itself" is the rest of the scripts.',
    tableOf('redisUs'),
    '### In Node',
    'CPU of the process, by the file of this package or the library whose code ran. "V8 and native code" includes built-in functions such as those of JSON, and the kernel.',
    tableOf('nodeUs'),
  ];
}

function decisionSection(findSeries) {
  const lines = DECISIONS.flatMap(({ decision, figure, key, with: chosen, without }) => {
    // Two systems of one scenario come from one series, so that they met the same noise.
    const together = chosen[0] === without[0] ? [chosen[1], without[1]] : undefined;
    const [a, b] = [chosen, without].map(([scenario, system]) => {
      const row = findSeries(scenario, {}, together ?? [system])?.rows.find((candidate) => candidate.system === system);
      return row && figureOf(row, key);
    });
    if (a === undefined || b === undefined) return [];
    return [
      `| ${decision} | ${figure} | ${formatNumber(a.median)} | ${formatNumber(b.median)} | ${formatNumber(a.median / b.median)}× |`,
    ];
  });
  if (lines.length === 0) return [];
  const head = '| decision | figure | with it | without | |\n|---|---|---:|---:|---:|';
  return ['## What single decisions are worth', [head, ...lines].join('\n')];
}
