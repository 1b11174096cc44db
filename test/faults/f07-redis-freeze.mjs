// Redis frozen for two leases while 20 jobs run on two workers that are well.
export const id = 'F07';
export const name = 'redis-freeze';
export const systems = ['bullmq'];

export async function run(trial) {
  // The figures of both are those of their built-in leases.
  const leaseMs = trial.full && !trial.ours ? trial.builtInLeaseMs : trial.leaseMs;
  const server = await trial.redis();
  const producer = await trial.producer();
  await trial.workers(2, { concurrency: 10, leaseMs });
  const long = await trial.fill(producer, 20, () => ({ ms: 4.5 * leaseMs }));
  const auditor = await trial.auditor();
  await trial.until('20 jobs run', async () => (await auditor.counts()).active === 20);
  await trial.pause(leaseMs / 2);
  server.pause();
  await trial.pause(2 * leaseMs);
  server.resume();
  trial.faultEnded();
  const load = trial.load(producer, { perSecond: 50 });
  await trial.pause(3 * leaseMs);
  await load.stop();
  await trial.drained(60_000 + 10 * leaseMs);
  const figures = await trial.figures();
  figures.ranTwice = trial.ranTwice(long);
  trial.judge(figures);
  return figures;
}
