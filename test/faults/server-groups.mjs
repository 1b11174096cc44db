// Redis as it stands in production: a primary with replicas and sentinels, a cluster.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from '../support/redis-process.mjs';

const quiet = (port) => {
  const client = new Redis(port, { maxRetriesPerRequest: null });
  client.on('error', () => {});
  return client;
};

/** One primary, two replicas in sync, three sentinels that agree. */
export async function startSentinels(trial, downAfterMs = 1000) {
  const primary = await trial.redis();
  const diskless = ['--repl-diskless-sync-delay', '0'];
  const replicas = [];
  for (let index = 0; index < 2; index++) {
    replicas.push(await trial.redis({ args: ['--replicaof', '127.0.0.1', String(primary.port), ...diskless] }));
  }
  const admin = quiet(primary.port);
  await trial.until('replicas are in sync', async () => (await admin.wait(2, 100)) === 2);
  admin.disconnect();
  const sentinels = [];
  for (let index = 0; index < 3; index++) {
    const port = await freePort();
    const file = join(trial.folder, `sentinel-${index}.conf`);
    const lines = [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${trial.folder}`,
      `sentinel monitor mymaster 127.0.0.1 ${primary.port} 2`,
      `sentinel down-after-milliseconds mymaster ${downAfterMs}`,
      'sentinel failover-timeout mymaster 3000',
    ];
    writeFileSync(file, lines.join('\n') + '\n');
    const child = spawn(process.env.REDIS_SERVER || 'redis-server', [file, '--sentinel'], { stdio: 'ignore' });
    trial.onClose(() => void child.kill('SIGKILL'));
    sentinels.push({ host: '127.0.0.1', port });
  }
  const watch = quiet(sentinels[0].port);
  trial.onClose(() => watch.disconnect());
  const facts = async () => Object.fromEntries(pairs(await watch.call('SENTINEL', 'MASTER', 'mymaster')));
  await trial.until('sentinels know all', async () => {
    const { 'num-slaves': known, 'num-other-sentinels': others } = await facts().catch(() => ({}));
    return known === '2' && others === '2';
  });
  const servers = [primary, ...replicas];
  const primaryNow = async () => {
    const { port } = await facts();
    return servers.find((server) => String(server.port) === port);
  };
  /** A killed one comes back; the sentinels make it a replica of who is the primary then. */
  const bringBack = async (server) => {
    const back = await trial.redis({ port: server.port, args: diskless });
    servers[servers.indexOf(server)] = back;
    const client = quiet(back.port);
    await trial.until('it is a replica again, in sync', async () =>
      /role:slave[^]*master_link_status:up/.test(await client.info('replication')),
    );
    client.disconnect();
  };
  return { servers, primaryNow, bringBack, connection: { sentinels, name: 'mymaster' } };
}

/** Three primaries that share all slots, with a replica each if wanted. */
export async function startCluster(trial, { replicas = false, nodeTimeoutMs = 2000 } = {}) {
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', String(nodeTimeoutMs)];
  args.push('--repl-diskless-sync-delay', '0', '--cluster-replica-validity-factor', '0');
  const count = replicas ? 6 : 3;
  const servers = await Promise.all(Array.from({ length: count }, () => trial.redis({ args })));
  const clients = servers.map(({ port }) => quiet(port));
  trial.onClose(() => clients.forEach((client) => client.disconnect()));
  for (let index = 0; index < 3; index++) {
    const [first, last] = [Math.floor((16384 * index) / 3), Math.floor((16384 * (index + 1)) / 3) - 1];
    await clients[index].call('CLUSTER', 'ADDSLOTSRANGE', first, last);
  }
  for (const [index, client] of clients.entries()) await client.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
  for (const { port } of servers.slice(1)) await clients[0].call('CLUSTER', 'MEET', '127.0.0.1', port);
  const ids = await Promise.all(clients.map((client) => client.call('CLUSTER', 'MYID')));
  await trial.until('all nodes know each other', async () => {
    const infos = await Promise.all(clients.map((client) => client.call('CLUSTER', 'INFO')));
    return infos.every((info) => info.includes(`cluster_known_nodes:${count}`));
  });
  for (let index = 3; index < count; index++) await clients[index].call('CLUSTER', 'REPLICATE', ids[index - 3]);
  await trial.until('the cluster is up', async () => {
    const infos = await Promise.all(clients.map((client) => client.call('CLUSTER', 'INFO')));
    if (!infos.every((info) => info.includes('cluster_state:ok'))) return false;
    if (!replicas) return true;
    const links = await Promise.all(clients.slice(3).map((client) => client.info('replication')));
    return links.every((link) => link.includes('master_link_status:up'));
  });
  const nodes = servers.map(({ port }) => ({ host: '127.0.0.1', port }));
  return { servers, clients, ids, connection: { nodes } };
}

function* pairs(list) {
  for (let index = 0; index < list.length; index += 2) yield [list[index], list[index + 1]];
}
