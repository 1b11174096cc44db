import { InvalidValueError } from './errors/option-errors.js';

/** Milliseconds, or a number with a unit: `'250ms'`, `'10s'`, `'5m'`, `'2h'`, `'1d'`, `'1 day'`, `'1h 30m'`. */
export type Duration = number | string;

const UNITS: Record<string, number> = {
  ms: 1,
  millisecond: 1,
  s: 1000,
  sec: 1000,
  second: 1000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  w: 604_800_000,
  week: 604_800_000,
};

const PART = /^(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]+)\s*/i;
const LONGEST_TEXT = 64;
/** A hundred years: anything longer is a unit mistaken for another. */
const LONGEST_MS = 100 * 366 * 86_400_000;

/**
 * @param what the option's name, for the error
 * @returns whole milliseconds
 * @throws InvalidValueError for negative, non-finite or unreadable durations
 */
export function parseDuration(value: Duration, what: string): number {
  const ms = typeof value === 'number' ? value : readText(value, what);
  if (!Number.isFinite(ms) || ms < 0 || ms > LONGEST_MS) throw refusal(value, what);
  return Math.round(ms);
}

/**
 * A duration from now until something begins. Computed ones may have passed already: that is at once.
 * @throws InvalidValueError for non-finite or unreadable ones
 */
export function parseDelay(value: Duration, what: string): number {
  return typeof value === 'number' && value < 0 && Number.isFinite(value) ? 0 : parseDuration(value, what);
}

function readText(value: unknown, what: string): number {
  if (typeof value !== 'string' || value.length > LONGEST_TEXT) throw refusal(value, what);
  let rest = value.trim();
  if (rest === '') throw refusal(value, what);
  let total = 0;
  while (rest !== '') {
    const part = PART.exec(rest);
    if (!part) throw refusal(value, what);
    const unit = part[2].toLowerCase();
    const factor = UNITS[unit] ?? UNITS[unit.replace(/s$/, '')];
    if (factor === undefined) throw refusal(value, what);
    total += Number(part[1]) * factor;
    rest = rest.slice(part[0].length);
  }
  return total;
}

function refusal(value: unknown, what: string): InvalidValueError {
  return new InvalidValueError(
    what,
    value,
    'a duration is milliseconds or a text such as "250ms", "10s", "5m", "2h", "1d", from 0 to a hundred years',
  );
}
