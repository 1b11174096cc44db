/** Which processes are there, on whatever app of the prefix, and which queues they know. One registry for all queues of a store. */
export interface Presence {
  /**
   * A process is there, and does this. It is forgotten after `RULES.presenceMs` without a further call, by whoever calls next.
   * @param record a text that the store does not read
   * @param queues that the process knows: the registry remembers each for `RULES.queueMemoryMs`
   */
  announce(process: string, record: string, queues: readonly string[]): Promise<void>;
  /** The process ends. Its queues stay known. */
  withdraw(process: string): Promise<void>;
  /** Those that were heard of within `RULES.presenceMs`, in no order. */
  processes(): Promise<PresentProcess[]>;
  /** Names of queues that some process knew within `RULES.queueMemoryMs`, sorted. */
  queues(): Promise<string[]>;
}

export interface PresentProcess {
  id: string;
  /** Store time of its last call, ms. */
  seenAt: number;
  record: string;
}
