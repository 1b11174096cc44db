// Everything at random for a given time, or until a given number of jobs, and an account of each job at the end.
//   npm run soak                     ten minutes
//   npm run soak -- --minutes 60
//   npm run soak -- --jobs 200000    until so many jobs have been stored and have ended
//   SEED=12 npm run soak             the same faults and jobs again
// With --json FILE the account is written there; `kept` is the file that docs/faults.md shows, and renders it.
// Jobs: plain, delayed, with a priority, failing once or twice or always, cancelled, retried by hand, and an every-second
// schedule. Faults: kill -9 and SIGSTOP of workers, CLIENT KILL, Redis frozen and killed, lost replies, half-open sockets,
// SCRIPT FLUSH; and the queue is paused and resumed.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { copyBuild } from './build-copy.mjs';
import { instant } from './history.mjs';
import { renderPage } from './matrix.mjs';
import { describeMachine, keptResults, versionOf, writeResults } from './results-file.mjs';
import { Saboteur } from './saboteur.mjs';
import * as system from './systems/task-queue.mjs';
import { settlesWithin, Trial } from './trial.mjs';

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    jobs: { type: 'string' },
    workers: { type: 'string', default: '4' },
    json: { type: 'string' },
  },
});
const BULK = 100;
/** More would only fill memory. */
const BACKLOG = 20_000;
const MAX_ATTEMPTS = 3;
const seed = process.env.SEED ?? String(Math.floor(Math.random() * 1e9));
const wantedJobs = options.jobs === undefined ? Infinity : Number(options.jobs);
const limitMs = options.jobs === undefined ? Number(options.minutes) * 60_000 : Infinity;

process.setMaxListeners(0);
console.log(`Soak: ${options.jobs ? `${wantedJobs} jobs` : `${options.minutes} minutes`}, SEED=${seed}`);
const trial = new Trial({
  systemName: 'task-queue',
  system,
  dist: copyBuild('soak'),
  seed,
  full: false,
  fault: 'soak',
});
/** What each kind of job must come to, by n. */
const always = new Set();
const cancelled = new Set();
const ids = [];
let stored = 0;
let acknowledgedAt;
let ok = false;
try {
  ok = await soak();
} finally {
  await settlesWithin(trial.close(), 30_000);
}
process.exit(ok ? 0 : 1);

async function soak() {
  const startedAt = instant();
  const dir = join(trial.folder, 'aof');
  mkdirSync(dir);
  const args = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--auto-aof-rewrite-min-size', '1gb'];
  const server = await trial.redis({ dir, args });
  const restartRedis = () => trial.redis({ port: server.port, dir, args, startTimeoutMs: 60_000 });
  const proxy = await trial.proxy();
  const site = { connection: proxy.url, schedules: { every: { expression: '* * * * * *' } }, concurrency: 20 };
  const startWorker = () => trial.worker(site);
  const producer = await trial.producer({ connection: proxy.url });
  const { queues } = producer;
  const workers = await Promise.all(Array.from({ length: Number(options.workers) }, startWorker));
  const saboteur = new Saboteur(trial, { server, proxy, workers, startWorker, restartRedis });
  const auditor = await trial.auditor();

  let over = false;
  const isOver = () => over || instant() - startedAt > limitMs;
  const duties = [
    loop(isOver, 200, 800, () => saboteur.strike()),
    loop(isOver, 3000, 9000, () => pauseAWhile(queues)),
    loop(isOver, 20, 100, () => cancelOne(queues)),
    loop(isOver, 5000, 10_000, () => retrySome(queues)),
  ];
  const told = setInterval(() => void tell(auditor, startedAt), 15_000);
  while (stored < wantedJobs && !isOver()) {
    await enqueueBulk(producer, Math.min(BULK, wantedJobs - stored));
    // A steady load in a timed run, as much as the workers manage in a counted one.
    if (wantedJobs === Infinity) await trial.pause((BULK / 300) * 1000);
    else while ((await auditor.pending().catch(() => BACKLOG)) >= BACKLOG) await trial.pause(200);
  }
  acknowledgedAt = instant();
  // Faults go on until the backlog is worked off, and end before the account.
  if (wantedJobs !== Infinity) {
    const isDrained = async () => (await auditor.pending().catch(() => Infinity)) < 500;
    await trial.until('the backlog is worked off', isDrained, 3_600_000);
  }
  over = true;
  await Promise.all(duties);
  clearInterval(told);
  await insist(() => queues.resume(trial.queue));
  for (const worker of workers) worker.kill('SIGCONT');
  // Some finish what is left. They keep the schedule going, although they do not declare it: so nobody is there any more
  // when the account is made.
  await allLeave(workers);
  const last = await trial.workers(2, { concurrency: 20 });
  await trial.drained(300_000);
  await allLeave(last);
  return account(saboteur.done, Math.round((instant() - startedAt) / 1000), Math.round(acknowledgedAt - startedAt));
}

function allLeave(workers) {
  return Promise.all(workers.map((worker) => (worker.kill('SIGTERM'), worker.exited)));
}

async function loop(isOver, fromMs, toMs, work) {
  while (!isOver()) {
    await trial.pause(trial.someMs(fromMs, toMs));
    if (!isOver()) await work();
  }
}

/** Until it works: what it asks for does not change by being asked for twice. */
async function insist(work) {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!/OUTCOME_UNKNOWN|UNAVAILABLE|TIMEOUT|CLOSED|REFUSED/.test(error.code ?? '')) throw error;
      await trial.pause(50);
    }
  }
}

function jobOf(n) {
  const dice = trial.random();
  const payload = { n, ms: trial.someMs() };
  if (dice < 0.1) return { payload, delay: Math.floor(5000 * trial.random()) };
  if (dice < 0.15) return { payload, priority: 1 + Math.floor(5 * trial.random()) };
  const fails = dice < 0.25 ? 1 + Math.floor(2 * trial.random()) : dice < 0.27 ? Infinity : 0;
  if (fails === 0) return { payload };
  trial.retried.set(n, 1);
  if (fails === Infinity) always.add(n);
  const backoff = { type: 'fixed', delay: 200 };
  return { payload: { ...payload, act: 'failFirst', fails: Math.min(fails, 1e9) }, maxAttempts: MAX_ATTEMPTS, backoff };
}

async function enqueueBulk(producer, count) {
  const numbers = Array.from({ length: count }, () => trial.nextNumber());
  const jobs = numbers.map(jobOf);
  for (const n of numbers) trial.calls.set(n, 'open');
  let call = () => producer.queues.enqueueMany(trial.queue, jobs);
  for (;;) {
    try {
      const handles = await call();
      handles.forEach(({ id }, index) => ids.push({ id, n: numbers[index] }));
      for (const n of numbers) trial.calls.set(n, 'stored');
      stored += count;
      return;
    } catch (error) {
      const { outcome, retry } = producer.verdictOn(error);
      for (const n of numbers) trial.calls.set(n, outcome);
      if (outcome !== 'unknown') {
        await trial.pause(100); // nothing was stored: others take their place
        return;
      }
      call = retry;
    }
  }
}

async function pauseAWhile(queues) {
  await insist(() => queues.pause(trial.queue));
  await trial.pause(trial.someMs(200, 1500));
  await insist(() => queues.resume(trial.queue));
}

async function cancelOne(queues) {
  const { id, n } = ids[ids.length - 1 - Math.floor(trial.random() * Math.min(ids.length, 2000))] ?? {};
  if (id === undefined) return;
  const answer = await queues.cancel(trial.queue, id).catch(() => undefined);
  if (answer === 'cancelled') cancelled.add(n);
}

/** Dead letters get another life; each may fail as often again. */
async function retrySome(queues) {
  const { jobs } = await insist(() => queues.jobs(trial.queue, { state: 'dead', limit: 20 }));
  for (const { id, payload } of jobs) {
    trial.retried.set(payload.n, (trial.retried.get(payload.n) ?? 1) + 1);
    await queues.retry(trial.queue, id).catch(() => {});
  }
}

async function tell(auditor, startedAt) {
  const pending = await auditor.pending().catch(() => '?');
  console.log(`  ${Math.round((instant() - startedAt) / 1000)} s: ${stored} stored, ${pending} to do`);
}

async function account(done, seconds) {
  const { jobs } = await (await trial.auditor()).audit();
  const ticks = jobs.filter(({ payload }) => payload?.scheduledFor !== undefined);
  for (const { n } of ticks) trial.calls.set(n, 'tick');
  const figures = await trial.figures();
  const stateOf = new Map(figures.jobs.map(({ n, state, detail }) => [n, { state, detail }]));
  const own = figures.jobs.filter(({ n }) => typeof n === 'number');
  const count = (state) => own.filter((job) => job.state === state).length;
  const poisoned = own.filter(({ state, detail }) => state === 'dead' && detail.includes('"poison"'));
  const tickTimes = ticks.map(({ payload }) => payload.scheduledFor).sort((a, b) => a - b);
  const covered = ticks.reduce((sum, { payload }) => sum + 1 + payload.missed, 0);
  const span = tickTimes.length === 0 ? 0 : (tickTimes.at(-1) - tickTimes[0]) / 1000 + 1;
  const firstMissed = ticks.find(({ payload }) => payload.scheduledFor === tickTimes[0])?.payload.missed ?? 0;
  Object.assign(figures, {
    ticks: ticks.length,
    ticksTwice: ticks.length - new Set(tickTimes).size,
    ticksUncovered: span - (covered - firstMissed),
  });
  const rows = {
    seconds,
    'stored (acknowledged)': figures.stored,
    completed: count('completed'),
    'dead, all attempts failed': count('dead') - poisoned.length,
    'dead, three workers died with it': poisoned.length,
    cancelled: count('cancelled'),
    lost: figures.lost,
    'not ended': figures.unfinished,
    'stored twice': figures.duplicates,
    'completed twice': figures.completedTwice,
    'completed by an older run': figures.staleSettlements,
    'extra runs': figures.extraRuns,
    'cron ticks': ticks.length,
    'cron ticks twice': figures.ticksTwice,
    'cron ticks neither fired nor told': figures.ticksUncovered,
    faults: Object.entries(done)
      .map(([kind, times]) => `${kind.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)} ${times}`)
      .join(', '),
  };
  for (const [what, value] of Object.entries(rows)) console.log(`${what.padEnd(36)}${value}`);

  // A killed worker leaves its runs and one turn of settlements to be done once more; a frozen one, too.
  const most = 60 * (done.killed + done.frozen + done.halfOpen + done.redisKilled) + 60;
  trial.judge(figures, { extraRuns: most, overlaps: most, dead: Infinity });
  trial.check(rows.completed + count('dead') + rows.cancelled === figures.stored, 'the account does not add up');
  trial.check(figures.ticksTwice === 0, `${figures.ticksTwice} ticks fired twice`);
  trial.check(figures.ticksUncovered === 0, `${figures.ticksUncovered} ticks neither fired nor told as missed`);
  for (const n of cancelled) {
    const { state } = stateOf.get(n) ?? {};
    trial.check(state === 'cancelled', `${n} was answered as cancelled and is ${state}`);
  }
  for (const n of always) {
    const { state } = stateOf.get(n) ?? {};
    trial.check(state !== 'completed', `${n} always fails and is ${state}`);
  }
  const exhausted = own.filter(
    ({ n, state }) => state === 'dead' && !always.has(n) && !poisoned.some((job) => job.n === n),
  );
  trial.check(exhausted.length === 0, `${exhausted.length} dead that should have completed: ${exhausted[0]?.detail}`);
  for (const failure of trial.failures.slice(0, 20)) console.log(`FAIL ${failure}`);
  await keep(rows);
  if (trial.failures.length > 0) console.log(`again: SEED=${seed} npm run soak; histories in ${trial.folder}`);
  return trial.failures.length === 0;
}

async function keep(rows) {
  if (options.json === undefined) return;
  const asked = options.jobs === undefined ? `--minutes ${options.minutes}` : `--jobs ${options.jobs}`;
  const { workers } = options;
  const machine = describeMachine();
  const content = { version: versionOf('task-queue'), machine, seed, asked, workers, rows, failures: trial.failures };
  writeResults(options.json === 'kept' ? keptResults('soak') : options.json, content);
  if (options.json === 'kept') await renderPage();
}
