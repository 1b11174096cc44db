// One address leads to a primary and its replica in turns, as names with several addresses and careless load balancers do,
// and connections are cut again and again.
export const id = 'F42';
export const name = 'address-in-turns';
export const systems = ['bullmq'];

export async function run(trial) {
  const primary = await trial.redis();
  const args = ['--replicaof', '127.0.0.1', String(primary.port), '--repl-diskless-sync-delay', '0'];
  const replica = await trial.redis({ args });
  const admin = trial.admin();
  await trial.until('the replica is in sync', async () => (await admin.wait(1, 100)) === 1);
  const address = await trial.proxy();
  const connection = address.url;
  const producer = await trial.producer({ connection });
  await trial.workers(2, { connection });
  const load = trial.load(producer, { perSecond: 100 });
  let ledToReplica = 0;
  const stopTurns = trial.every(30, async () => {
    if (trial.random() < 0.5) return address.lead(primary.port);
    ledToReplica++;
    address.lead(replica.port);
  });
  const cuts = trial.full ? 10 : 3;
  for (let cut = 0; cut < cuts; cut++) {
    await trial.pause(1500);
    address.reset();
  }
  await trial.pause(1500);
  stopTurns();
  address.lead(primary.port);
  trial.check(ledToReplica > 0, 'the address never led to the replica');
  trial.faultEnded();
  await trial.pause(2000);
  await load.stop();
  await trial.drained();
  await trial.pause(500);
  const figures = await trial.figures();
  Object.assign(figures, { cuts, longestCallMs: trial.longestCallMs });
  // A run whose end was on its way when its connection was cut is one that the store may give to another.
  trial.judge(figures, { recoveryMs: 6000 });
  return figures;
}
