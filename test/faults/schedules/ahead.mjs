// A worker whose clock is seven seconds ahead, alone and then beside one whose clock is right: no tick may begin early.
import { instant } from '../history.mjs';
import { percentile } from './evidence.mjs';

export const id = 'ahead';

const AHEAD_MS = 7000;
const SECONDS = 15;
/** Clocks of two processes are read at two moments. */
const EARLY_MS = 5;

export async function run(trial) {
  await trial.redis();
  const site = { schedules: { every: { expression: '* * * * * *', payload: { ms: 1 } } }, concurrency: 4 };
  const wall = Date.now() - instant();
  await trial.worker({ ...site, clockOffsetMs: AHEAD_MS });
  await trial.pause(SECONDS * 1000);
  const joined = instant();
  await trial.worker(site);
  await trial.pause(SECONDS * 1000);
  const starts = trial.entries().filter(({ type, schedule }) => type === 'start' && schedule !== undefined);
  const lateness = ({ at, tick }) => at + wall - tick;
  const early = starts.filter((start) => lateness(start) < -EARLY_MS);
  const figures = {
    runs: starts.length,
    early: early.length,
    earlyBesideARightClock: early.filter(({ at }) => at > joined + 2000).length,
    earliestMs: Math.max(0, -percentile(starts.map(lateness), 0.0001)),
    latestMs: percentile(starts.map(lateness), 1),
  };
  trial.check(figures.runs >= 2 * SECONDS - 4, `only ${figures.runs} runs in ${2 * SECONDS} s`);
  trial.check(figures.early === 0, `${figures.early} ticks began early, by ${figures.earliestMs} ms`);
  return figures;
}
