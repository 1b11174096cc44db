// Writes the table of docs/faults.md from the figures of two runs:
//   npm run faults -- --json ours.json; npm run faults -- --system bullmq --json bullmq.json
//   node test/faults/matrix.mjs ours.json bullmq.json
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const FOLDER = new URL('.', import.meta.url);
const PAGE = new URL('../../docs/faults.md', import.meta.url);
const BEGIN = '<!-- table -->';
const END = '<!-- end of table -->';

/** What a trial has beside the columns that all have, by its own names. */
const OWN = {
  F01: { restartedMs: 'interrupted jobs back within ms' },
  F03: { staleSettlements: 'stale settlements', told: 'lost runs told by signal' },
  F06: { lostInWindow: 'lost of what was not yet on disk' },
  F08: { takenMs: 'waiting job taken after ms', openAfter: 'calls still open' },
  F09: { storedJobs: 'stored by 201 calls' },
  F12: { throughput: 'speed kept', refused: 'calls failed' },
  F14: { lostDurable: 'confirmed jobs lost', lostUnconfirmed: 'others lost' },
  F18: { takenWhileFull: 'of 100 taken while full', takenLate: 'of them by a worker that starts then' },
  F21: { pingMax: 'slowest PING ms', jobs: 'jobs' },
  F22: { early: 'of 130 early', late: 'late or never' },
  F24: { slowestScriptMs: 'slowest script ms' },
  F25: { ticks: 'ticks', tickedTwice: 'ticks twice', uncovered: 'ticks lost' },
  F27: { good: 'of 300 good completed', crashesPerPill: 'crashes per pill' },
  F28: { connectionsPerProcess: 'connections per process, 51 queues' },
  F32: { exitMs: 'exit after ms', restartedMs: 'unfinished back ms after the exit' },
};

const [ours, theirs] = process.argv.slice(2).map((file) => JSON.parse(readFileSync(file, 'utf8')));
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
  const mine = ours.find((result) => result.id === id);
  const other = theirs?.find((result) => result.id === id);
  rows.push(`| ${id} | ${what} | ${cell(mine)} | ${other ? cell(other) : ''} |`);
}
const table = ['| | fault | nestjs-task-queue | bullmq 6.7.0 |', '| --- | --- | --- | --- |', ...rows].join('\n');
const page = readFileSync(PAGE, 'utf8');
writeFileSync(
  PAGE,
  `${page.slice(0, page.indexOf(BEGIN) + BEGIN.length)}\n\n${table}\n\n${page.slice(page.indexOf(END))}`,
);

function cell(result) {
  const { figures, id } = result ?? {};
  if (figures === undefined) return `a call failed: ${result?.note?.split('\n')[0] ?? 'did not run'}`;
  const parts = [];
  const say = (value, word) => value !== undefined && parts.push(`${value} ${word}`);
  if (figures.stored > 0) say(figures.stored, figures.stored === 1 ? 'job' : 'jobs');
  say(figures.lost, 'lost');
  if (figures.duplicates > 0) say(figures.duplicates, 'stored twice');
  say(figures.extraRuns, figures.extraRuns === 1 ? 'extra run' : 'extra runs');
  if (figures.dead > 0) say(figures.dead, 'dead');
  if (Number.isFinite(figures.recoveryMs)) say(figures.recoveryMs, 'ms to the next completion');
  else if (figures.recoveryMs === null) parts.push('no completion');
  for (const [key, word] of Object.entries(OWN[id] ?? {})) {
    const value = figures[key];
    if (value === undefined || value === null) continue;
    parts.push(
      `${word}: ${value === -1 || (word.endsWith('ms') && value < 0) ? (value === -1 ? 'never' : 'before it') : value}`,
    );
  }
  return parts.join(', ');
}
