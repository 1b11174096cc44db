// kill -9 of one of three workers in the middle of the work, with jobs in flight.
import { runsOf } from './history.mjs';

export const id = 'F01';
export const name = 'worker-sigkill';
export const systems = ['bullmq'];

export async function run(trial) {
  const count = trial.full ? 20_000 : 4000;
  const concurrency = 10;
  await trial.redis();
  const producer = await trial.producer();
  await trial.fill(producer, count, () => ({ ms: trial.someMs(20, 50) }));
  // At its built-in lease, whatever the profile: a crash is repaired within 10 s.
  const workers = await trial.workers(3, {
    concurrency,
    ...((trial.ours || trial.full) && { leaseMs: trial.builtInLeaseMs }),
  });
  const auditor = await trial.auditor();
  await trial.until('half of the jobs are done', async () => (await auditor.counts()).ready < count / 2, 120_000);

  const victim = workers[0];
  victim.kill();
  const { at: killedAt } = await victim.exited;
  trial.faultEnded();
  const inFlight = runsOf([...victim.entries(), { type: 'death', of: victim.pid, at: killedAt }]).filter(
    ({ ended }) => !ended,
  );
  trial.check(inFlight.length > 0, 'the victim must have jobs in flight');
  await trial.drained(180_000);

  const figures = await trial.figures();
  const again = runsOf(trial.entries()).filter(
    (run) => run.pid !== victim.pid && inFlight.some(({ n }) => n === run.n),
  );
  figures.inFlight = inFlight.length;
  figures.restartedMs = Math.round(Math.max(...again.map(({ from }) => from)) - killedAt);
  figures.burned = again.filter(({ attempt }) => attempt !== 1).length;
  // A run may have ended without its settlement having been stored: those of one turn.
  trial.judge(figures, { extraRuns: inFlight.length + concurrency, recoveryMs: 1000 });
  trial.check(new Set(again.map(({ n }) => n)).size === inFlight.length, 'each interrupted job started again');
  trial.check(
    figures.restartedMs <= 10_000 + (trial.full ? 0 : 5000),
    `interrupted jobs started again after ${figures.restartedMs} ms, more than 10 s`,
  );
  trial.check(figures.burned === 0, `a crash burned ${figures.burned} attempts`);
  trial.check(figures.completed === count, `${figures.completed} of ${count} completed`);
  return figures;
}
