// The fault suite: real redis-servers, real worker processes, one trial per fault.
//   npm run faults                          every fault, short leases and loads
//   npm run faults -- --flow                every trial with its jobs in groups, and with limits
//   npm run faults -- --reduced 240         the same, over after that many seconds: as CI runs it
//   npm run faults -- --full                built-in leases and full loads: the figures of docs/faults.md
//   FAULT=F07,F09 SEED=12 npm run faults    these, as that seed had them
//   npm run faults -- --system bullmq       the same faults under bullmq; its figures are shown, not judged
//   npm run faults -- --mutants             deliberate breakages, each to be caught by its trial
//   npm run faults -- --matrix              renders docs/faults.md from the kept figures
// Also: --jobs N (trials side by side, 2 by default), --repeat N, --json FILE (figures are added to it; `kept` is the
// file that the page is rendered from, and renders it at the end).
import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { copyBuild, expectMatches } from './build-copy.mjs';
import { keptResults, MutantsFile, ResultsFile } from './results-file.mjs';
import { settlesWithin, Trial } from './trial.mjs';

const { values: options } = parseArgs({
  options: {
    reduced: { type: 'string' },
    full: { type: 'boolean', default: false },
    system: { type: 'string', default: 'task-queue' },
    fault: { type: 'string', default: process.env.FAULT ?? '' },
    jobs: { type: 'string' },
    repeat: { type: 'string', default: '1' },
    json: { type: 'string' },
    mutants: { type: 'boolean', default: false },
    flow: { type: 'boolean', default: false },
    matrix: { type: 'boolean', default: false },
  },
});
/** A trial that takes longer hangs. */
const LIMIT_MS = options.full ? 600_000 : options.reduced ? 90_000 : 300_000;
/** Whatever the machine does meanwhile, a reduced run is over then. */
const REDUCED_MS = Number(options.reduced) * 1000;
if (options.reduced !== undefined && !(REDUCED_MS > 0)) throw new Error('--reduced wants seconds, as in --reduced 240');
/** Both columns of the page are of one seed, unless SEED says otherwise. */
const KEPT_SEED = '41';
/** Trials that mostly wait, and long: begun first, so that no lane is left alone with one of them. */
const LONG = 'F25 F51 F52 F32 F08 F43 F14 F45 F41 F44 F09 F22 F20 F03 F17 F40 F04 F04B F01 F07'.split(' ');

if (options.matrix) {
  const { renderPage } = await import('./matrix.mjs');
  await renderPage();
  process.exit(0);
}

const isKept = options.json === 'kept';
if (isKept && !options.full && !options.mutants) throw new Error('What is kept is of full size: --full --json kept');
const seed = process.env.SEED ?? (isKept ? KEPT_SEED : String(Math.floor(Math.random() * 1e9)));
const wanted = new Set(options.fault.toUpperCase().split(',').filter(Boolean));
const faults = [];
for (const file of readdirSync(new URL('.', import.meta.url)).sort()) {
  if (/^f\d\d\w*-.*\.mjs$/.test(file)) faults.push(await import(`./${file}`));
}
for (const id of wanted) {
  if (!faults.some((fault) => fault.id === id))
    throw new Error(`No such fault: ${id}. There are ${faults.map((fault) => fault.id).join(', ')}`);
}

// Read by systems/task-queue.mjs in this process and in those of the workers.
if (options.flow) process.env.FAULTS_FLOW = '1';
const profile = options.full ? 'full' : 'short';
console.log(`Faults under ${options.system}, ${options.reduced ? 'reduced' : profile} profile, SEED=${seed}`);
const startedAt = Date.now();
const timeLeft = () => (options.reduced ? startedAt + REDUCED_MS - Date.now() : Infinity);
const file =
  options.json &&
  !options.mutants &&
  new ResultsFile(isKept ? keptResults(options.system) : options.json, {
    system: options.system,
    profile,
  });
const broken = [];
const skipped = [];
let passed = 0;
process.setMaxListeners(0); // each server and each copy of the build is ended with this process
if (options.mutants) await tryMutants();
else await tryAll();
if (isKept) {
  const { renderPage } = await import('./matrix.mjs');
  await renderPage();
}

console.log(`${Math.round((Date.now() - startedAt) / 1000)} s`);
if (skipped.length > 0) console.log(`No time was left for ${skipped.join(', ')}: npm run faults runs all`);
for (const line of broken) console.log(line);
console.log(`${passed} passed, ${broken.length} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`);
process.exit(broken.length > 0 || passed === 0 ? 1 : 0); // whatever a failed trial may have left open

async function tryAll() {
  const dist = copyBuild('suite');
  const trials = [];
  for (let round = 0; round < Number(options.repeat); round++) {
    for (const fault of faults) {
      if (wanted.size > 0 && !wanted.has(fault.id)) continue;
      if (options.system !== 'task-queue' && !fault.systems?.includes(options.system)) continue;
      trials.push({ fault, seed: round === 0 ? seed : `${seed}.${round}` });
    }
  }
  const rankOf = ({ fault }) => (LONG.includes(fault.id) ? LONG.indexOf(fault.id) : LONG.length);
  if (!options.full) trials.sort((a, b) => rankOf(a) - rankOf(b));
  await sideBySide(trials, async (trial) => {
    if (timeLeft() < 15_000) return void skipped.push(trial.fault.id);
    const limitMs = Math.min(LIMIT_MS, timeLeft());
    const result = await attempt(trial.fault, dist, trial.seed, { limitMs });
    // Cut off by the end of the run, before it could be said to hang.
    if (result.cut && result.failures.length === 0) return void skipped.push(trial.fault.id);
    report(result);
    file?.put(result);
    if (result.failures.length === 0) passed++;
    else broken.push(`FAIL ${result.id} SEED=${result.seed}: ${result.failures[0].split('\n')[0]}`);
  });
}

async function tryMutants() {
  const { mutants } = await import('./mutants.mjs');
  const results = isKept && new MutantsFile(mutants.map(({ name }) => name));
  for (const { name, changes } of mutants) expectMatches(name, changes);
  const chosen = mutants.filter((mutant) => wanted.size === 0 || wanted.has(mutant.fault));
  await sideBySide(chosen, async ({ name, fault: id, changes, because }) => {
    const fault = faults.find((candidate) => candidate.id === id);
    const dist = copyBuild(name.replaceAll(/\W+/g, '-'), changes);
    const { failures } = await attempt(fault, dist, seed, { expectFailure: true });
    // Another failure than the expected one would show that the mutant does not even run.
    const reason = failures.find((failure) => because.test(failure))?.split('\n')[0];
    const verdict = reason ? 'catches' : 'does not catch';
    console.log(`${reason ? 'ok  ' : 'FAIL'} ${id} ${verdict}: ${name} (${reason ?? failures[0] ?? 'it passed'})`);
    if (results) results.put(name, { fault: id, seed, said: reason });
    if (reason) passed++;
    else broken.push(`FAIL ${id} SEED=${seed}: does not catch "${name}" by ${because}`);
  });
}

/** Most trials mostly wait. */
async function sideBySide(items, work) {
  const queue = [...items];
  const lane = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  // A full trial has the machine to itself: what it measures is to be compared.
  const lanes = Number(options.jobs ?? (options.full ? 1 : options.reduced ? 3 : 2));
  await Promise.all(Array.from({ length: lanes }, lane));
}

async function attempt(fault, dist, trialSeed, { limitMs = LIMIT_MS, expectFailure = false } = {}) {
  const system = await import(`./systems/${options.system}.mjs`);
  const trial = new Trial({
    systemName: options.system,
    system,
    dist,
    seed: trialSeed,
    full: options.full,
    fault: fault.id,
  });
  const begunAt = Date.now();
  let figures;
  let outOfTime = false;
  try {
    const running = fault.run(trial).then((value) => {
      figures = value;
    });
    outOfTime = !(await settlesWithin(running, limitMs));
    if (outOfTime && limitMs === LIMIT_MS) trial.check(false, `The trial took longer than ${limitMs / 1000} s`);
  } catch (error) {
    trial.failures.push(String(error?.stack ?? error));
  }
  const cut = outOfTime && limitMs < LIMIT_MS;
  const { folder, ours } = trial;
  const failures = [...trial.failures];
  const [note] = failures; // what a system that is not judged stumbled over
  if (!ours) {
    if (figures === undefined) console.log(`       ${fault.id}: ${note}`);
    failures.length = 0;
  }
  if (expectFailure || !ours || cut) trial.failures = []; // its histories are of no interest
  try {
    if (!(await settlesWithin(trial.close(), 30_000))) failures.push('cleaning up took longer than 30 s');
  } catch (error) {
    failures.push(`cleaning up: ${String(error)}`);
  }
  if (figures) for (const key of ['jobs', 'entries']) delete figures[key];
  const { id, name } = fault;
  return { id, name, ms: Date.now() - begunAt, figures, failures, note, folder, seed: trialSeed, cut };
}

function report({ id, name, ms, figures = {}, failures, folder, seed: trialSeed }) {
  const { violations = [], ...rest } = figures;
  const shown = Object.entries({ ...rest, violations: violations.length })
    .filter(([key, value]) => value !== 0 || ['lost', 'extraRuns'].includes(key))
    .map(([key, value]) => `${key.replaceAll(/[A-Z]/g, (letter) => ' ' + letter.toLowerCase())} ${value}`);
  console.log(`${failures.length ? 'FAIL' : 'ok  '} ${id} ${name} (${(ms / 1000).toFixed(1)} s): ${shown.join(', ')}`);
  for (const failure of failures) console.log(`       ${failure}`);
  if (failures.length) {
    const how = options.full ? ' -- --full' : '';
    console.log(`       again: SEED=${trialSeed} FAULT=${id} npm run faults${how}; histories in ${folder}`);
  }
}
