// SIGTERM with 64 jobs in flight, twice in a row, and SIGKILL two seconds after a grace of 5 s, as a platform would; then,
// of this package alone, SIGTERM while Redis is away.
import { instant, runsOf } from './history.mjs';

export const id = 'F32';
export const name = 'sigterm-drain';
export const systems = ['bullmq'];

export async function run(trial) {
  const graceMs = trial.full ? 5000 : 3000;
  const leaseMs = trial.builtInLeaseMs;
  const concurrency = 64;
  await trial.redis();
  const producer = await trial.producer();
  const leaving = await trial.worker({ concurrency, graceMs, leaseMs });
  const started = (worker, count) =>
    trial.until(`${count} jobs run`, () => worker.entries().filter(({ type }) => type === 'start').length >= count);
  // A third of them ends within the grace.
  await trial.fill(producer, 64, (n) => ({ ms: n % 3 === 0 ? graceMs / 2 : 4 * graceMs }));
  await started(leaving, 64);
  const staying = await trial.worker({ concurrency, leaseMs });

  const toldAt = instant();
  leaving.kill('SIGTERM');
  await trial.pause(300);
  leaving.kill('SIGTERM');
  await trial.fill(producer, 50, () => ({ ms: 5 })); // for the one that stays
  // bullmq waits for its jobs for as long as they take.
  const platform = setTimeout(() => leaving.kill('SIGKILL'), graceMs + 2000);
  const exit = await leaving.exited;
  clearTimeout(platform);
  const exitMs = Math.round(exit.at - toldAt);
  await trial.drained(90_000);

  const figures = await trial.figures();
  const left = runsOf([...leaving.entries(), { type: 'death', of: leaving.pid, at: exit.at }]);
  const unfinished = left.filter(({ ended }) => !ended).map(({ n }) => n);
  const again = runsOf(staying.entries()).filter(({ n }) => unfinished.includes(n));
  Object.assign(figures, {
    exitMs,
    interrupted: unfinished.length,
    restartedMs: Math.round(Math.max(...again.map(({ from }) => from)) - exit.at),
  });
  trial.judge(figures, { extraRuns: unfinished.length, overlaps: unfinished.length });
  trial.check(exitMs <= graceMs + 1000 * trial.patience, `exit took ${exitMs} ms with a grace of ${graceMs}`);
  trial.check(exit.signal === 'SIGTERM' || exit.code === 0, `it ended with ${exit.code ?? exit.signal}`);
  trial.check(
    left.every(({ from }) => from < toldAt + 20 * trial.patience),
    'no run starts after SIGTERM',
  );
  // Limits of groups let fewer run at once.
  const least = process.env.FAULTS_FLOW === '1' ? 0 : 30;
  trial.check(
    unfinished.length > least && again.length === unfinished.length,
    'every unfinished job started elsewhere',
  );
  trial.check(
    figures.restartedMs <= 2000 * trial.patience,
    `unfinished jobs started ${figures.restartedMs} ms after the exit`,
  );
  trial.check(
    again.every(({ attempt }) => attempt === 1),
    'a shutdown burns no attempt',
  );
  if (!trial.ours) return figures;

  staying.kill();
  await staying.exited;
  const lonely = await trial.worker({ concurrency, graceMs, leaseMs });
  await trial.fill(producer, 8, () => ({ ms: 60_000 }));
  await trial.until('it runs jobs', () => lonely.entries().some(({ type }) => type === 'start'));
  await trial.server.kill();
  await trial.pause(500);
  const alsoToldAt = instant();
  lonely.kill('SIGTERM');
  figures.exitWithoutRedisMs = Math.round((await lonely.exited).at - alsoToldAt);
  trial.check(
    figures.exitWithoutRedisMs <= graceMs + 1000 * trial.patience,
    `without Redis the exit took ${figures.exitWithoutRedisMs} ms`,
  );
  return figures;
}
