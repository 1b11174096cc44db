// Workers frozen by SIGSTOP for three leases and resumed: their jobs run elsewhere, they are told, and settle nothing.
import { instant } from './history.mjs';

export const id = 'F03';
export const name = 'zombie-sigstop';
export const systems = ['bullmq'];

export async function run(trial) {
  const { leaseMs } = trial;
  const long = 12;
  await trial.redis();
  const producer = await trial.producer();
  // Several: whether the heartbeat or the main loop wakes first is a matter of luck, and the signal must come either way.
  const zombies = await trial.workers(3, { concurrency: 8 });
  await trial.fill(producer, long, () => ({ act: 'heedSignal', ms: 5 * leaseMs }));
  await trial.until('long jobs run', () => trial.entries().filter(({ type }) => type === 'start').length === long);
  const others = await trial.workers(2, { concurrency: 16 });
  await trial.fill(producer, 1000, () => ({ ms: trial.someMs(20, 50) }));
  await trial.pause(200);
  for (const zombie of zombies) zombie.kill('SIGSTOP');
  await trial.pause(3 * leaseMs);
  // Read before they wake: this process may be held up between the two lines for longer than a zombie needs to be told.
  const wokenAt = instant();
  for (const zombie of zombies) zombie.kill('SIGCONT');
  await trial.drained(20 * leaseMs + 30_000);
  await trial.pause(leaseMs);

  const figures = await trial.figures();
  const startsOf = (workers) => workers.flatMap((worker) => worker.entries()).filter(({ type }) => type === 'start');
  const elsewhere = new Set(startsOf(others).map(({ n }) => n));
  const lostLong = startsOf(zombies).filter(({ n, at }) => n < long && at < wokenAt && elsewhere.has(n));
  const aborts = zombies.flatMap((zombie) => zombie.entries()).filter(({ type }) => type === 'abort');
  const told = aborts.filter(({ at, reason }) => reason === 'lease-lost' && at >= wokenAt);
  figures.lostLong = lostLong.length;
  figures.told = lostLong.filter(({ n }) => told.some((entry) => entry.n === n)).length;
  figures.toldMs = Math.round(Math.max(0, ...told.map(({ at }) => at)) - wokenAt);
  trial.judge(figures, { extraRuns: 30, overlaps: 30 });
  trial.check(lostLong.length === long, `${lostLong.length} of ${long} long jobs were started elsewhere`);
  trial.check(
    figures.told === lostLong.length,
    `${figures.told} of ${lostLong.length} lost runs were told by their signal`,
  );
  trial.check(figures.toldMs <= 1000 * trial.patience, `told ${figures.toldMs} ms after SIGCONT`);
  return figures;
}
