import { describeValue } from '../core/errors/described-value.js';
import { ConfigurationError, InvalidValueError } from '../core/errors/option-errors.js';
import { checkJobName, checkKeyName, checkScheduleName } from '../core/names.js';
import { readBoolean, readOneOf, requireObject } from '../core/option-checks.js';
import type { ScheduleDeclaration } from '../schedules/rule/declaration.js';
import {
  readScheduleTiming,
  SCHEDULE_TIMING_KEYS,
  type ScheduleTimingOptions,
  type TickSource,
} from '../schedules/rule/timing-reader.js';
import type { ScheduleMetadata } from '../decorators/cron.decorator.js';
import { CRON_QUEUE } from '../core/constants.js';
import type { CronOptions, ScheduleOverrides } from '../options/options.js';
import {
  DEFINITE_SCHEDULE_KEYS,
  readScheduleJob,
  readTickSource,
  refuseUnknownScheduleKeys,
} from '../options/schedule-options-reader.js';

export const DECLARED_KEYS = ['name', 'queue', 'payload', 'disabled', 'scope', 'job'] as const;
const ZONE_KEYS: readonly string[] = ['timeZone', 'utcOffset'];
export const CRON_KEYS = [...DECLARED_KEYS, ...SCHEDULE_TIMING_KEYS] as const satisfies readonly (keyof CronOptions)[];

const KNOWN_KEYS: Record<ScheduleMetadata['decorator'], readonly string[]> = {
  '@Cron': CRON_KEYS,
  '@Interval': CRON_KEYS.filter((key) => !ZONE_KEYS.includes(key)),
  '@Timeout': DECLARED_KEYS,
};

/** Options that say one thing in two ways: one that overrides drops the other. */
const TWINS: readonly (readonly [keyof ScheduleTimingOptions, keyof ScheduleTimingOptions])[] = [
  ['timeZone', 'utcOffset'],
  ['overlap', 'waitForCompletion'],
];

/**
 * Makes a declaration of what one decorator left on a method and of what configuration says of that schedule.
 * @param label `Class.method`
 * @param overrides `schedules` of `forRoot`
 * @throws UnknownOptionError, InvalidValueError, InvalidCronError, ConfigurationError
 */
export function readSchedule(
  metadata: ScheduleMetadata,
  label: string,
  strategies: readonly string[],
  overrides: Readonly<Record<string, ScheduleOverrides>> = {},
): ScheduleDeclaration {
  const { decorator } = metadata;
  const place = `${decorator} on ${label}`;
  requireObject(metadata.options, `options of ${place}`, 'pass an object');
  refuseUnknownScheduleKeys(metadata.options, KNOWN_KEYS[decorator], place, DEFINITE_SCHEDULE_KEYS);
  const declared = withNameInFront(metadata, place);
  const name = readName(declared.name, label, place);
  if (!Object.hasOwn(overrides, name)) {
    return declare(sourceOf(metadata), declared, { name, label, place, decorator, strategies });
  }
  const override = overrides[name];
  const both = `${place} with schedules["${name}"]`;
  const given = readTickSource(override, both);
  const options = merge(declared, override, given);
  return declare(given ?? sourceOf(metadata), options, { name, label, place: both, decorator, strategies });
}

/** @throws ConfigurationError for a second name */
function withNameInFront({ options, nameInFront }: ScheduleMetadata, place: string): CronOptions {
  if (nameInFront === undefined) return options;
  if (options.name !== undefined && options.name !== nameInFront) {
    throw new ConfigurationError(
      `${place} has two names: ${describeValue(nameInFront)} in front and ${describeValue(options.name)} among its options. Keep one.`,
    );
  }
  return { ...options, name: nameInFront as string };
}

interface Place {
  name: string;
  label: string;
  place: string;
  decorator: ScheduleMetadata['decorator'];
  strategies: readonly string[];
}

function declare(
  source: TickSource,
  options: CronOptions,
  { name, label, place, decorator, strategies }: Place,
): ScheduleDeclaration {
  const job = readScheduleJob(options.job, place, strategies);
  // The name of a schedule leaves more characters to it than that of a job does.
  if (job.name === undefined) checkedJobName(name, place);
  return {
    ...readScheduleTiming(source, options, name, place),
    name,
    label,
    queue: options.queue === undefined ? CRON_QUEUE : checkKeyName(options.queue, `queue in ${place}`),
    scope:
      readOneOf(options.scope, ['cluster', 'instance'], `scope in ${place}`) ??
      (decorator === '@Timeout' ? 'instance' : 'cluster'),
    disabled: readBoolean(options.disabled, `disabled in ${place}`) ?? false,
    payload: options.payload,
    job,
  };
}

function sourceOf(metadata: ScheduleMetadata): TickSource {
  switch (metadata.decorator) {
    case '@Cron':
      return { cron: metadata.expression };
    case '@Interval':
      return { every: metadata.every };
    case '@Timeout':
      return { after: metadata.after };
  }
}

/** What configuration says wins, job option by job option. */
function merge(declared: CronOptions, override: ScheduleOverrides, source: TickSource | undefined): CronOptions {
  const { cron, every: _every, at: _at, ...given } = override;
  // A variable that nobody set says nothing.
  const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as typeof given;
  const kept = { ...declared };
  for (const [one, other] of TWINS) {
    if (said[one] !== undefined || said[other] !== undefined) {
      delete kept[one];
      delete kept[other];
    }
  }
  // Another kind of ticks knows no zone.
  if (source !== undefined && cron === undefined) {
    delete kept.timeZone;
    delete kept.utcOffset;
  }
  const merged = { ...kept, ...said };
  if (declared.job !== undefined && said.job !== undefined) merged.job = { ...declared.job, ...said.job };
  return merged;
}

function readName(given: unknown, label: string, place: string): string {
  return checkScheduleName(given ?? label, `name in ${place}`);
}

function checkedJobName(name: string, place: string): string {
  try {
    return checkJobName(name);
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    throw new InvalidValueError(`name in ${place}`, error.value, error.remedy);
  }
}
