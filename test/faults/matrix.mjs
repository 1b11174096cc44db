// Renders the figures of docs/faults.md from what was kept:
//   npm run faults -- --full --json kept; npm run faults -- --full --system bullmq --json kept
//   npm run faults -- --mutants --json kept; npm run soak -- --jobs 200000 --json kept
//   npm run faults -- --matrix        after a change of the words alone
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { bars, lossBar } from './bars.mjs';
import { mutants } from './mutants.mjs';
import { keptResults, readResults } from './results-file.mjs';

const FOLDER = new URL('.', import.meta.url);
const PAGE = fileURLToPath(new URL('../../docs/faults.md', import.meta.url));

/** What a trial tells beside what all tell, in its own words: %n is the figure, %s the figure in seconds. */
const OWN = {
  F01: { restartedMs: 'the interrupted jobs had started again after %s' },
  F02: { extraAt: 'by where they died: %n' },
  F03: { staleSettlements: '%n settlements of older runs accepted', told: '%n of 12 lost runs told by their signal' },
  F04B: { takenOverMs: 'taken over after %s', toldMs: 'told %s after it woke' },
  F06: { lostInWindow: '%n lost with the tail of the file', ackedInWindow: 'of %n acknowledged since the last sync' },
  F08: { takenMs: 'the waiting job was taken after %s', openAfter: '%n of 5 calls open after 15 s' },
  F09: { storedJobs: '%n jobs stored by 200 calls', deadWithoutRun: '%n dead without a run' },
  F10: { kills: '%n rounds of kills', sockets: 'sockets %n' },
  F12: { throughput: '%n of the speed kept', refusedBulks: '%n of 50 bulk calls failed' },
  F13: { told: '%n errors told' },
  F14: {
    failovers: '%n failovers',
    durable: '%n jobs confirmed by a replica',
    lostUnconfirmed: '%n lost that no replica had confirmed',
  },
  F15: {
    confirmed: '%n jobs confirmed by a replica',
    lostConfirmed: '%n of them lost',
    lostPrimaryOnly: '%n lost of 300 that only the primary had',
    unconfirmed: '%n of 50 calls after the cut told so',
  },
  F16: { moves: 'the slot moved %n times' },
  F17: { lostUnconfirmed: '%n lost that no replica had confirmed' },
  F18: { takenBusy: '%n of 100 taken while full', takenLate: '%n of 100 by a worker that starts then' },
  F19: { garbled: '%n records garbled', deadUnreadable: '%n dead as unreadable', vanished: '%n deleted by hand' },
  F20: { longestCallMs: 'the longest call took %s' },
  F21: { pingMax: 'slowest PING %n ms', retryAllMs: 'retry-all took %s', purgeMs: 'purge took %s' },
  F22: { delayed: 'of %n delayed', early: '%n early', late: '%n late or never' },
  F24: { slowestScriptMs: 'slowest script %n ms' },
  F25: {
    ticks: '%n ticks',
    tickedTwice: '%n of them twice',
    missed: '%n missed seconds told by the next tick',
    uncovered: '%n seconds skipped and not told',
  },
  F27: { good: '%n good jobs completed', crashesPerPill: 'at most %n crashes per killer' },
  F28: { connectionsPerProcess: '%n connections per process of 51 queues' },
  F29: { payloads: '%n odd payloads carried' },
  F32: { exitMs: 'exit after %s', restartedMs: 'the unfinished had started elsewhere %s after the exit' },
  F40: {
    killed: '%n kills',
    frozen: '%n freezes',
    connections: '%n times all connections cut',
    replies: '%n replies lost',
  },
  F41: { slowestPickUpMs: 'an idle worker was woken within %s', longestCallMs: 'the longest call took %s' },
  F42: { cuts: '%n times all connections cut', longestCallMs: 'the longest call took %s' },
  F43: {
    promotedMs: 'replaced after %s',
    enqueuedMs: 'the next enqueue stored %s later',
    rejected: '%n enqueues rejected',
    rejectedEarly: '%n of them with time left',
    lostUnconfirmed: '%n lost that no replica had',
  },
  F44: {
    rateBefore: 'queues on the others did %n jobs a second before',
    rateDuring: '%n while it hung',
    failedOfHealthy: '%n of their calls failed',
    longestCallOfHealthyMs: 'the longest took %s',
  },
  F45: { refusedBy: 'calls that failed: %n' },
  F46: { commands: '%n commands taken and given back', refused: '%n enqueues refused' },
  F47: { refusedAlone: '%n jobs too large alone are dead' },
  F48: {
    over: '%n starts over the rate in any window',
    perSecond: '%n starts a second',
    lateMs: 'a permitted start came %n ms late (p99)',
  },
  F51: {
    kills: 'its executor was killed %n times',
    twice: '%n retried more than once',
    never: '%n not retried',
    beyond: '%n beyond the boundary',
  },
  F49: { most: 'at most %n at once', rounds: '%n kills and freezes' },
  F52: {
    most: 'at most %n of a group at once',
    over: '%n starts over a cap',
    disordered: '%n out of order',
    rounds: '%n kills and freezes',
    longestIdleMs: 'a job waited at most %s beside a free slot',
  },
  F53: { comer: '%n starts of the one that comes again', most: 'at most %n of each that stays', least: 'at least %n' },
  F54: {
    kept: '%n calls met a job that waited',
    together: '%n times two of a key waited',
    rounds: '%n kills and freezes',
  },
};

export async function renderPage() {
  const ours = readResults(keptResults('task-queue'));
  const theirs = readResults(keptResults('bullmq'));
  if (ours === undefined) throw new Error('No figures are kept: npm run faults -- --full --json kept');
  let page = readFileSync(PAGE, 'utf8');
  page = fill(page, 'machine', describe(ours, theirs));
  page = fill(page, 'bars', barTable(ours, theirs));
  page = fill(page, 'table', faultTable(ours, theirs));
  page = fill(page, 'mutants', mutantTable(readResults(keptResults('mutants'))));
  page = fill(page, 'soak', soakAccount(readResults(keptResults('soak'))));
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
  const seedsOf = ({ trials }) => [...new Set(trials.map(({ seed }) => seed))].map((seed) => `SEED=${seed}`).join(', ');
  const { version, machine } = ours;
  return [
    `Measured on ${machine.cores} cores (${machine.cpu}), ${machine.memoryGb} GB, Node ${machine.node}, Redis ${machine.redis};`,
    `nestjs-task-queue ${version} (${seedsOf(ours)})${theirs ? `, bullmq ${theirs.version} (${seedsOf(theirs)})` : ''}.`,
    'These repeat it, and write this page anew:',
    '',
    '```sh',
    'npm run faults -- --full --json kept',
    'npm run faults -- --full --json kept --system bullmq',
    '```',
  ].join('\n');
}

function barTable(ours, theirs) {
  const row = ({ what, fault, goal, tell, without }) =>
    `| ${what} | ${fault} | ${goal} | ${measured(ours, fault, tell)} | ${without ?? measured(theirs, fault, tell)} |`;
  const told = (results) => (results ? lossBar.tell(results.trials) : 'not measured');
  return [
    `| | trial | asserted of ours | nestjs-task-queue | bullmq ${theirs?.version ?? ''} |`,
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
  return [...new Set(told)].join(' / ') || 'not run';
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
      const told = (results?.trials ?? []).filter((trial) => trial.id === id).map((trial) => cell(trial, results));
      return [...new Set(told)].join('<br>') || 'not run';
    };
    rows.push(`| ${id} | ${what} | ${cells(ours)} | ${cells(theirs)} |`);
  }
  const head = `| | fault | nestjs-task-queue | bullmq ${theirs?.version ?? ''} |`;
  return [head, '| --- | --- | --- | --- |', ...rows].join('\n');
}

function cell({ figures, id, note, failures }, { system }) {
  if (figures === undefined) return `the trial could not go on: ${note ?? 'it did not run'}`;
  const parts = failures.length > 0 ? [`**failed: ${failures[0]}**`] : [];
  const say = (value, one, many = one) =>
    value !== undefined && parts.push(`${thousands(value)} ${value === 1 ? one : many}`);
  const sayIfAny = (value, ...words) => value > 0 && say(value, ...words);
  sayIfAny(figures.stored, 'job', 'jobs');
  say(figures.lost, 'lost');
  sayIfAny(figures.unfinished, 'not ended');
  sayIfAny(figures.duplicates, 'stored twice');
  say(figures.extraRuns, 'extra run', 'extra runs');
  sayIfAny(figures.dead, 'dead');
  sayIfAny(figures.refused, 'enqueue refused', 'enqueues refused');
  if (system === 'task-queue') sayIfAny(figures.unknown, 'enqueue of unknown outcome', 'enqueues of unknown outcome');
  else sayIfAny(figures.unknown, 'enqueue failed', 'enqueues failed');
  if (figures.recoveryMs === null) parts.push('nothing completed afterwards');
  else if (figures.recoveryMs !== undefined) parts.push(`the next completion after ${inSeconds(figures.recoveryMs)}`);
  for (const [key, words] of Object.entries(OWN[id] ?? {})) {
    const value = figures[key];
    if (value === undefined || value === null) continue;
    if (value === -1) parts.push(words.replace(/was (.+) after %s/, 'was never $1'));
    else parts.push(words.replace('%n', thousands(value)).replace('%s', inSeconds(value)));
  }
  return parts.join(', ');
}

function thousands(value) {
  return typeof value === 'number' ? value.toLocaleString('en-US') : value;
}

function inSeconds(ms) {
  return `${(Math.max(0, ms) / 1000).toFixed(ms < 1000 ? 2 : 1)} s`;
}

function mutantTable(kept) {
  const rows = mutants.map(({ name, fault }) => {
    const { said, seed } = kept?.caught[name] ?? {};
    const verdict = said ? `${said} (SEED=${seed})` : kept?.caught[name] ? '**not caught**' : 'not run';
    return `| ${name} | ${fault} | ${verdict} |`;
  });
  return ['| taken out | trial | what it said |', '| --- | --- | --- |', ...rows].join('\n');
}

function soakAccount(kept) {
  if (kept === undefined) return 'Not run yet.';
  const { asked, seed, version, machine, workers, rows, failures } = kept;
  return [
    `\`SEED=${seed} npm run soak -- ${asked}\`, ${workers} workers, nestjs-task-queue ${version}, on ${machine.cores} cores`,
    `(${machine.cpu}), Redis ${machine.redis}: ${failures.length === 0 ? 'every job is accounted for.' : `**failed: ${failures[0]}**`}`,
    '',
    '| | |',
    '| --- | --- |',
    ...Object.entries(rows).map(([what, value]) => `| ${what} | ${value} |`),
  ].join('\n');
}
