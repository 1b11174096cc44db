// The bars of schedules: real processes on a real Redis, this package beside @nestjs/schedule and bullmq's job schedulers.
//   npm run schedules:bars                                every bar for every system that can, some 12 minutes
//   npm run schedules:bars -- --bar chaos,ahead           these; there are chaos, ahead, crowd and times
//   npm run schedules:bars -- --system task-queue,bullmq  under these
//   npm run schedules:bars -- --keep                      writes the figures to results.json and docs/schedules.md
//   npm run schedules:bars -- --page                      renders docs/schedules.md from results.json alone
// SEED=… repeats the moments of the faults. Figures of other systems are shown, not judged.
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { copyBuild } from '../build-copy.mjs';
import { settlesWithin, Trial } from '../trial.mjs';
import * as ahead from './ahead.mjs';
import * as chaos from './chaos.mjs';
import * as crowd from './crowd.mjs';
import { keep, renderPage } from './page.mjs';
import * as times from './times.mjs';

const SYSTEMS = ['task-queue', 'bullmq', 'nestjs-schedule'];
/** Who can be measured by it. */
const BARS = [
  { bar: chaos, systems: SYSTEMS },
  { bar: ahead, systems: SYSTEMS },
  { bar: crowd, systems: ['task-queue', 'bullmq'] },
  { bar: times, systems: ['task-queue'] },
];
const LIMIT_MS = 600_000;

const { values: options } = parseArgs({
  options: {
    bar: { type: 'string', default: '' },
    system: { type: 'string', default: '' },
    keep: { type: 'boolean', default: false },
    page: { type: 'boolean', default: false },
  },
});
if (options.page) {
  await renderPage();
  process.exit(0);
}
const listed = (text, all, what) => {
  const names = text.split(',').filter(Boolean);
  const unknown = names.find((name) => !all.includes(name));
  if (unknown) throw new Error(`No such ${what}: ${unknown}. There are ${all.join(', ')}`);
  return names.length > 0 ? names : all;
};
const bars = listed(
  options.bar,
  BARS.map(({ bar }) => bar.id),
  'bar',
);
const systems = listed(options.system, SYSTEMS, 'system');
const rivals = new URL('../../../bench/node_modules/', import.meta.url);
for (const name of systems.includes('task-queue') && systems.length === 1 ? [] : ['bullmq', '@nestjs/schedule']) {
  if (!existsSync(new URL(name, rivals))) throw new Error(`${name} is not installed: npm --prefix bench install`);
}

const seed = process.env.SEED ?? String(Math.floor(Math.random() * 1e9));
process.setMaxListeners(0);
console.log(`Bars of schedules, SEED=${seed}`);
const dist = copyBuild('schedules');
let failed = 0;
for (const { bar, systems: able } of BARS.filter(({ bar: { id } }) => bars.includes(id))) {
  for (const systemName of able.filter((name) => systems.includes(name))) await attempt(bar, systemName);
}
if (options.keep) await renderPage();
process.exit(failed > 0 ? 1 : 0);

async function attempt(bar, systemName) {
  const system = await import(`../systems/${systemName}.mjs`);
  const trial = new Trial({ systemName, system, dist, seed, full: true, fault: `s${bar.id}` });
  let figures;
  try {
    const running = bar.run(trial, { fireNote: new URL('./fire-note.mjs', import.meta.url).href }).then((value) => {
      figures = value;
    });
    if (!(await settlesWithin(running, LIMIT_MS))) trial.check(false, `It took longer than ${LIMIT_MS / 1000} s`);
  } catch (error) {
    trial.check(false, String(error?.stack ?? error));
  }
  const { failures, ours, folder } = trial;
  const verdict = failures.length === 0 ? 'ok' : ours ? 'FAIL' : 'misses the bar';
  console.log(`${verdict} ${bar.id} under ${systemName}: ${JSON.stringify(figures)}`);
  for (const failure of failures) console.log(`       ${failure}`);
  if (ours && failures.length > 0) {
    failed++;
    console.log(`       again: SEED=${seed} npm run schedules:bars -- --bar ${bar.id}; histories in ${folder}`);
  }
  if (options.keep && figures !== undefined) await keep({ bar: bar.id, system: systemName, seed, figures, failures });
  if (!ours) trial.failures = [];
  await settlesWithin(trial.close(), 30_000);
}
