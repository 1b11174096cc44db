import type { Cluster, Redis } from 'ioredis';

/** One server's client, or a cluster's. */
export type Client = Redis | Cluster;
