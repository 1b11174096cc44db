import type { Duration } from '../core/duration.js';
import { SCHEDULE_METADATA } from '../task-queue.constants.js';
import type { HandledJobOptions } from '../task-queue.options.js';
import { appendMetadata } from './append-metadata.js';

/** What every schedule may say, beside the options of the jobs that it enqueues. */
export interface ScheduleOptions extends HandledJobOptions {
  /** Name of the schedule and of its jobs, unique in the app. Default `Class.method`. */
  name?: string;
  /** Declared, but neither registered nor fired. Default false. */
  disabled?: boolean;
  /** No job for a tick while the job of the tick before has not settled. Default false. */
  waitForCompletion?: boolean;
  /** Queue that gets the jobs, default `cron`. */
  queue?: string;
  /** Payload of each job. Default: a `CronTick`. */
  payload?: unknown;
}

export interface CronOptions extends ScheduleOptions {
  /** IANA time zone such as `Europe/Berlin`. Default `UTC`, the same on every host. */
  timeZone?: string;
  /** After an outage one job stands for all the ticks that nobody could fire. Default and only value so far. */
  missed?: 'once';
}

export type IntervalOptions = ScheduleOptions;

/** What one `@Cron` or `@Interval` left on its method. */
export type ScheduleMetadata =
  | { kind: 'cron'; expression: string; options: CronOptions }
  | { kind: 'interval'; every: Duration; options: IntervalOptions };

/**
 * Runs the method at each tick: once per cluster, whatever the number of instances, with retries and history like any job.
 *
 * @param expression five or six fields (seconds first), names allowed, or a `CronExpression`
 */
export function Cron(expression: string, options: CronOptions = {}): MethodDecorator {
  const metadata: ScheduleMetadata = { kind: 'cron', expression, options };
  return appendMetadata(SCHEDULE_METADATA, metadata, '@Cron');
}

/**
 * Runs the method again and again, once per cluster, counted from its first registration. Ticks that nobody could fire
 * are skipped.
 *
 * @param every at least 1 s
 */
export function Interval(every: Duration, options?: IntervalOptions): MethodDecorator;
/** The form that `@nestjs/schedule` has for named intervals. */
export function Interval(name: string, every: Duration): MethodDecorator;
export function Interval(first: Duration, second?: IntervalOptions | Duration): MethodDecorator {
  const metadata: ScheduleMetadata =
    typeof second === 'number' || typeof second === 'string'
      ? { kind: 'interval', every: second, options: { name: String(first) } }
      : { kind: 'interval', every: first, options: second ?? {} };
  return appendMetadata(SCHEDULE_METADATA, metadata, '@Interval');
}
