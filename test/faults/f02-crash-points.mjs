// Processes that die at a chosen point: after a reservation came, in a handler, before and after a settlement was sent,
// after it was answered.
import { runsOf } from './history.mjs';

export const id = 'F02';
export const name = 'crash-points';

const PRELOAD = new URL('./crash-preload.mjs', import.meta.url).href;
/** Runs that begin once more after a crash at this point, in a worker with one job at a time. */
const EXTRA_RUNS = { reserved: 0, 'mid-handler': 1, 'before-settle': 1, 'settle-sent': 1, settled: 0 };

export async function run(trial) {
  const crashes = trial.full ? 20 : 3;
  await trial.redis();
  const producer = await trial.producer();
  const { loadScripts } = await import(`${trial.dist}/redis/wire/script-library.js`);
  const scripts = loadScripts();
  const shas = [scripts['settle-and-reserve'].sha, scripts['turn-plain'].sha].join(' ');
  const pointOf = new Map();
  let deaths = 0;
  for (const point of Object.keys(EXTRA_RUNS)) {
    for (let round = 0; round < crashes; round++) {
      await trial.fill(producer, 20, () => ({ ms: 20 }));
      const env = { CRASH_POINT: point, CRASH_AT: String(2 + Math.floor(8 * trial.random())), SETTLE_SHAS: shas };
      const worker = await trial.worker({ env, preload: [PRELOAD], concurrency: 1, prefetch: 0, wait: false });
      pointOf.set(worker.pid, point);
      const { signal } = await worker.exited;
      if (signal === 'SIGKILL') deaths++;
    }
  }
  trial.faultEnded();
  await trial.workers(2);
  await trial.drained();
  const figures = await trial.figures();
  const extra = Object.fromEntries(Object.keys(EXTRA_RUNS).map((point) => [point, 0]));
  const seen = new Map();
  for (const { n, pid } of runsOf(trial.entries())) {
    if (seen.has(n)) extra[pointOf.get(seen.get(n)) ?? 'settled']++;
    seen.set(n, pid);
  }
  figures.deaths = deaths;
  figures.extraAt = Object.entries(extra)
    .map(([point, count]) => `${point} ${count}`)
    .join(' ');
  trial.judge(figures, { extraRuns: 3 * crashes });
  for (const [point, most] of Object.entries(EXTRA_RUNS)) {
    trial.check(extra[point] <= most * crashes, `${extra[point]} extra runs after ${crashes} crashes at ${point}`);
  }
  trial.check(deaths === crashes * Object.keys(EXTRA_RUNS).length, `only ${deaths} processes died where they should`);
  return figures;
}
