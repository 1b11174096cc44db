// The slot of a busy queue moves to and fro between two primaries, key by key, all the time.
import { startCluster } from './server-groups.mjs';

export const id = 'F16';
export const name = 'cluster-reshard';
export const systems = ['bullmq'];

export async function run(trial) {
  const { clients, ids, servers, connection } = await startCluster(trial);
  const slot = await clients[0].call('CLUSTER', 'KEYSLOT', trial.system.clusterKeyOf(trial.queue));
  let owner = Math.min(2, Math.floor((slot * 3) / 16384));
  while (!(await ownsSlot(clients[owner], slot))) owner = (owner + 1) % 3;
  const producer = await trial.producer({ connection });
  await trial.workers(2, { connection });
  const load = trial.load(producer, { perSecond: 150 });
  const deadline = Date.now() + (trial.full ? 60_000 : 6000);
  let moves = 0;
  while (Date.now() < deadline) {
    const target = (owner + 1) % 3;
    await clients[target].call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', ids[owner]);
    await clients[owner].call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', ids[target]);
    // However many keys a queue has, they go in some ten steps.
    const step = Math.max(3, Math.ceil((await clients[owner].call('CLUSTER', 'COUNTKEYSINSLOT', slot)) / 10));
    for (;;) {
      const keys = await clients[owner].call('CLUSTER', 'GETKEYSINSLOT', slot, step);
      if (keys.length === 0) break;
      await clients[owner].call('MIGRATE', '127.0.0.1', servers[target].port, '', 0, 5000, 'KEYS', ...keys);
      await trial.pause(5 + 20 * trial.random());
    }
    for (const index of [target, owner, 3 - target - owner]) {
      await clients[index].call('CLUSTER', 'SETSLOT', slot, 'NODE', ids[target]);
    }
    owner = target;
    moves++;
    await trial.pause(200 * trial.random());
  }
  trial.faultEnded();
  await load.stop();
  await trial.auditor({ connection });
  await trial.drained();
  const figures = await trial.figures();
  const refused = [...trial.calls.values()].filter((outcome) => outcome !== 'stored').length;
  Object.assign(figures, { moves, refused, longestCallMs: trial.longestCallMs });
  trial.judge(figures, { recoveryMs: 5000 });
  trial.check(moves >= 3, `the slot moved only ${moves} times`);
  trial.check(refused === 0, `${refused} calls failed: ${trial.lastError?.message}`);
  return figures;
}

async function ownsSlot(client, slot) {
  const answer = await client.call('CLUSTER', 'COUNTKEYSINSLOT', slot);
  const mine = (await client.call('CLUSTER', 'NODES')).split('\n').find((line) => line.includes('myself'));
  return (
    answer !== undefined &&
    mine
      .split(' ')
      .slice(8)
      .some((range) => covers(range, slot))
  );
}

function covers(range, slot) {
  const [first, last = first] = range.split('-').map(Number);
  return first <= slot && slot <= last;
}
