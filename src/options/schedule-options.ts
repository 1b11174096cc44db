import type { Duration } from '../core/duration.js';
import type { JobHeaders } from '../core/job-headers.js';
import type { Instant, ScheduleTimingOptions } from '../schedules/rule/timing-reader.js';
import type { GroupOption } from './group-option.js';
import type { ScheduledJobOptions } from './job-options.js';
import type { ScheduleUniqueOption } from './unique-option.js';

/**
 * Where a schedule lives: `cluster` is one in the store, whose tick runs on one instance; `instance` is one in each
 * process for itself, which no other process and no restart knows of.
 */
export type ScheduleScope = 'cluster' | 'instance';

/** What the jobs of a schedule are given. */
export interface ScheduleJobSettings extends ScheduledJobOptions {
  /** Name of the jobs, which picks their handler in the queue. Default: the name of the schedule. */
  name?: string;
  /** Texts beside the payload of each job: at most 16, 2 KiB together. */
  headers?: JobHeaders;
  /**
   * Key of the jobs, or `{ key, until }`: a tick that comes while a live job of their name holds the key is passed over, whatever
   * `overlap` says. The job may come from an enqueue, too. Names of fields are those of the schedule's own `payload`.
   */
  unique?: ScheduleUniqueOption;
  /** The group of the jobs. */
  group?: GroupOption;
}

/** What a decorator of a schedule may say beside its ticks. */
interface DeclaredSchedule {
  /** Unique in the app. Default `Class.method`. */
  name?: string;
  /** Queue that gets the jobs, default `cron`. */
  queue?: string;
  /** Payload of each job. Default: a `CronTick`. */
  payload?: unknown;
  /** Declared, but neither registered nor fired by this process. Default false. */
  disabled?: boolean;
  /** Default `cluster`; of `@Timeout` it is `instance`. */
  scope?: ScheduleScope;
  /** Options of the jobs: attempts, backoff, timeout, priority, … */
  job?: ScheduleJobSettings;
}

/** What `@Cron` and `@Interval` share. */
export interface ScheduleOptions extends DeclaredSchedule, Omit<ScheduleTimingOptions, 'timeZone' | 'utcOffset'> {}

export interface CronOptions extends DeclaredSchedule, ScheduleTimingOptions {}

export type IntervalOptions = ScheduleOptions;

export type TimeoutOptions = DeclaredSchedule;

/** What configuration may say of a declared schedule: any option but its name, and other ticks. */
export interface ScheduleOverrides extends Omit<DeclaredSchedule, 'name'>, ScheduleTimingOptions {
  /** A cron expression, or the instant of one tick. Only one of `cron`, `every` and `at`. */
  cron?: string | Date;
  /** An interval, at least 1 s. */
  every?: Duration;
  /** One tick at this instant. */
  at?: Instant;
}
