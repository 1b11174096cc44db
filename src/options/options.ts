import type { AlertRule } from './alert-rules.js';
import type { ClusterNode, ClusterOptions, Cluster, Redis, RedisOptions } from 'ioredis';
import type { AttemptLimits } from '../core/attempt-limit.js';
import type { BackoffStrategy } from '../core/backoff.js';
import type { Codec } from '../core/codec.js';
import type { DurabilityLevel } from '../core/durability.js';
import type { Duration } from '../core/duration.js';
import type { BackoffSpec, RetentionRule, SettledState } from '../core/job.js';
import type { Redactor } from '../core/redactor.js';
import type { QueueLimits } from '../core/limits.js';
import type { JobOptions } from './job-options.js';
import type { LimitOptions } from './limit-options.js';
import type { ScheduleOverrides } from './schedule-options.js';

export type {
  Backoff,
  DurabilityOption,
  Expiry,
  HandledJobOptions,
  JobOptions,
  Retention,
  ScheduledJobOptions,
} from './job-options.js';
export type {
  CronOptions,
  IntervalOptions,
  ScheduleJobSettings,
  ScheduleOptions,
  ScheduleOverrides,
  ScheduleScope,
  TimeoutOptions,
} from './schedule-options.js';

/**
 * Which part of the work this process does. `producer` enqueues and listens; `all` does everything. `worker` is the same as
 * `all`: it says in a deployment that has producers which process is which.
 */
export type Role = 'all' | 'producer' | 'worker';

/** A client of another copy or version of ioredis than the one that this package has. */
export interface OtherIoredis {
  readonly status: string;
  readonly options: object;
  duplicate(...args: never[]): unknown;
  sendCommand(...args: never[]): unknown;
}

/**
 * Where jobs are stored: a `redis://`, `rediss://` or `memory://` URL, ioredis options, cluster nodes, or an ioredis
 * instance of yours (its options are read, it is never closed).
 */
export type Connection =
  string | URL | RedisOptions | { nodes: ClusterNode[]; options?: ClusterOptions } | Redis | Cluster | OtherIoredis;

/** Options of one worker: they belong to the queue, so two methods of one queue may not differ. */
export interface WorkerOptions {
  /** Handlers that run at the same time in this process, default 10. */
  concurrency?: number;
  /** Jobs held ready beside the running ones: `'auto'` (at most 5 ms of work and 250 jobs) or a number. */
  prefetch?: 'auto' | number;
  /** How long a worker that falls silent keeps its jobs, default 8 s (30 s where the process cannot beat from a thread). */
  lease?: Duration;
  /** What holds the queue back over all processes together. Default nothing. */
  limits?: LimitOptions;
}

export interface QueueOptions extends JobOptions, WorkerOptions {
  /** A Redis list that other programs fill; each element becomes a job of this queue. */
  inbox?: string;
  /** As `strictNames` of the module, for this queue. */
  strictNames?: boolean;
}

export interface TaskQueueModuleOptions {
  /** Where jobs are stored. Absent: `redis://127.0.0.1:6379`; given but undefined is an error (an unset variable). */
  connection?: Connection;
  /** First part of every key, default `tq`. */
  prefix?: string;
  /**
   * Which application this is, default `default`. It owns the schedules its code declares: applications that share a prefix
   * give each its own name.
   */
  app?: string;
  /** Which release this is, such as a tag or a commit: processes and histories show it. At most 64 characters. Default none. */
  version?: string;
  role?: Role;
  /** Job options where nothing closer to the job says otherwise. */
  defaults?: JobOptions;
  /** Per queue, so that they can come from configuration. */
  queues?: Record<string, QueueOptions>;
  /** By name of a schedule that the code declares: what configuration says otherwise than its decorator. */
  schedules?: Record<string, ScheduleOverrides>;
  /** Strategies that `backoff.type` may name. */
  backoffs?: Record<string, BackoffStrategy>;
  /** Default JSON; `encryptedCodec` encrypts at rest. */
  codec?: Codec;
  /**
   * Fields to hide where this package shows values: in events, in `JobHandle.toJSON()`, and by their text in stored errors
   * and log lines of jobs. Keys joined by dots, `*` for any number of them: `['*.password', 'card.number']`. Default none.
   */
  redact?: readonly string[];
  /** Largest encoded payload or result in bytes, default 262144. */
  payloadLimit?: number;
  /** Every call to the store settles within this, default 5 s. */
  commandTimeout?: Duration;
  /** Boot fails when the store is not reached within this, default 10 s. */
  connectTimeout?: Duration;
  /** Wait for the store at boot instead of failing, default false. */
  waitForRedis?: boolean;
  /** Accept a Redis that may evict keys (`allkeys-*`), default false. */
  allowEviction?: boolean;
  /** Accept `memory://` with NODE_ENV=production, default false. */
  allowMemory?: boolean;
  /** Kinds of global enhancers that also run around handlers, default none. */
  globalEnhancers?: readonly GlobalEnhancerKind[];
  shutdown?: { grace?: Duration };
  /**
   * An enqueue under a job name that no handler and no definition of this process knows is refused. Default false: it is stored,
   * with a warning. Where nobody here names jobs of the queue, or a handler takes every name, any name is fine.
   */
  strictNames?: boolean;
  /**
   * What to watch, over all processes of the app: `@OnQueueAlert()` hears of each change once per cluster, and `queues.alerts()` answers
   * what fires. At most 50 rules. Give the same ones to all processes of an `app`: those of the newest count. Default none.
   */
  alerts?: readonly AlertRule[];
}

export type GlobalEnhancerKind = 'guards' | 'interceptors' | 'pipes' | 'filters';

/** Job options in the units of the engine. */
export interface ResolvedJobOptions extends AttemptLimits {
  retryForMs: number | undefined;
  backoff: BackoffSpec;
  timeoutMs: number | undefined;
  expiresInMs: number | undefined;
  /** Comes and goes with `expiresInMs`: true deletes what has expired. */
  dropsExpired: boolean | undefined;
  priority: number;
  cost: number;
  retention: Record<SettledState, RetentionRule>;
  durability: DurabilityLevel;
}

/** What one level (call, definition, queue, processor, defaults) says of a job; retention is merged state by state. */
export type GivenJobOptions = Partial<Omit<ResolvedJobOptions, 'retention' | 'maxAttemptsOfTicks'>> & {
  retention?: Partial<Record<SettledState, RetentionRule>>;
};

export interface ResolvedWorkerOptions {
  concurrency: number;
  prefetch: 'auto' | number;
  leaseMs: number;
  limits: QueueLimits | undefined;
}

/** What the module works with after boot-time validation: every unit known, every default filled in. */
export interface ResolvedOptions {
  connection: Exclude<Connection, URL>;
  prefix: string;
  app: string;
  version: string | undefined;
  role: Role;
  /** Only what the user gave, in engine units: it is merged per job with what the other levels say. */
  defaults: GivenJobOptions;
  queues: Record<string, ResolvedQueueOptions>;
  /** Their values are read where they meet the decorators. */
  schedules: Readonly<Record<string, ScheduleOverrides>>;
  backoffs: Record<string, BackoffStrategy>;
  codec: Codec;
  /** Undefined: nothing is hidden. */
  redactor: Redactor | undefined;
  payloadLimit: number;
  commandTimeoutMs: number;
  connectTimeoutMs: number;
  waitForRedis: boolean;
  allowEviction: boolean;
  allowMemory: boolean;
  globalEnhancers: readonly GlobalEnhancerKind[];
  graceMs: number;
  strictNames: boolean;
  alerts: readonly AlertRule[];
}

export interface ResolvedQueueOptions {
  job: GivenJobOptions;
  worker: Partial<ResolvedWorkerOptions>;
  inbox: string | undefined;
  strictNames: boolean | undefined;
}
