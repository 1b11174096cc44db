/** What the server is and guarantees; `undefined` where it would not say. */
export interface StoreFacts {
  kind: 'redis' | 'valkey' | 'memory';
  version: string;
  mode: 'standalone' | 'cluster' | 'sentinel' | 'memory';
  appendonly: boolean | undefined;
  maxmemoryPolicy: string | undefined;
  replicas: number | undefined;
  /** One line for the log. */
  summary: string;
  warnings: string[];
}

/** What the store guarantees right now, as it says itself; `undefined` and {@link unknown} where it would not say. */
export interface StoreReport extends Pick<StoreFacts, 'kind' | 'version' | 'mode' | 'summary'> {
  persistence: {
    appendonly: boolean | undefined;
    /** How often the append-only file is forced to disk. */
    appendfsync: 'always' | 'everysec' | 'no' | undefined;
    /** Snapshots (RDB) are configured. */
    snapshots: boolean | undefined;
  };
  memory: {
    usedBytes: number | undefined;
    /** 0: no limit. */
    limitBytes: number | undefined;
    policy: string | undefined;
  };
  replication: {
    /** Replicas that are connected. */
    replicas: number | undefined;
    /** Writes are refused with fewer good replicas than this; 0 is off. */
    minReplicasToWrite: number | undefined;
    minReplicasMaxLagSeconds: number | undefined;
  };
  /** Levels of the `durability` option that can be confirmed here now. */
  durability: readonly ('primary' | 'replicas' | 'fsync')[];
  /** Which acknowledged jobs each event may take, in words, with `durability: 'primary'`. */
  losses: { crash: string; powerCut: string; failover: string };
  /** What should be changed, most dangerous first. */
  dangers: readonly string[];
  /** What the server would not say, and where to look instead. */
  unknown: readonly string[];
}
