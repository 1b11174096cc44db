import type { JobHeaders } from '../../core/job-headers.js';
import type { BackoffSpec, RetentionRule, SettledState } from '../../core/job.js';
import type { Overlap } from '../../core/ports/timetable.js';

/** When a schedule ticks. Times are ms, instants ms since the epoch. */
export type ScheduleRule =
  | {
      kind: 'cron';
      /** Five to seven fields or a nickname, as written; `H` is spread by the name of the schedule. */
      expression: string;
      /** IANA name, or an offset such as `+02:00`; `UTC` unless given, so that every host computes the same ticks. */
      timeZone: string;
    }
  /** At least 1000. Counts from the first registration, or from `startAt`. */
  | { kind: 'interval'; everyMs: number }
  /** One tick, at this instant. */
  | { kind: 'date'; at: number }
  /** One tick, that long after the first registration. */
  | { kind: 'delay'; delayMs: number };

/** Job options of a schedule in engine units: only what was given. */
export interface ScheduleJobOptions {
  /** Name of its jobs, which picks their handler. Default: the name of the schedule. */
  name?: string;
  maxAttempts?: number;
  retryForMs?: number;
  backoff?: BackoffSpec;
  timeoutMs?: number;
  expiresInMs?: number;
  dropsExpired?: boolean;
  priority?: number;
  retention?: Partial<Record<SettledState, RetentionRule>>;
  headers?: JobHeaders;
  /** Key, or sorted names of the fields of the payload that make it. */
  unique?: { key: string | readonly string[]; freeWhileRunning?: true };
  group?: { key: string; ordered?: true };
}

/** What happens to ticks that nobody could fire: one job for all of them, none, or a job for each. */
export type MissedRule = 'once' | 'skip' | 'all';

/** When and how a schedule fires: everything of it that is neither its name, its place nor its jobs. */
export interface ScheduleTiming {
  rule: ScheduleRule;
  missed: MissedRule;
  /** Missed ticks older than this are skipped, ms. Undefined: the default of `missed`. */
  windowMs?: number;
  overlap: Overlap;
  /** A tick fires up to this much later, ms, but never after the next one; 0 is none. */
  jitterMs: number;
  /** No tick before this instant; intervals count from it. */
  startAt?: number;
  /** No tick after this instant. */
  endAt?: number;
  /** Jobs in the whole life of this rule, at least 1. */
  limit?: number;
  /** A job that ends dead pauses the schedule. */
  pauseOnFailure: boolean;
}

/** One schedule: what discovery reads from a decorator and `ScheduleService` from a call, and the scheduler fires. */
export interface ScheduleDeclaration extends ScheduleTiming {
  /** Given, or `Class.method`. Unique in the app and in its queue. */
  name: string;
  /** Queue that gets the jobs, `cron` unless given. */
  queue: string;
  /** `Class.method` of the handler, or the call, for logs and errors. */
  label: string;
  /** `instance`: it runs in every process for itself, and nothing of it is in the shared store. */
  scope: 'cluster' | 'instance';
  /** Declared but neither registered nor fired; its handler still takes jobs enqueued by hand. */
  disabled: boolean;
  /** Undefined: each job gets a `CronTick`. */
  payload: unknown;
  job: ScheduleJobOptions;
}
