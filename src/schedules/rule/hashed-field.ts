import { spreadOf } from '../../core/spread.js';

const ENTRY = /^H(?:\((\d{1,2})-(\d{1,2})\))?(?:\/(\d{1,2}))?$/;
const FORMS = 'use H, H/15, H(0-29) or H(0-29)/10';

/** Values each field may have, and the last one that a bare `H` takes. */
export const RANGES: Readonly<Record<string, { least: number; most: number; mostByDefault?: number }>> = {
  second: { least: 0, most: 59 },
  minute: { least: 0, most: 59 },
  hour: { least: 0, most: 23 },
  // Every month has a 28th.
  'day of month': { least: 1, most: 31, mostByDefault: 28 },
  month: { least: 1, most: 12 },
  'day of week': { least: 0, most: 6 },
};

/** Whether an entry of a field's list is meant to be spread. */
export function isHashed(entry: string): boolean {
  return /^H(?![A-Z])/i.test(entry);
}

/**
 * Gives `H` in an entry of a cron field a value that belongs to a name: schedules of one expression tick at different
 * times, and each always at the same. `H/15` keeps its step and shifts its phase; `H(0-29)` stays in its range.
 *
 * @param field as an error calls it, such as `minute`
 * @param spreadBy name of the schedule
 * @returns the entry without `H`
 * @throws Error whose message says what is wrong with the entry
 */
export function expandHashed(entry: string, field: string, spreadBy: string | undefined): string {
  const parts = ENTRY.exec(entry);
  if (parts === null) throw new Error(FORMS);
  const range = RANGES[field];
  if (range === undefined) throw new Error(`H cannot spread the ${field}`);
  if (spreadBy === undefined) throw new Error('H needs the name of a schedule to spread by');
  const [, fromText, toText, stepText] = parts;
  const from = fromText === undefined ? range.least : Number(fromText);
  const to = toText === undefined ? (range.mostByDefault ?? range.most) : Number(toText);
  if (from > to || from < range.least || to > range.most) {
    throw new Error(`use a range within ${range.least}-${range.most}`);
  }
  const values = to - from + 1;
  // Fields of one name must differ, or `H H * * *` would only know 24 times of the day.
  const share = spreadOf(`${spreadBy}\n${field}`);
  if (stepText === undefined) return String(from + Math.floor(share * values));
  const step = Number(stepText);
  if (step < 1 || step > values) throw new Error(`use a step from 1 to ${values}`);
  return `${from + Math.floor(share * step)}-${to}/${step}`;
}
