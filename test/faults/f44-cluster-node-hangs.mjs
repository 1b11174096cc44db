// One of three primaries of a cluster hangs for 15 s: queues on the two others keep their rate, and their calls do not fail.
// Nothing beside it under bullmq: it keeps all its queues in the one slot of its prefix.
import { startCluster } from './server-groups.mjs';
import { instant } from './history.mjs';

export const id = 'F44';
export const name = 'cluster-node-hangs';

const RATE = 60;

export async function run(trial) {
  const hangsMs = trial.full ? 15_000 : 8000;
  const { servers, clients, connection } = await startCluster(trial, { nodeTimeoutMs: 60_000 });
  const queues = await queuesOnEachNode(trial, clients);
  trial.queue = queues[0];
  const everything = { count: 1e7, bytes: 4e9 };
  const settings = {
    lease: trial.leaseMs,
    retention: { completed: everything, cancelled: everything, dead: everything },
  };
  const moduleOptions = { queues: Object.fromEntries(queues.map((queue) => [queue, settings])) };
  const given = { connection, moduleOptions };
  const producer = await trial.producer(given);
  await trial.workers(2, { ...given, moreQueues: queues.length - 1 });
  await trial.auditor(given);
  for (const queue of queues.slice(1)) await trial.alsoAudit(queue, given);
  const into = (queue) => ({ ...producer, add: async (payload) => (await producer.queues.enqueue(queue, payload)).id });
  const loads = queues.map((queue) =>
    trial.load(into(queue), { perSecond: RATE, payloadOf: () => ({ ms: 2, queue }) }),
  );
  await trial.pause(2000);
  const beganAt = instant();
  await trial.pause(4000);
  const hungAt = instant();
  servers[0].pause();
  await trial.pause(hangsMs);
  const endedAt = instant();
  servers[0].resume();
  trial.faultEnded();
  await trial.pause(3000);
  await Promise.all(loads.map((load) => load.stop()));
  await trial.drained();
  const figures = await trial.figures();
  const queueOf = (n) => trial.payloads.get(n)?.queue;
  const ends = trial.entries().filter(({ type, n }) => type === 'end' && queues.indexOf(queueOf(n)) > 0);
  const rate = (from, to) => (ends.filter(({ at }) => at >= from && at < to).length * 1000) / (to - from);
  const [before, during] = [rate(beganAt, hungAt), rate(hungAt, endedAt)];
  const failed = trial.rejections.filter(({ n }) => queues.indexOf(queueOf(n)) > 0);
  Object.assign(figures, {
    rateBefore: Math.round(before),
    rateDuring: Math.round(during),
    failedOfHealthy: failed.length,
    rejected: trial.rejections.length,
    longestCallOfHealthyMs: trial.longestCallOf((n) => queues.indexOf(queueOf(n)) > 0),
  });
  trial.judge(figures, { unknown: 10_000 });
  trial.check(during > before * (trial.full ? 0.9 : 0.75), `${during} jobs/s while it hung, ${before} before`);
  trial.check(failed.length === 0, `${failed.length} calls of healthy queues failed: ${failed[0]?.text}`);
  return figures;
}

/** One queue for each node, in the order of the nodes, named as a worker names its further queues. */
async function queuesOnEachNode(trial, clients) {
  const ranges = await clients[0].call('CLUSTER', 'SLOTS');
  const nodeOf = async (queue) => {
    const slot = await clients[0].call('CLUSTER', 'KEYSLOT', trial.system.clusterKeyOf(queue));
    const [, , [, port]] = ranges.find(([first, last]) => first <= slot && slot <= last);
    return clients.findIndex((client) => client.options.port === port);
  };
  for (let index = 0; ; index++) {
    const base = `${trial.queue}q${index}`;
    const queues = [base, `${base}-0`, `${base}-1`];
    const nodes = await Promise.all(queues.map(nodeOf));
    if (nodes[0] === 0 && new Set(nodes).size === 3) return queues;
  }
}
