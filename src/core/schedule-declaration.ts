import type { BackoffSpec, RetentionRule, SettledState } from './job.js';

/** When a schedule ticks. */
export type ScheduleRule =
  | {
      kind: 'cron';
      /** Five or six fields, as written in the decorator; checked by the scheduler at boot. */
      expression: string;
      /** IANA name; `UTC` unless the decorator says otherwise, so that every host computes the same ticks. */
      timeZone: string;
    }
  | {
      kind: 'interval';
      /** At least 1000. */
      everyMs: number;
    };

/** Job options of a schedule in engine units: only what its decorator gave. */
export interface ScheduleJobOptions {
  maxAttempts?: number;
  backoff?: BackoffSpec;
  timeoutMs?: number;
  expiresInMs?: number;
  priority?: number;
  retention?: Partial<Record<SettledState, RetentionRule>>;
}

/** One `@Cron` or `@Interval` on one method: what discovery reads and the scheduler registers and fires. */
export interface ScheduleDeclaration {
  /** Name of the schedule and of its jobs: given, or `Class.method`. Unique in the app. */
  name: string;
  /** Queue that gets a job per tick, `cron` unless given. */
  queue: string;
  /** `Class.method` of the handler, for logs and errors. */
  label: string;
  rule: ScheduleRule;
  /** What happens to ticks that nobody could fire: one job for all of them, or none. */
  missed: 'once' | 'skip';
  /** `skip`: no job for a tick while the job of the tick before has not settled (`waitForCompletion`). */
  overlap: 'allow' | 'skip';
  /** Declared but neither registered nor fired; its handler still takes jobs enqueued by hand. */
  disabled: boolean;
  /** Undefined: each job gets a `CronTick`. */
  payload: unknown;
  job: ScheduleJobOptions;
}
