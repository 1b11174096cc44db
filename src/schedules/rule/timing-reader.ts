import { CronExpression } from './cron-expression.js';
import type { Duration } from '../../core/duration.js';
import { InvalidCronError, InvalidValueError } from '../../core/errors/option-errors.js';
import { readBoolean, readCount, readMs, readOneOf } from '../../core/option-checks.js';
import type { MissedRule, ScheduleRule, ScheduleTiming } from './declaration.js';
import type { Overlap } from '../../core/ports/timetable.js';

/** An instant: a Date, a text of ISO 8601 with `Z` or an offset (or a date alone, in UTC), or ms since the epoch. */
export type Instant = Date | string | number;

/** When a schedule ticks, as users say it: one of the four. */
export type TickSource =
  | { cron: string | Date }
  /** At least 1 s. */
  | { every: Duration }
  | { at: Instant }
  /** Once, that long after the first registration. */
  | { after: Duration };

/** What users may say of the ticks of a schedule, whatever made it. */
export interface ScheduleTimingOptions {
  /** IANA time zone of a cron expression, such as `Europe/Berlin`. Default `UTC`, the same on every host. */
  timeZone?: string;
  /** In place of a zone: minutes east of UTC, or a text such as `'+02:00'`. It knows no summer time. */
  utcOffset?: number | string;
  /**
   * Ticks that nobody could fire: one job for all of them (`once`, default of cron), none (`skip`, default of intervals),
   * or a job for each (`all`, at most 100).
   */
  missed?: MissedRule;
  /** Missed ticks older than this are skipped. Default: `once` none, `all` 1 h, `skip` 10 s. At least 1 s. */
  window?: Duration;
  /**
   * A tick while the job of the tick before has not settled: runs beside it (`allow`, default), is passed over (`skip`),
   * or waits, and all that wait become one job (`queue-one`).
   */
  overlap?: Overlap;
  /** The same as `overlap: 'skip'`. Default false. */
  waitForCompletion?: boolean;
  /** A tick fires up to this much later, but never after the next one; each tick has its own place. Default 0. */
  jitter?: Duration;
  /** No tick before. Intervals count from it. */
  startAt?: Instant;
  /** No tick after. */
  endAt?: Instant;
  /** Jobs in the whole life of the rule, default unlimited. A changed rule counts anew. */
  limit?: number;
  /** Pause the schedule when a job of it ends dead, default false. */
  pauseOnFailure?: boolean;
}

export const SCHEDULE_TIMING_KEYS = [
  'timeZone',
  'utcOffset',
  'missed',
  'window',
  'overlap',
  'waitForCompletion',
  'jitter',
  'startAt',
  'endAt',
  'limit',
  'pauseOnFailure',
] as const satisfies readonly (keyof ScheduleTimingOptions)[];

const SHORTEST_INTERVAL_MS = 1000;
const SHORTEST_WINDOW_MS = 1000;
/** Milliseconds have 13 digits until the year 2286. */
const LAST_INSTANT = 9_999_999_999_999;
const ISO = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/i;
const OFFSET = /^([+-])(\d{1,2}):?(\d{2})$/;

/**
 * Reads when and how a schedule fires; its name, place and jobs are read by whoever knows them.
 * @param name which `H` is spread by
 * @param place where the options stand, for the error: `@Cron on ReportService.send`
 * @throws InvalidCronError, InvalidValueError; keys that are not {@link SCHEDULE_TIMING_KEYS} are not looked at
 */
export function readScheduleTiming(
  source: TickSource,
  options: ScheduleTimingOptions,
  name: string,
  place: string,
): ScheduleTiming {
  const rule = readRule(source, options, name, place);
  const missed = readOneOf(options.missed, ['once', 'skip', 'all'], `missed in ${place}`);
  const startAt = options.startAt === undefined ? undefined : readInstant(options.startAt, `startAt in ${place}`);
  const endAt = options.endAt === undefined ? undefined : readInstant(options.endAt, `endAt in ${place}`);
  if (startAt !== undefined && endAt !== undefined && endAt < startAt) {
    throw new InvalidValueError(`endAt in ${place}`, options.endAt, 'use an instant that is not before startAt');
  }
  if (startAt !== undefined && rule.kind === 'delay') {
    throw new InvalidValueError(`startAt in ${place}`, options.startAt, 'a timeout counts from its registration');
  }
  return {
    rule,
    missed: missed ?? (rule.kind === 'interval' ? 'skip' : 'once'),
    windowMs: readMs(options.window, `window in ${place}`, SHORTEST_WINDOW_MS),
    overlap: readOverlap(options, place),
    jitterMs: readMs(options.jitter, `jitter in ${place}`, 0) ?? 0,
    startAt,
    endAt,
    limit: readCount(options.limit, `limit in ${place}`, 1, Number.MAX_SAFE_INTEGER),
    pauseOnFailure: readBoolean(options.pauseOnFailure, `pauseOnFailure in ${place}`) ?? false,
  };
}

function readRule(source: TickSource, options: ScheduleTimingOptions, name: string, place: string): ScheduleRule {
  if ('cron' in source) {
    const { cron } = source;
    // An instant needs no zone, and in @nestjs/schedule both may be given.
    if (cron instanceof Date) return { kind: 'date', at: readDate(cron, place) };
    const timeZone = readTimeZone(options, place);
    // Here and not only where it is fired: a producer's deployment shall fail on it, too.
    CronExpression.parse(cron, timeZone, `cron expression in ${place}`, name);
    return { kind: 'cron', expression: cron, timeZone };
  }
  if (options.timeZone !== undefined || options.utcOffset !== undefined) {
    const option = options.timeZone === undefined ? 'utcOffset' : 'timeZone';
    throw new InvalidValueError(`${option} in ${place}`, options[option], 'use it with a cron expression alone');
  }
  if ('at' in source) return { kind: 'date', at: readInstant(source.at, `at in ${place}`) };
  if ('every' in source) {
    return { kind: 'interval', everyMs: required(source.every, `duration in ${place}`, SHORTEST_INTERVAL_MS) };
  }
  return { kind: 'delay', delayMs: required(source.after, `delay in ${place}`, 0) };
}

function required(given: unknown, what: string, leastMs: number): number {
  const ms = readMs(given, what, leastMs);
  if (ms === undefined) throw new InvalidValueError(what, given, `use at least ${leastMs === 0 ? '0' : '"1s"'}`);
  return ms;
}

function readDate(given: Date, place: string): number {
  if (Number.isFinite(given.getTime())) return readInstant(given, `date in ${place}`);
  throw new InvalidCronError(`cron expression in ${place}`, given, 'use a valid Date');
}

function readTimeZone({ timeZone, utcOffset }: ScheduleTimingOptions, place: string): string {
  if (utcOffset === undefined) {
    if (typeof timeZone !== 'string' || !OFFSET.test(timeZone)) return timeZone ?? 'UTC';
    throw new InvalidValueError(`timeZone in ${place}`, timeZone, `say { utcOffset: "${timeZone}" }`);
  }
  if (timeZone !== undefined) {
    throw new InvalidValueError(`utcOffset in ${place}`, utcOffset, 'pass either timeZone or utcOffset, not both');
  }
  return readUtcOffset(utcOffset, `utcOffset in ${place}`);
}

/** Every offset in use is a multiple of a quarter of an hour: `2` was meant as hours, and `200` as +02:00. */
function readUtcOffset(given: unknown, what: string): string {
  const parts = typeof given === 'string' ? OFFSET.exec(given) : null;
  const minutes = parts === null ? given : (Number(parts[2]) * 60 + Number(parts[3])) * (parts[1] === '-' ? -1 : 1);
  const fits = parts === null || Number(parts[3]) < 60;
  if (fits && typeof minutes === 'number' && minutes >= -720 && minutes <= 840 && minutes % 15 === 0) {
    if (minutes === 0) return 'UTC';
    const two = (part: number): string => String(Math.floor(part)).padStart(2, '0');
    const size = Math.abs(minutes);
    return `${minutes < 0 ? '-' : '+'}${two(size / 60)}:${two(size % 60)}`;
  }
  throw new InvalidValueError(what, given, 'use minutes from -720 to 840 such as 120, or a text such as "+02:00"');
}

function readOverlap({ overlap, waitForCompletion }: ScheduleTimingOptions, place: string): Overlap {
  const given = readOneOf(overlap, ['allow', 'skip', 'queue-one'], `overlap in ${place}`);
  const waits = readBoolean(waitForCompletion, `waitForCompletion in ${place}`);
  if (waits === undefined) return given ?? 'allow';
  const said = waits ? 'skip' : 'allow';
  if (given === undefined || given === said) return said;
  throw new InvalidValueError(
    `overlap in ${place}`,
    given,
    `pass either it or waitForCompletion, which says "${said}" where it is ${waits}`,
  );
}

function readInstant(given: unknown, what: string): number {
  const at =
    given instanceof Date ? given.getTime() : typeof given === 'string' && ISO.test(given) ? Date.parse(given) : given;
  if (typeof at === 'number' && at >= 0 && at <= LAST_INSTANT) return Math.round(at);
  throw new InvalidValueError(
    what,
    given,
    'use a Date, milliseconds since the epoch, or a text such as "2026-12-31T18:00:00Z" (with Z or an offset)',
  );
}
