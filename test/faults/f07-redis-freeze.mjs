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
  // The worst moment: the next look for lost leases is waiting before the next renewal when Redis comes back.
  if (trial.ours) await renewal(trial, auditor);
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
  delete figures.recoveryMs; // the long jobs hold every place, for as many leases as they take
  trial.judge(figures);
  return figures;
}

/** Resolves right after a worker renewed its lease. */
async function renewal(trial, { redis, key }) {
  const leases = async () => (await redis.zrange(key('workers'), 0, -1, 'WITHSCORES')).join(' ');
  const before = await leases();
  await trial.until('a lease is renewed', async () => (await leases()) !== before);
}
