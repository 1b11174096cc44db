import type { StandardSchemaV1 } from '../core/standard-schema.js';
import type { GivenJobOptions, ResolvedQueueOptions } from '../options/options.js';

/** The queues this application knows: registered, configured, processed, or named by a definition that it uses. */
export interface KnownQueues {
  has(name: string): boolean;
  names(): Iterable<string>;
  /** Whether the handlers of the app were found already. */
  readonly areComplete: boolean;
  /** The queue's own configuration; undefined where it has none. */
  get(name: string): ResolvedQueueOptions | undefined;
  /** Job names that handlers of this process take; `'*'`: one of them takes every name. */
  handledNamesOf(name: string): readonly string[] | '*';
  /** What the handler in this process says that takes jobs of this name; undefined where there is none. */
  handledOptionsOf(name: string, jobName: string): GivenJobOptions | undefined;
  /** The label of the handler in this process that takes jobs of this name from many groups in one call; undefined where there is none. */
  mixedBatchOf(name: string, jobName: string): string | undefined;
  /** What checks payloads of jobs of this name before they are handled in this process. */
  schemaOf(name: string, jobName: string): StandardSchemaV1 | undefined;
}
