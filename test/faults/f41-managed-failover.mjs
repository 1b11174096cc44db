// A managed failover behind one address: the replica is promoted and takes the address, and the old primary lives on as its
// replica, closes no connection and goes on to deliver messages. Idle workers are woken by the new one.
import { instant } from './history.mjs';

export const id = 'F41';
export const name = 'managed-failover';
export const systems = ['bullmq'];

export async function run(trial) {
  const servers = [await trial.redis(), undefined];
  const replication = ['--replicaof', '127.0.0.1', String(servers[0].port), '--repl-diskless-sync-delay', '0'];
  servers[1] = await trial.redis({ args: replication });
  const admins = servers.map((server) => trial.admin(server));
  await trial.until('the replica is in sync', async () => (await admins[0].wait(1, 100)) === 1);
  const address = await trial.proxy();
  const connection = address.url;
  const producer = await trial.producer({ connection });
  await trial.workers(2, { connection });
  const load = trial.load(producer, { perSecond: 100 });
  let primary = 0;
  const rounds = trial.full ? 3 : 1;
  for (let round = 0; round < rounds; round++) {
    await trial.pause(2000);
    const next = 1 - primary;
    // The replica has all there is before it is promoted, as where a service moves a primary on purpose.
    await admins[primary].call('FAILOVER', 'TO', '127.0.0.1', servers[next].port);
    await trial.until('the replica is promoted', async () =>
      /role:master/.test(await admins[next].info('replication')),
    );
    address.lead(servers[next].port);
    primary = next;
    if (round < rounds - 1) await trial.pause(8000);
  }
  trial.faultEnded();
  await trial.pause(3000);
  await load.stop();
  await trial.auditor({ connection: servers[primary].url });
  await trial.drained();
  await trial.pause(6000); // no server tells its subscribers that it is another one now
  let slowestPickUpMs = 0;
  for (let index = 0; index < 10; index++) slowestPickUpMs = Math.max(slowestPickUpMs, await pickUpMs(trial, producer));
  await trial.drained();
  const figures = await trial.figures();
  Object.assign(figures, { slowestPickUpMs: Math.round(slowestPickUpMs), longestCallMs: trial.longestCallMs });
  trial.judge(figures, { recoveryMs: 6000 });
  trial.check(slowestPickUpMs < 500 * trial.patience, `an idle worker was woken after ${slowestPickUpMs} ms`);
  if (trial.ours) {
    const heard = async (admin) => (await admin.pubsub('CHANNELS')).length;
    trial.check((await heard(admins[primary])) > 0, 'nobody listens at the new primary');
    trial.check((await heard(admins[1 - primary])) === 0, 'somebody still listens at the old primary');
  }
  return figures;
}

/** @returns how long after its enqueue a job starts at workers that have nothing to do */
async function pickUpMs(trial, producer) {
  await trial.pause(200);
  const calledAt = instant();
  const n = await trial.add(producer, { ms: 1 });
  const start = () => trial.entries().find(({ type, n: of }) => type === 'start' && of === n);
  return (await trial.until('it has started', start)).at - calledAt;
}
