import type { AttemptLimits } from '../core/attempt-limit.js';
import type { Store } from '../core/ports/store.js';
import type { Codec } from '../core/codec.js';
import type { Redactor } from '../core/redactor.js';
import type { StandardSchemaV1 } from '../core/standard-schema.js';
import type { ResolvedJobOptions } from '../options/options.js';
import type { JobNameChecker } from './job-name-checker.js';
import type { ResultWaiter } from './result-waiter.js';

/** What producers and curators need of a store: neither turns of workers nor duties. */
export type QueueStore = Omit<Store, 'workers' | 'duties'>;

/** What every verb, handle and stream of one queue shares: made once, at the first use of the queue. */
export interface QueueScope {
  readonly queue: string;
  readonly store: QueueStore;
  readonly codec: Codec;
  /** Hides fields of what is shown; undefined: none. */
  readonly redactor: Redactor | undefined;
  /** Bytes of one encoded payload. */
  readonly payloadLimit: number;
  readonly waiter: ResultWaiter;
  /** Strategies that `backoff.type` may name beside the built-in ones. */
  readonly backoffNames: readonly string[];
  /** Queue configuration over module defaults over the package's: as far as a producer can know. */
  readonly settings: ResolvedJobOptions;
  /** How many failed runs jobs of this name are allowed; undefined where this process has no handler of them. */
  attemptLimitsOf(jobName: string): AttemptLimits | undefined;
  /** The label of a handler in this process that takes jobs of this name from many groups in one call. */
  mixedBatchOf(jobName: string): string | undefined;
  /** Checks payloads of jobs of this name before they are handled here; undefined where nothing does. */
  schemaOf(jobName: string): StandardSchemaV1 | undefined;
  /** Told of each job before it is stored, but for those of definitions. */
  readonly names: JobNameChecker;
  /** A job without options of its own is the plain one: neither priority, cost, expiry nor durability is configured. */
  readonly plain: boolean;
}
