// kill -9 of the primary that holds a busy queue, in a cluster of three primaries with a replica each.
import { startCluster } from './server-groups.mjs';

export const id = 'F17';
export const name = 'cluster-primary-kill';
export const systems = ['bullmq'];

export async function run(trial) {
  const nodeTimeoutMs = 2000;
  const { clients, servers, connection } = await startCluster(trial, { replicas: true, nodeTimeoutMs });
  const slot = await clients[0].call('CLUSTER', 'KEYSLOT', trial.system.clusterKeyOf(trial.queue));
  const owner = await ownerOf(clients, slot);
  const producer = await trial.producer({ connection });
  await trial.workers(2, { connection });
  // Once the replica is the primary, there is none left to confirm.
  let durability = { replicas: 1 };
  const load = trial.load(producer, { perSecond: 150, options: () => ({ durability }) });
  await trial.pause(3000);
  const killing = servers[owner].kill();
  durability = 'primary';
  await killing;
  await trial.until('its replica took over', async () => {
    const lines = (await clients[owner === 0 ? 1 : 0].call('CLUSTER', 'NODES')).split('\n');
    const line = lines.find((text) => text.includes(`:${servers[owner + 3].port}@`));
    return line?.includes('master');
  });
  trial.faultEnded();
  await trial.pause(5000);
  await load.stop();
  await trial.auditor({ connection });
  await trial.drained();
  const figures = await trial.figures();
  const refused = [...trial.calls.values()].filter((outcome) => outcome !== 'stored').length;
  if (!trial.ours) {
    // A rival cannot ask for a confirmation: what is gone is what Redis had not replicated.
    figures.lostUnconfirmed = figures.lost;
    figures.lost = 0;
  }
  Object.assign(figures, { refused, longestCallMs: trial.longestCallMs });
  trial.judge(figures, { extraRuns: 40, overlaps: 40, unknown: 100, recoveryMs: nodeTimeoutMs + 5000 });
  return figures;
}

async function ownerOf(clients, slot) {
  for (const [first, last, [, port]] of await clients[0].call('CLUSTER', 'SLOTS')) {
    if (first <= slot && slot <= last) return clients.findIndex((client) => client.options.port === port);
  }
  throw new Error(`Nobody owns slot ${slot}`);
}
