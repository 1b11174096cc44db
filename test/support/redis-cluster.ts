import { Redis } from 'ioredis';
import { startRedisServer, type RedisServer } from './redis-server.js';

export interface RedisCluster {
  nodes: { host: string; port: number }[];
  servers: RedisServer[];
  stop(): Promise<void>;
}

/** Three primaries that share all slots; no replicas. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const args = ['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf', '--cluster-node-timeout', '5000'];
  const servers = await Promise.all([0, 1, 2].map(() => startRedisServer({ args })));
  const clients = servers.map(({ url }) => new Redis(url));
  const nodes = servers.map(({ port }) => ({ host: '127.0.0.1', port }));
  for (const [index, client] of clients.entries()) {
    const [first, last] = [Math.floor((16384 * index) / 3), Math.floor((16384 * (index + 1)) / 3) - 1];
    await client.call('CLUSTER', 'ADDSLOTSRANGE', first, last);
    await client.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
  }
  for (const { host, port } of nodes.slice(1)) await clients[0].call('CLUSTER', 'MEET', host, port);
  for (const client of clients) {
    for (let known = ''; !known.includes('cluster_state:ok') || !known.includes('cluster_known_nodes:3');) {
      known = String(await client.call('CLUSTER', 'INFO'));
    }
    client.disconnect();
  }
  return {
    nodes,
    servers,
    stop: async () => {
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}
