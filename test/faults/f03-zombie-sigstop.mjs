// A worker frozen by SIGSTOP for three leases and resumed: its jobs run elsewhere, it is told, and settles nothing.
import { instant } from './history.mjs';

export const id = 'F03';
export const name = 'zombie-sigstop';
export const systems = ['bullmq'];

export async function run(trial) {
  const { leaseMs } = trial;
  await trial.redis();
  const producer = await trial.producer();
  const [zombie, ...others] = await trial.workers(3, { concurrency: 8 });
  await trial.fill(producer, 12, () => ({ act: 'heedSignal', ms: 5 * leaseMs }));
  await trial.until('long jobs run', () => trial.entries().filter(({ type }) => type === 'start').length === 12);
  await trial.fill(producer, 1000, () => ({ ms: trial.someMs(20, 50) }));
  await trial.pause(300);
  zombie.kill('SIGSTOP');
  await trial.pause(3 * leaseMs);
  zombie.kill('SIGCONT');
  const wokenAt = instant();
  await trial.drained(20 * leaseMs + 30_000);
  await trial.pause(leaseMs);

  const figures = await trial.figures();
  const entries = zombie.entries();
  const elsewhere = new Set(others.flatMap((worker) => worker.entries()).filter(({ type }) => type === 'start').map(({ n }) => n));
  const lostLong = entries.filter(({ type, n, at }) => type === 'start' && n < 12 && at < wokenAt && elsewhere.has(n));
  const told = entries.filter(({ type, at, reason }) => type === 'abort' && reason === 'lease-lost' && at >= wokenAt);
  figures.lostLong = lostLong.length;
  figures.told = lostLong.filter(({ n }) => told.some((entry) => entry.n === n)).length;
  figures.toldMs = Math.round(Math.max(0, ...told.map(({ at }) => at)) - wokenAt);
  trial.judge(figures, { extraRuns: 16, overlaps: 16 });
  trial.check(lostLong.length > 0, 'the zombie must have held long jobs');
  trial.check(figures.told === lostLong.length, `${figures.told} of ${lostLong.length} lost runs were told by their signal`);
  trial.check(figures.toldMs <= 1000, `told ${figures.toldMs} ms after SIGCONT`);
  return figures;
}
