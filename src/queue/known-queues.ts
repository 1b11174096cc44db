import type { ResolvedQueueOptions } from '../task-queue.options.js';

/** The queues this application knows: registered, configured, processed, or named by a definition that it uses. */
export interface KnownQueues {
  has(name: string): boolean;
  names(): Iterable<string>;
  /** The queue's own configuration; undefined where it has none. */
  get(name: string): ResolvedQueueOptions | undefined;
}
