import { parseArgs } from 'node:util';
import { createScenarios } from './scenarios.mjs';
import { DEFAULT_SYSTEMS, OURS, RAW, REFERENCES, SYSTEM_NAMES } from './systems/catalogue.mjs';

export const USAGE = `npm run bench -- [options]

  --scenario a,b     which ones, or "all"; default: all but the long ones (see --list)
  --systems a,b      default: ${DEFAULT_SYSTEMS.join(',')}
  --repeats N        systems take turns inside each repeat; default 3
  --plan NAME        several runs in one file: "goals" (what the goals need; 25 minutes at --scale 0.5 and 3 repeats) or
                     "full" (everything the report shows)
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
  --goals            prints the table of goals from the newest results; exit code 1 unless all passed
  --report           writes docs/performance.md from the newest results
  --from FILE        with --goals or --report: from these results
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
      ...{ list: flag, goals: flag, report: flag, help: flag },
    },
  });
  const conditions = { ...CONDITIONS, aof: values.aof === true, pin: values.pin === true };
  for (const name of ['payload', 'rtt', 'queues', 'workers', 'scale']) {
    if (values[name] !== undefined) conditions[name] = positive(name, values[name], ALLOWED[name]);
  }
  const systems = namesOf('system', values.systems, SYSTEM_NAMES);
  const repeats = values.repeats === undefined ? 3 : positive('repeats', values.repeats);
  const options = { repeats, plan: values.plan, out: values.out, from: values.from, build: !values['no-build'] };
  for (const mode of ['list', 'goals', 'report', 'help']) options[mode] = values[mode] === true;
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

const BESIDE_BULLMQ = [...REFERENCES, OURS];
const BESIDE_RAW = [RAW, ...BESIDE_BULLMQ];
const GOALS = [
  { scenarios: ['steady-100', 'steady-500', 'steady-2000', 'mixed', 'rss', 'idle'], systems: BESIDE_RAW },
  { scenarios: ['enqueue-bulk', 'drain-100'], conditions: { payload: 50_000 }, systems: BESIDE_RAW },
  // These are about a number of jobs: it stays.
  { scenarios: ['sleep-10'], conditions: { scale: 1 }, systems: BESIDE_RAW },
  { scenarios: ['delayed'], conditions: { scale: 1 }, systems: BESIDE_BULLMQ },
  { scenarios: ['growth-waiting', 'growth-delayed'], conditions: { scale: 1 }, systems: [OURS] },
  { scenarios: ['latency-2000', 'retry', 'memory'], systems: BESIDE_BULLMQ },
  { scenarios: ['enqueue-loops', 'enqueue-conc', 'enqueue-bulk'], systems: BESIDE_BULLMQ },
  { scenarios: ['drain-1', 'drain-10', 'drain-100'], systems: [...BESIDE_BULLMQ, `${OURS}:p0`] },
  { scenarios: ['split'], systems: [OURS] },
  { scenarios: ['enqueue-conc', 'drain-100'], conditions: { aof: true }, systems: BESIDE_BULLMQ },
  { scenarios: ['drain-100'], conditions: { rtt: 1 }, systems: BESIDE_BULLMQ },
];

/** Every run measures each of its scenarios under its conditions; without systems, those of a plain run. */
const PLANS = {
  goals: GOALS,
  full: [
    { scenarios: ['steady-100', 'steady-500', 'steady-2000', 'sleep-10', 'mixed', 'rss', 'idle'] },
    ...[2000, 50_000].map((payload) => ({
      scenarios: ['enqueue-conc', 'enqueue-bulk', 'drain-10', 'drain-100'],
      conditions: { payload },
      systems: [...BESIDE_RAW, 'bee-queue:fast'],
    })),
    { scenarios: ['latency-idle', 'latency-2000', 'delayed', 'retry', 'memory', 'split', 'queues', 'workers'] },
    { scenarios: ['enqueue-loops', 'enqueue-conc', 'enqueue-bulk', 'drain-1', 'drain-10', 'drain-100'] },
    { scenarios: ['enqueue-one'], conditions: { pin: true }, systems: BESIDE_RAW },
    { scenarios: ['growth-waiting', 'growth-delayed'], systems: [...BESIDE_BULLMQ, 'bee-queue'] },
    { scenarios: ['rss-growth'], systems: ['bullmq:rm', 'bee-queue:fast', OURS] },
    ...GOALS.filter(({ conditions }) => conditions?.aof || conditions?.rtt),
    {
      scenarios: ['enqueue-loops', 'drain-10'],
      conditions: { rtt: 1 },
      systems: [...BESIDE_BULLMQ, `${OURS}:p0`],
    },
    { scenarios: ['drain-100'], systems: [OURS, `${OURS}:forget`, `${OURS}:events`, `${OURS}:direct`] },
    { scenarios: ['profile'], conditions: { pin: true }, systems: ['bullmq:rm', OURS, `${OURS}:direct`] },
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
