// Renders the tables of docs/faults.md from the kept figures:
//   npm run faults -- --full --json kept; npm run faults -- --full --system bullmq --json kept
//   npm run faults -- --matrix
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { bars, lossBar } from './bars.mjs';
import { keptResults, readResults } from './results-file.mjs';

const FOLDER = new URL('.', import.meta.url);
const PAGE = fileURLToPath(new URL('../../docs/faults.md', import.meta.url));

/** What a trial has beside the columns that all have, by its own names. */
const OWN = {
  F01: { restartedMs: 'interrupted jobs back within ms' },
  F03: { staleSettlements: 'stale settlements', told: 'lost runs told by signal' },
  F04B: { takenOverMs: 'taken over after ms', toldMs: 'told, ms after it woke' },
  F06: { lostInWindow: 'lost of what was not yet on disk' },
  F08: { takenMs: 'waiting job taken after ms', openAfter: 'calls still open' },
  F09: { storedJobs: 'stored by 200 calls', deadWithoutRun: 'dead without a run' },
  F12: { throughput: 'speed kept', refused: 'calls failed', refusedBulks: 'bulk calls failed' },
  F13: { told: 'errors told' },
  F14: { lostDurable: 'confirmed jobs lost', lostUnconfirmed: 'others lost' },
  F15: { confirmed: 'confirmed', lostConfirmed: 'of them lost', unconfirmed: 'told as unconfirmed' },
  F16: { moves: 'moves of the slot' },
  F18: { takenBusy: 'of 100 taken while full', takenLate: 'of 100 by a worker that starts then' },
  F19: { deadUnreadable: 'garbled records dead as such' },
  F21: { pingMax: 'slowest PING ms', retryAllMs: 'retry-all ms', purgeMs: 'purge ms' },
  F22: { early: 'early', late: 'late or never', delayed: 'of' },
  F24: { slowestScriptMs: 'slowest script ms' },
  F25: { ticks: 'ticks', tickedTwice: 'ticks twice', uncovered: 'ticks lost' },
  F27: { good: 'good completed', crashesPerPill: 'crashes per killer' },
  F28: { connectionsPerProcess: 'connections per process, 51 queues' },
  F29: { payloads: 'payloads carried', refused: 'refused by a typed error' },
  F32: { exitMs: 'exit after ms', restartedMs: 'unfinished back ms after the exit' },
  F40: { killed: 'killed', frozen: 'frozen' },
};

export async function renderPage() {
  const ours = readResults(keptResults('task-queue'));
  const theirs = readResults(keptResults('bullmq'));
  if (ours === undefined) throw new Error('No figures are kept: npm run faults -- --full --json kept');
  let page = readFileSync(PAGE, 'utf8');
  page = fill(page, 'machine', describe(ours, theirs));
  page = fill(page, 'bars', barTable(ours, theirs));
  page = fill(page, 'table', faultTable(ours, theirs));
  writeFileSync(PAGE, await format(page, { ...(await resolveConfig(PAGE)), filepath: PAGE }));
  console.log(`Rendered ${PAGE}`);
}

function fill(page, name, text) {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`docs/faults.md has no ${begin} … ${end}`);
  return `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`;
}

function describe(ours, theirs) {
  const { machine } = ours;
  const seedsOf = (results) => [...new Set(results.trials.map(({ seed }) => seed))].join(', ');
  const repeat = [
    `SEED=${ours.trials[0].seed} npm run faults -- --full`,
    ...(theirs ? [`SEED=${theirs.trials[0].seed} npm run faults -- --full --system bullmq`] : []),
  ].map((command) => `\`${command}\``);
  return [
    `Measured on ${machine.cores} cores (${machine.cpu}), ${machine.memoryGb} GB, Node ${machine.node}, Redis ${machine.redis};`,
    `nestjs-task-queue ${ours.version}${theirs ? `, bullmq ${theirs.version}` : ''}.`,
    `Seeds ${seedsOf(ours)}${theirs ? ` (bullmq ${seedsOf(theirs)})` : ''}; again: ${repeat.join(' and ')}.`,
  ].join('\n');
}

function barTable(ours, theirs) {
  const row = ({ what, fault, goal, tell }) =>
    `| ${what} | ${fault} | ${goal} | ${measured(ours, fault, tell)} | ${measured(theirs, fault, tell)} |`;
  const told = (results) => (results ? lossBar.tell(results.trials).join('; ') : '');
  return [
    `| | trial | to hold | nestjs-task-queue | bullmq ${theirs?.version ?? ''} |`,
    '| --- | --- | --- | --- | --- |',
    `| ${lossBar.what} | all | ${lossBar.goal} | ${told(ours)} | ${told(theirs)} |`,
    ...bars.map(row),
  ].join('\n');
}

/** Repeats that came to the same are told once. */
function measured(results, fault, tell) {
  const told = (results?.trials ?? [])
    .filter(({ id, figures }) => id === fault && figures)
    .map(({ figures }) => tell(figures).filter(Boolean).join('; '));
  return [...new Set(told)].join(' / ');
}

function faultTable(ours, theirs) {
  const rows = [];
  for (const file of readdirSync(FOLDER).sort()) {
    if (!/^f\d\d\w*-.*\.mjs$/.test(file)) continue;
    const text = readFileSync(new URL(file, FOLDER), 'utf8');
    const what = text
      .slice(0, text.search(/^(import|export)/m))
      .replaceAll(/^\/\/ ?/gm, '')
      .replaceAll('\n', ' ')
      .trim();
    const id = /id = '(\w+)'/.exec(text)[1];
    const cells = (results) => {
      const told = (results?.trials ?? []).filter((trial) => trial.id === id).map(cell);
      return [...new Set(told)].join('<br>');
    };
    rows.push(`| ${id} | ${what} | ${cells(ours)} | ${cells(theirs)} |`);
  }
  const head = `| | fault | nestjs-task-queue | bullmq ${theirs?.version ?? ''} |`;
  return [head, '| --- | --- | --- | --- |', ...rows].join('\n');
}

function cell({ figures, id, note, failures }) {
  if (figures === undefined) return `a call failed: ${note ?? 'did not run'}`;
  const parts = failures.length > 0 ? [`FAILED: ${failures[0]}`] : [];
  const say = (value, word) => value !== undefined && parts.push(`${value} ${word}`);
  if (figures.stored > 0) say(figures.stored, figures.stored === 1 ? 'job' : 'jobs');
  say(figures.lost, 'lost');
  if (figures.duplicates > 0) say(figures.duplicates, 'stored twice');
  say(figures.extraRuns, figures.extraRuns === 1 ? 'extra run' : 'extra runs');
  if (figures.dead > 0) say(figures.dead, 'dead');
  if (Number.isFinite(figures.recoveryMs)) say(figures.recoveryMs, 'ms to the next completion');
  for (const [key, word] of Object.entries(OWN[id] ?? {})) {
    const value = figures[key];
    if (value === undefined || value === null) continue;
    const isTime = word.includes('ms');
    parts.push(`${word}: ${value === -1 ? 'never' : isTime && value < 0 ? 'before it' : value}`);
  }
  return parts.join(', ');
}
