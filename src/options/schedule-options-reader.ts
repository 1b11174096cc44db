import type { Duration } from '../core/duration.js';
import { ConfigurationError, InvalidValueError } from '../core/errors/option-errors.js';
import { readJobHeaders } from '../core/job-headers.js';
import { checkJobName } from '../core/names.js';
import { refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import type { ScheduleJobOptions } from '../schedules/rule/declaration.js';
import { SCHEDULE_TIMING_KEYS, type Instant, type TickSource } from '../schedules/rule/timing-reader.js';
import { readGroup } from './group-option.js';
import { SCHEDULED_JOB_KEYS, readGivenJobOptions } from './job-options-reader.js';
import type { ScheduleJobSettings, ScheduleOverrides } from './options.js';
import { readScheduleUnique } from './unique-option.js';

const SOURCE_KEYS = ['cron', 'every', 'at'] as const;
const OVERRIDE_KEYS = [
  ...SOURCE_KEYS,
  ...SCHEDULE_TIMING_KEYS,
  'queue',
  'payload',
  'disabled',
  'scope',
  'job',
] as const satisfies readonly (keyof ScheduleOverrides)[];

const JOB_KEYS: readonly string[] = [
  ...SCHEDULED_JOB_KEYS,
  'name',
  'headers',
  'unique',
  'group',
] satisfies readonly (keyof ScheduleJobSettings)[];

/**
 * Without a value each of them means: another name or queue, UTC, for ever, another payload. What overrides a decorator is no
 * such place: there a variable that nobody set says nothing.
 */
export const DEFINITE_SCHEDULE_KEYS: readonly string[] = [
  'name',
  'queue',
  'payload',
  'timeZone',
  'utcOffset',
  'startAt',
  'endAt',
  'limit',
];

/** Options that `@nestjs/schedule` and the `cron` package have, and what says the same here. */
const FOREIGN_OPTIONS: Readonly<Record<string, string>> = {
  threshold: "say how late a tick may run: { missed: 'skip', window: '10s' }",
  initialDelay: 'say from when on it ticks: { startAt: … }, or wait in the handler for what it needs',
  runOnInit: 'put @Timeout(0, { name: "…" }) above the method as well',
  unrefTimeout: 'leave it out: a process that works runs until app.close(), whatever its schedules',
};

/**
 * As `refuseUnknownKeys`, with the remedy where an option belongs elsewhere.
 * @throws UnknownOptionError, ConfigurationError
 */
export function refuseUnknownScheduleKeys(
  given: object,
  known: readonly string[],
  place: string,
  definite?: readonly string[],
): void {
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue;
    if (Object.hasOwn(FOREIGN_OPTIONS, key)) {
      throw new ConfigurationError(`${place}: there is no ${key}; ${FOREIGN_OPTIONS[key]}.`);
    }
    if (JOB_KEYS.includes(key)) {
      throw new ConfigurationError(`${place}: ${key} is an option of its jobs; write { job: { ${key}: … } }.`);
    }
  }
  refuseUnknownKeys(given, known, place, definite);
}

/**
 * The part of `forRoot` that overrides decorators: its shape alone, because values are read together with theirs.
 * @throws UnknownOptionError, InvalidValueError, ConfigurationError
 */
export function readScheduleOverrides(given: unknown): Readonly<Record<string, ScheduleOverrides>> {
  if (given === undefined) return {};
  requireObject(given, 'schedules', 'pass an object of options by the name of a schedule');
  for (const [name, options] of Object.entries(given)) {
    const place = `schedules["${name}"]`;
    requireObject(options, place, 'pass an object such as { disabled: true }');
    refuseUnknownScheduleKeys(options, OVERRIDE_KEYS, place);
    if ((options as ScheduleOverrides).job !== undefined) readJobShape((options as ScheduleOverrides).job, place);
  }
  return given as Record<string, ScheduleOverrides>;
}

/**
 * What a schedule ticks by, as `cron`, `every` or `at` say it; undefined where none is given.
 * @throws ConfigurationError for more than one
 */
export function readTickSource(
  given: { cron?: string | Date; every?: Duration; at?: Instant },
  place: string,
): TickSource | undefined {
  const [key, ...others] = SOURCE_KEYS.filter((each) => given[each] !== undefined);
  if (others.length > 0) {
    throw new ConfigurationError(
      `${place} gives ${key} and ${others.join(' and ')}: one schedule ticks by one of them.`,
    );
  }
  if (given.cron !== undefined) return { cron: given.cron };
  if (given.every !== undefined) return { every: given.every };
  return given.at === undefined ? undefined : { at: given.at };
}

/**
 * Options of a schedule's jobs in engine units, only what was given.
 * @throws UnknownOptionError, InvalidValueError
 */
export function readScheduleJob(given: unknown, place: string, strategies: readonly string[]): ScheduleJobOptions {
  if (given === undefined) return {};
  const options = readJobShape(given, place);
  const read: ScheduleJobOptions = readGivenJobOptions(options, `job in ${place}`, strategies);
  if (options.unique !== undefined) {
    const { key, freeWhileRunning } = readScheduleUnique(options.unique, `job in ${place}`);
    read.unique = freeWhileRunning ? { key, freeWhileRunning } : { key };
  }
  if (options.group !== undefined) {
    const { key, ordered } = readGroup(options.group, `job in ${place}`);
    read.group = ordered ? { key, ordered } : { key };
  }
  if (options.headers !== undefined) read.headers = readJobHeaders(options.headers, `job in ${place}`);
  return options.name === undefined ? read : { name: readJobName(options.name, place), ...read };
}

function readJobShape(given: unknown, place: string): ScheduleJobSettings {
  requireObject(given, `job in ${place}`, 'pass an object of job options such as { maxAttempts: 5 }');
  refuseUnknownKeys(given, JOB_KEYS, `job in ${place}`, ['name']);
  return given;
}

function readJobName(given: unknown, place: string): string {
  try {
    return checkJobName(given);
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    throw new InvalidValueError(`name in job in ${place}`, error.value, error.remedy);
  }
}
