import { InvalidValueError } from '../../core/errors/option-errors.js';
import { nearestName } from '../../core/nearest.js';
import { refuseUnknownKeys, requireObject } from '../../core/option-checks.js';

const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const;
const UNITS = ['second', 'minute', 'hour', 'day', 'week', 'month'] as const;

type Weekday = (typeof WEEKDAYS)[number];
type Unit = (typeof UNITS)[number];

export interface EveryOptions {
  /** `'12:00'`, or `':15'` for hours: the minute. Default midnight, for hours the full hour. */
  at?: string;
  /** For weeks a weekday or several, default Monday; for months a day from 1 to 28 or `'last'`, default 1. */
  on?: Weekday | readonly Weekday[] | number | 'last';
}

/** How often a unit goes into the next larger one. */
const CYCLES: Partial<Record<Unit, { of: number; larger: string }>> = {
  second: { of: 60, larger: 'minute' },
  minute: { of: 60, larger: 'hour' },
  hour: { of: 24, larger: 'day' },
  month: { of: 12, larger: 'year' },
};

/**
 * A cron expression in words, for `@Cron` and schedules of run time: it ticks at times of the clock in the schedule's
 * time zone, whereas `@Interval` counts elapsed time.
 *
 * @param period a whole number of seconds, minutes, hours or months that divides the next larger unit, or one day or week
 * @example
 * ```ts
 * every('15 minutes')
 * every('1 day', { at: '12:00' }) // '0 12 * * *'
 * every('1 week', { on: ['monday', 'thursday'], at: '09:30' }) // '30 9 * * 1,4'
 * every('1 month', { on: 'last' }) // '0 0 L * *'
 * ```
 * @throws InvalidValueError, UnknownOptionError; also for what cron cannot say evenly, such as every 7 minutes
 */
export function every(period: string, options: EveryOptions = {}): string {
  requireObject(options, 'options of every()', 'pass an object such as { at: "12:00" }');
  refuseUnknownKeys(options, ['at', 'on'], 'every()', ['at', 'on']);
  const { count, unit } = readPeriod(period);
  if (unit !== 'week' && unit !== 'month' && options.on !== undefined) {
    throw new InvalidValueError('on in every()', options.on, `use it with weeks and months; ${unit}s know only "at"`);
  }
  const star = count === 1 ? '*' : `*/${count}`;
  switch (unit) {
    case 'second':
    case 'minute':
      if (options.at !== undefined) {
        throw new InvalidValueError('at in every()', options.at, 'use it with hours, days, weeks and months');
      }
      return unit === 'second' ? `${star} * * * * *` : `${star} * * * *`;
    case 'hour':
      return `${readMinute(options.at)} ${star} * * *`;
    case 'day':
      return `${readTime(options.at)} * * *`;
    case 'week':
      return `${readTime(options.at)} * * ${readWeekdays(options.on)}`;
    case 'month':
      return `${readTime(options.at)} ${readDay(options.on)} ${star} *`;
  }
}

function readPeriod(period: unknown): { count: number; unit: Unit } {
  const parts = typeof period === 'string' ? /^\s*(\d{1,6})\s*([a-z]{1,16})\s*$/i.exec(period) : null;
  const word = parts?.[2].toLowerCase().replace(/s$/, '');
  const unit = UNITS.find((each) => each === word);
  if (parts === null || unit === undefined) {
    const nearest = word === undefined ? undefined : nearestName(word, UNITS);
    throw new InvalidValueError(
      'period of every()',
      period,
      `${nearest === undefined ? '' : `did you mean "${nearest}"? `}use a number and a unit (${UNITS.join(', ')}), such as "15 minutes" or "1 day"`,
    );
  }
  const count = Number(parts[1]);
  const cycle = CYCLES[unit];
  // Sixty minutes are an hour: said so, they can be even.
  const isWhole = cycle !== undefined && count > 0 && cycle.of % count === 0 && count < cycle.of;
  if (isWhole || count === 1) return { count, unit };
  throw new InvalidValueError('period of every()', period, remedyFor(count, unit));
}

function remedyFor(count: number, unit: Unit): string {
  const cycle = CYCLES[unit];
  const interval = unit === 'month' ? 'a cron expression' : `@Interval('${Math.max(count, 1)} ${unit}s')`;
  if (cycle === undefined) {
    return `cron knows no "every ${count} ${unit}s": use "1 ${unit}", or ${interval}, which counts elapsed time`;
  }
  if (count === cycle.of) return `say "1 ${cycle.larger}"`;
  const numbers = Array.from({ length: cycle.of - 1 }, (_, index) => index + 1).filter((n) => cycle.of % n === 0);
  return `${cycle.of} ${unit}s do not divide by it evenly: use one of ${numbers.join(', ')}${
    unit === 'month' ? '' : `, or ${interval}, which counts elapsed time`
  }`;
}

/** @returns minute and hour field */
function readTime(at: unknown): string {
  if (at === undefined) return '0 0';
  const parts = typeof at === 'string' ? /^(\d{1,2}):(\d{2})$/.exec(at) : null;
  const [hour, minute] = [Number(parts?.[1]), Number(parts?.[2])];
  if (hour <= 23 && minute <= 59) return `${minute} ${hour}`;
  throw new InvalidValueError('at in every()', at, 'use a time from "00:00" to "23:59"');
}

function readMinute(at: unknown): number {
  if (at === undefined) return 0;
  const minute = typeof at === 'string' ? Number(/^:(\d{2})$/.exec(at)?.[1]) : Number.NaN;
  if (minute <= 59) return minute;
  throw new InvalidValueError('at in every()', at, 'for hours use the minute, from ":00" to ":59"');
}

function readWeekdays(on: unknown): string {
  const given: unknown[] = on === undefined ? ['monday'] : Array.isArray(on) ? on : [on];
  const days = given.map((day) => {
    const number = WEEKDAYS.findIndex((each) => each === String(day).toLowerCase());
    if (number >= 0) return number;
    const nearest = nearestName(String(day), WEEKDAYS);
    throw new InvalidValueError(
      'on in every()',
      day,
      `${nearest === undefined ? '' : `did you mean "${nearest}"? `}for weeks use weekdays: ${WEEKDAYS.join(', ')}`,
    );
  });
  if (days.length > 0) return [...new Set(days)].sort((a, b) => a - b).join(',');
  throw new InvalidValueError('on in every()', on, 'name at least one weekday');
}

function readDay(on: unknown): string {
  if (on === undefined) return '1';
  if (on === 'last') return 'L';
  if (typeof on === 'number' && Number.isInteger(on) && on >= 1 && on <= 28) return String(on);
  const remedy = 'for months use a day from 1 to 28, which every month has, or "last"';
  throw new InvalidValueError('on in every()', on, remedy);
}
