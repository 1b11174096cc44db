import { Command, type Cluster, type Redis } from 'ioredis';

/** The node that serves the slot of a key, as `host:port`; '' without a cluster, without a key, and where nobody serves it. */
export function nodeOfKey(client: Redis | Cluster, key: string | undefined): string {
  if (!client.isCluster || key === undefined) return '';
  return nodeOfSlot(client as Cluster, new Command('get', [key]).getSlot());
}

export function nodeOfSlot(client: Cluster, slot: number | null): string {
  return slot === null ? '' : ((client.slots[slot] as string[] | undefined)?.[0] ?? '');
}

/** Whether it is the primary of a slot, by what the cluster said last. */
export function servesSlots(client: Cluster, node: string): boolean {
  return (client.slots as (string[] | undefined)[]).some((nodes) => nodes?.[0] === node);
}

/** The connection of the cluster's client to a node. */
export function connectionTo(client: Cluster, node: string): Redis | undefined {
  return client.nodes('all').find(({ options }) => `${options.host}:${options.port}` === node);
}
