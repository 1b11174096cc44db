import { Redis } from 'ioredis';

/** Resolves once the server on this port is a replica that has all its primary has. */
export async function replicaInSync(port: number): Promise<void> {
  const client = new Redis(port);
  try {
    while (!/master_link_status:up/.test(await client.info('replication')));
  } finally {
    client.disconnect();
  }
}
