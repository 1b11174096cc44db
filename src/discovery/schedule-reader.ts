import { CronExpression } from '../core/cron-expression.js';
import { ConfigurationError, InvalidValueError } from '../core/errors.js';
import { checkJobName, checkKeyName } from '../core/names.js';
import { readBoolean, readMs, readOneOf, refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import type { ScheduleDeclaration, ScheduleRule } from '../core/schedule-declaration.js';
import type { CronOptions, ScheduleMetadata } from '../decorators/cron.decorator.js';
import { CRON_QUEUE } from '../task-queue.constants.js';
import { HANDLED_JOB_KEYS, readGivenJobOptions } from '../task-queue.job-options-reader.js';

const INTERVAL_KEYS = [...HANDLED_JOB_KEYS, 'name', 'disabled', 'waitForCompletion', 'queue', 'payload'] as const;
const CRON_KEYS = [...INTERVAL_KEYS, 'timeZone', 'missed'] as const satisfies readonly (keyof CronOptions)[];
const SHORTEST_INTERVAL = 1000;

/**
 * Makes a declaration of what `@Cron` or `@Interval` left on a method.
 * @param label `Class.method`
 * @throws UnknownOptionError, InvalidValueError, InvalidCronError
 */
export function readSchedule(
  metadata: ScheduleMetadata,
  label: string,
  strategies: readonly string[],
): ScheduleDeclaration {
  const { kind, options } = metadata;
  const place = `${kind === 'cron' ? '@Cron' : '@Interval'} on ${label}`;
  requireObject(options, `options of ${place}`, 'pass an object');
  if ('utcOffset' in options) {
    throw new ConfigurationError(`${place}: there is no utcOffset. Name a time zone: { timeZone: "Europe/Berlin" }.`);
  }
  refuseUnknownKeys(options, kind === 'cron' ? CRON_KEYS : INTERVAL_KEYS, place);
  if (metadata.kind === 'cron') readOneOf(metadata.options.missed, ['once'], `missed in ${place}`);
  return {
    name: nameOf(options.name, label, place),
    queue: options.queue === undefined ? CRON_QUEUE : checkKeyName(options.queue, `queue in ${place}`),
    label,
    rule: ruleOf(metadata, place),
    missed: kind === 'cron' ? 'once' : 'skip',
    overlap: readBoolean(options.waitForCompletion, `waitForCompletion in ${place}`) ? 'skip' : 'allow',
    disabled: readBoolean(options.disabled, `disabled in ${place}`) ?? false,
    payload: options.payload,
    job: readGivenJobOptions(options, place, strategies),
  };
}

function nameOf(given: string | undefined, label: string, place: string): string {
  try {
    return checkJobName(given ?? label);
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    throw new InvalidValueError(`name in ${place}`, error.value, error.remedy);
  }
}

function ruleOf(metadata: ScheduleMetadata, place: string): ScheduleRule {
  if (metadata.kind === 'interval') {
    const everyMs = readMs(metadata.every, `duration in ${place}`, SHORTEST_INTERVAL);
    if (everyMs === undefined) throw new InvalidValueError(`duration in ${place}`, metadata.every, 'use at least "1s"');
    return { kind: 'interval', everyMs };
  }
  const timeZone = metadata.options.timeZone ?? 'UTC';
  // Here and not only where it is fired: a producer's deployment shall fail on it, too.
  CronExpression.parse(metadata.expression, timeZone, `cron expression in ${place}`);
  return { kind: 'cron', expression: metadata.expression, timeZone };
}
