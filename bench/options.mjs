import { parseArgs } from 'node:util';
import { createScenarios } from './scenarios.mjs';
import { DEFAULT_SYSTEMS, SYSTEM_NAMES } from './systems/catalogue.mjs';

export const USAGE = `npm run bench -- [options]

  --scenario a,b     which ones, or "all"; default: all but the long ones (see --list)
  --systems a,b      default: ${DEFAULT_SYSTEMS.join(',')}
  --repeats N        systems take turns inside each repeat; default 3
  --plan NAME        several runs in one file: "goals" (what the goals need) or "full" (everything the report shows)
  --aof              Redis with appendonly yes, appendfsync everysec
  --payload BYTES    100 (default), 2000 or 50000
  --rtt MS           0 (default) or 1: a proxy in front of Redis that adds this round trip, for every system
  --queues N         queues of the "queues" scenario, default 10
  --workers N        worker processes of the "workers" scenario, default 4
  --pin              Redis on CPU 0, Node on CPU 1 (needs taskset): steadier where one job is in flight
  --scale F          multiplies job counts, default 1
  --out FILE         results; a file that exists keeps what this run does not measure; default bench/results/<time>.json
  --no-build         measure dist/ as it is
  --list             scenarios and systems
  --report           writes docs/performance.md from the newest results
  --from FILE        with --report: from these results
`;

/** What every run of a plan has unless the plan says otherwise. */
export const CONDITIONS = { aof: false, payload: 100, rtt: 0, pin: false, queues: 10, workers: 4, scale: 1 };

const ALLOWED = { payload: [100, 2000, 50_000], rtt: [0, 1] };

/** @throws with a line for the user */
export function readOptions(argv) {
  const text = { type: 'string' };
  const flag = { type: 'boolean' };
  const { values } = parseArgs({
    args: argv,
    options: {
      ...{ scenario: text, systems: text, repeats: text, plan: text, payload: text, rtt: text, queues: text },
      ...{ workers: text, scale: text, out: text, from: text, aof: flag, pin: flag, 'no-build': flag },
      ...{ list: flag, report: flag, help: flag },
    },
  });
  const conditions = { ...CONDITIONS, aof: values.aof === true, pin: values.pin === true };
  for (const name of ['payload', 'rtt', 'queues', 'workers', 'scale']) {
    if (values[name] !== undefined) conditions[name] = positive(name, values[name], ALLOWED[name]);
  }
  const systems = namesOf('system', values.systems, SYSTEM_NAMES);
  const repeats = values.repeats === undefined ? 3 : positive('repeats', values.repeats);
  const options = { repeats, out: values.out, from: values.from, build: !values['no-build'] };
  for (const mode of ['list', 'report', 'help']) options[mode] = values[mode] === true;
  options.runs = values.plan === undefined ? [{ conditions, scenarios: chosen(), systems }] : planNamed(values.plan);
  return options;

  function chosen() {
    const catalogue = createScenarios(conditions);
    const names = Object.keys(catalogue);
    if (values.scenario === 'all') return names;
    return namesOf('scenario', values.scenario, names) ?? names.filter((name) => !catalogue[name].extra);
  }

  function planNamed(name) {
    if (!Object.hasOwn(PLANS, name)) throw new Error(`Unknown plan "${name}". Known: ${Object.keys(PLANS).join(', ')}`);
    return PLANS[name].map((run) => ({
      conditions: { ...conditions, ...run.conditions },
      scenarios: run.scenarios,
      systems: systems ?? run.systems,
    }));
  }
}

const RIVALS = ['bullmq', 'bullmq:rm'];
const GOALS = [
  { scenarios: ['enqueue-one'], conditions: { pin: true }, systems: [...RIVALS, 'task-queue'] },
  {
    scenarios: ['enqueue-loops', 'enqueue-conc', 'enqueue-bulk', 'memory', 'idle'],
    systems: [...RIVALS, 'task-queue'],
  },
  {
    scenarios: ['drain-1', 'drain-10', 'drain-100'],
    systems: [...RIVALS, 'task-queue', 'task-queue:p0', 'task-queue:direct'],
  },
  { scenarios: ['latency-idle', 'latency-2000', 'delayed', 'retry'], systems: [...RIVALS, 'task-queue'] },
  { scenarios: ['split'], systems: [...RIVALS, 'task-queue', 'task-queue:p0'] },
  { scenarios: ['growth-waiting', 'growth-delayed'], systems: [...RIVALS, 'task-queue'] },
  { scenarios: ['rss'], systems: ['bullmq:rm', 'task-queue'] },
  {
    scenarios: ['enqueue-conc', 'enqueue-bulk', 'drain-100'],
    conditions: { aof: true },
    systems: [...RIVALS, 'task-queue'],
  },
  { scenarios: ['drain-100'], conditions: { rtt: 1 }, systems: [...RIVALS, 'task-queue'] },
];

/** Every run measures each of its scenarios under its conditions; without systems, those of a plain run. */
const PLANS = {
  goals: GOALS,
  full: [
    {
      scenarios: ['enqueue-one', 'enqueue-conc', 'enqueue-loops', 'enqueue-bulk', 'drain-1', 'drain-10', 'drain-100'],
    },
    { scenarios: ['latency-idle', 'latency-2000', 'delayed', 'retry', 'memory', 'idle', 'split', 'queues', 'workers'] },
    { scenarios: ['growth-waiting', 'growth-delayed'], systems: [...RIVALS, 'bee-queue', 'task-queue'] },
    { scenarios: ['rss'], systems: ['bullmq:rm', 'bee-queue:fast', 'task-queue'] },
    ...GOALS.filter(({ conditions }) => conditions !== undefined),
    ...[2000, 50_000].map((payload) => ({
      scenarios: ['enqueue-conc', 'enqueue-bulk', 'drain-10', 'drain-100'],
      conditions: { payload },
      systems: ['raw', ...RIVALS, 'bee-queue:fast', 'task-queue'],
    })),
    {
      scenarios: ['enqueue-loops', 'drain-10'],
      conditions: { rtt: 1 },
      systems: [...RIVALS, 'task-queue', 'task-queue:p0'],
    },
    {
      scenarios: ['drain-100'],
      systems: ['task-queue', 'task-queue:forget', 'task-queue:events', 'task-queue:direct'],
    },
    { scenarios: ['profile'], conditions: { pin: true }, systems: ['bullmq:rm', 'task-queue', 'task-queue:direct'] },
  ],
};

function namesOf(what, list, known) {
  if (list === undefined) return undefined;
  const names = list.split(',').filter((name) => name !== '');
  const wrong = names.find((name) => !known.includes(name));
  if (wrong !== undefined) throw new Error(`Unknown ${what} "${wrong}". Known: ${known.join(', ')}`);
  return names;
}

function positive(name, text, allowed) {
  const value = Number(text);
  if (allowed ? allowed.includes(value) : value > 0 && Number.isFinite(value)) return value;
  throw new Error(`--${name} is ${allowed ? allowed.join(' or ') : 'a positive number'}, not "${text}"`);
}
