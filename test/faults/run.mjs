// The fault suite: real redis-servers, real worker processes, one trial per fault.
//   npm run faults                          every fault of the profile
//   FAULT=F07,F09 SEED=12 npm run faults    these, as that seed had them
//   npm run faults -- --profile ci|full     short leases and loads (default), or built-in defaults
//   npm run faults -- --system bullmq       the same faults under bullmq; its figures are shown, not judged
//   npm run faults -- --mutants             deliberate breakages, each to be caught by its trial
// Also: --jobs N (trials side by side, 2 by default), --repeat N, --json FILE (figures of every trial).
import { readdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { copyBuild } from './build-copy.mjs';
import { settlesWithin, Trial } from './trial.mjs';

/** A trial that takes longer hangs. */
const LIMIT_MS = 300_000;

const { values: options } = parseArgs({
  options: {
    profile: { type: 'string', default: 'ci' },
    system: { type: 'string', default: 'task-queue' },
    fault: { type: 'string', default: process.env.FAULT ?? '' },
    jobs: { type: 'string', default: '2' },
    repeat: { type: 'string', default: '1' },
    json: { type: 'string' },
    mutants: { type: 'boolean', default: false },
  },
});
const seed = process.env.SEED ?? String(Math.floor(Math.random() * 1e9));
const wanted = new Set(options.fault.toUpperCase().split(',').filter(Boolean));
const faults = [];
for (const file of readdirSync(new URL('.', import.meta.url)).sort()) {
  if (/^f\d\d\w*-.*\.mjs$/.test(file)) faults.push(await import(`./${file}`));
}
for (const id of wanted) {
  if (!faults.some((fault) => fault.id === id))
    throw new Error(`No such fault: ${id}. There are ${faults.map((fault) => fault.id).join(', ')}`);
}

console.log(`Faults under ${options.system}, profile ${options.profile}, SEED=${seed}`);
const startedAt = Date.now();
const results = [];
let passed = 0;
let failed = 0;
process.setMaxListeners(0); // each server and each copy of the build is ended with this process
if (options.mutants) await tryMutants();
else await tryAll();
if (options.json) writeFileSync(options.json, JSON.stringify(results, null, 1));
console.log(`${Math.round((Date.now() - startedAt) / 1000)} s`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0); // whatever a failed trial may have left open

async function tryAll() {
  const dist = copyBuild('suite');
  const trials = [];
  for (let round = 0; round < Number(options.repeat); round++) {
    for (const fault of faults) {
      if (wanted.size > 0 ? !wanted.has(fault.id) : fault.profiles && !fault.profiles.includes(options.profile))
        continue;
      if (options.system !== 'task-queue' && !fault.systems?.includes(options.system)) continue;
      trials.push({ fault, seed: round === 0 ? seed : `${seed}.${round}` });
    }
  }
  await sideBySide(trials, async (trial) => {
    const result = await attempt(trial.fault, dist, trial.seed);
    results.push(result);
    report(result);
    if (result.failures.length === 0) passed++;
    else failed++;
  });
}

async function tryMutants() {
  const { mutants } = await import('./mutants.mjs');
  const chosen = mutants.filter((mutant) => wanted.size === 0 || wanted.has(mutant.fault));
  await sideBySide(chosen, async ({ name, fault: id, changes }) => {
    const fault = faults.find((candidate) => candidate.id === id);
    const { failures } = await attempt(fault, copyBuild(name.replaceAll(/\W+/g, '-'), changes), seed, true);
    const caught = failures.length > 0;
    results.push({ mutant: name, fault: id, caught, failures });
    const why = caught ? ` (${failures[0].split('\n')[0]})` : '';
    console.log(`${caught ? 'ok  ' : 'FAIL'} ${id} ${caught ? 'catches' : 'does not catch'}: ${name}${why}`);
    if (caught) passed++;
    else failed++;
  });
}

/** Most trials mostly wait. */
async function sideBySide(items, work) {
  const queue = [...items];
  const lane = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: Number(options.jobs) }, lane));
}

async function attempt(fault, dist, trialSeed, expectFailure = false) {
  const system = await import(`./systems/${options.system}.mjs`);
  const trial = new Trial({
    systemName: options.system,
    system,
    dist,
    seed: trialSeed,
    full: options.profile === 'full',
    fault: fault.id,
  });
  const begunAt = Date.now();
  let figures;
  try {
    const running = fault.run(trial).then((value) => {
      figures = value;
    });
    if (!(await settlesWithin(running, LIMIT_MS))) throw new Error(`The trial took longer than ${LIMIT_MS / 1000} s`);
  } catch (error) {
    trial.failures.push(String(error?.stack ?? error));
  }
  const { failures, folder, ours } = trial;
  const [note] = failures; // what a system that is not judged stumbled over
  if (!ours) {
    if (figures === undefined) console.log(`       ${fault.id}: ${note}`);
    failures.length = 0;
  }
  if (expectFailure) trial.failures = []; // its histories are of no interest
  try {
    await trial.close();
  } catch (error) {
    failures.push(`cleaning up: ${String(error)}`);
  }
  if (figures) for (const key of ['jobs', 'entries']) delete figures[key];
  return { id: fault.id, name: fault.name, ms: Date.now() - begunAt, figures, failures, note, folder, seed: trialSeed };
}

function report({ id, name, ms, figures = {}, failures, folder, seed: trialSeed }) {
  const { violations = [], ...rest } = figures;
  const shown = Object.entries({ ...rest, violations: violations.length })
    .filter(([key, value]) => value !== 0 || ['lost', 'extraRuns'].includes(key))
    .map(([key, value]) => `${key.replaceAll(/[A-Z]/g, (letter) => ' ' + letter.toLowerCase())} ${value}`);
  console.log(`${failures.length ? 'FAIL' : 'ok  '} ${id} ${name} (${(ms / 1000).toFixed(1)} s): ${shown.join(', ')}`);
  for (const failure of failures) console.log(`       ${failure}`);
  if (failures.length)
    console.log(`       again: SEED=${trialSeed} FAULT=${id} npm run faults; histories in ${folder}`);
}
