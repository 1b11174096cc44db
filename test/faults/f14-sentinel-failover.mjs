// The primary behind three sentinels is killed. Jobs that a replica confirmed survive; of the others, what had not been
// replicated may be gone, and is counted.
import { startSentinels } from './server-groups.mjs';

export const id = 'F14';
export const name = 'sentinel-failover';
export const systems = ['bullmq'];

export async function run(trial) {
  const { primaryNow, bringBack, connection } = await startSentinels(trial, 3000); // longer than a busy machine may stand still
  const producer = await trial.producer({ connection });
  const durableProducer = await trial.producer({ connection });
  await trial.workers(2, { connection });
  const load = trial.load(producer, { perSecond: 100 });
  const durable = trial.load(durableProducer, {
    perSecond: 100,
    payloadOf: () => ({ ms: trial.someMs(), durable: true }),
    options: () => ({ durability: { replicas: 1 } }),
  });
  let failovers = 0;
  let known = await primaryNow();
  for (let rounds = 0; rounds < (trial.full ? 2 : 1); rounds++) {
    await trial.pause(3000);
    const primary = await primaryNow();
    // Sentinels replace a primary that lives if the machine stands still for longer than they wait. It then goes on for
    // seconds, with a replica that confirms what nobody will keep: no level of durability is meant for that.
    if (primary !== known) throw new Error('The sentinels replaced a primary that was alive: this machine stood still');
    await primary.kill();
    const newPrimary = await trial.until('a replica is promoted', async () => {
      const now = await primaryNow().catch(() => primary);
      return now !== primary && now;
    });
    failovers++;
    known = newPrimary;
    trial.faultEnded();
    if (rounds === 0) await trial.auditor({ connection: newPrimary.url });
    await trial.pause(4000);
    // Otherwise there would be none left to confirm after the next one.
    if (trial.full) await bringBack(primary);
  }
  await Promise.all([load.stop(), durable.stop()]);
  await trial.auditor({ connection });
  await trial.drained();
  const figures = await trial.figures();
  const durableCalls = figures.jobs.filter(({ payload }) => payload?.durable).length;
  const ended = new Set(figures.jobs.filter(({ state }) => state === 'completed').map(({ n }) => n));
  const lostOf = (isDurable) =>
    [...trial.calls].filter(
      ([n, outcome]) => outcome === 'stored' && !ended.has(n) && Boolean(trial.payloads.get(n)?.durable) === isDurable,
    ).length;
  Object.assign(figures, { failovers, longestCallMs: trial.longestCallMs });
  // A rival has no such level: what it lost, no replica had confirmed.
  figures.lostUnconfirmed = trial.ours ? lostOf(false) : figures.lost;
  figures.lost = trial.ours ? lostOf(true) : 0;
  if (trial.ours) figures.durable = durableCalls;
  // Redis itself may have lost completions, and with them jobs run once more; an open outcome may stay open.
  trial.judge(figures, { extraRuns: 60, overlaps: 60, unknown: 200, recoveryMs: 8000 });
  return figures;
}
