import type { Duration } from '../core/duration.js';
import { SCHEDULE_METADATA } from '../core/constants.js';
import type { CronOptions, IntervalOptions, TimeoutOptions } from '../options/options.js';
import { appendMetadata } from './append-metadata.js';
import { checkDecoratorCall } from './decorator-mode.js';

/** What one decorator of a schedule left on its method. */
export type ScheduleMetadata = (
  | { decorator: '@Cron'; expression: string | Date; options: CronOptions }
  | { decorator: '@Interval'; every: Duration; options: IntervalOptions }
  | { decorator: '@Timeout'; after: Duration; options: TimeoutOptions }
) & {
  /** The name in front, in the form that `@nestjs/schedule` has. */
  nameInFront?: Duration;
};

/**
 * Runs the method at each tick: once per cluster, whatever the number of instances, with retries and history like any job.
 * Several on one method need names of their own.
 *
 * @example
 * ```ts
 * @Cron('0 12 * * 1-5', { name: 'digest', timeZone: 'Europe/Berlin', missed: 'skip', job: { maxAttempts: 5 } })
 * async digest(job: Job<CronTick>) {}
 * ```
 *
 * @param expression five to seven fields (minute first, or second first if there are six; the seventh is the year), names,
 *   `L`, `W`, `#`, `H` and nicknames such as `@daily`; a `CronExpression`; what `every()` returns; or a Date for one tick
 */
export function Cron(expression: string | Date, options: CronOptions = {}): MethodDecorator {
  checkDecoratorCall('@Cron', [...arguments], 2);
  return schedule({ decorator: '@Cron', expression, options });
}

/**
 * Runs the method again and again, once per cluster, counted from its first registration. Ticks that nobody could fire
 * are skipped unless `missed` says otherwise.
 *
 * @param every at least 1 s
 */
export function Interval(every: Duration, options?: IntervalOptions): MethodDecorator;
/** The form that `@nestjs/schedule` has for named intervals. */
export function Interval(name: string, every: Duration, options?: IntervalOptions): MethodDecorator;
export function Interval(
  first: Duration,
  second?: IntervalOptions | Duration,
  third?: IntervalOptions,
): MethodDecorator {
  checkDecoratorCall('@Interval', [...arguments], 3);
  const [every, options, name] = readNamed(first, second, third);
  return schedule({ decorator: '@Interval', every, options, ...name });
}

/**
 * Runs the method once, that long after the start of every process. With `scope: 'cluster'`: once in all, counted from the
 * first registration, whatever is restarted.
 */
export function Timeout(delay: Duration, options?: TimeoutOptions): MethodDecorator;
/** The form that `@nestjs/schedule` has for named timeouts. */
export function Timeout(name: string, delay: Duration, options?: TimeoutOptions): MethodDecorator;
export function Timeout(first: Duration, second?: TimeoutOptions | Duration, third?: TimeoutOptions): MethodDecorator {
  checkDecoratorCall('@Timeout', [...arguments], 3);
  const [after, options, name] = readNamed(first, second, third);
  return schedule({ decorator: '@Timeout', after, options, ...name });
}

function schedule(metadata: ScheduleMetadata): MethodDecorator {
  return appendMetadata(SCHEDULE_METADATA, metadata, metadata.decorator);
}

/** Duration, options and name of `(duration, options?)` or `(name, duration, options?)`. */
function readNamed<O>(
  first: Duration,
  second: O | Duration | undefined,
  third: O | undefined,
): [Duration, O, { nameInFront?: Duration }] {
  if (typeof second === 'number' || typeof second === 'string') {
    return [second, third === undefined ? ({} as O) : third, { nameInFront: first }];
  }
  return [first, second === undefined ? ({} as O) : second, {}];
}
