import { Cron } from 'croner';
import { describeValue, InvalidCronError, InvalidValueError } from './errors.js';
import { nearestName } from './nearest.js';

/** Far over every honest expression; a longer one is refused before anything reads it. */
const LONGEST_EXPRESSION = 256;
const FIELDS = ['second', 'minute', 'hour', 'day of month', 'month', 'day of week', 'year'] as const;
/** Each further year may have to be searched for a date that none has. */
const LAST_YEAR = 2199;
const NICKNAMES = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly'];
/**
 * A year has one of fourteen calendars, and 28 years without a century show them all. Croner looks no further than the
 * year 3000, so a date without a match in 2972–2999 has none at all, and is refused within a few milliseconds.
 */
const ALL_CALENDARS_FROM = Date.UTC(2972, 0, 1) - 1;

/**
 * A cron expression in a time zone. It only computes; nothing here waits.
 *
 * Five fields (minute, hour, day of month, month, day of week), six (second first) or seven (year last), with names,
 * lists, ranges, steps, `L`, `W`, `#` and nicknames such as `@daily`.
 *
 * Changes of the clock follow Vixie cron. A fixed time (no `*`, `?` or step in second, minute and hour) that a change
 * jumps over ticks once right after it, and one that a change repeats ticks at its first occurrence. Every other time
 * follows elapsed time. A change of a whole day (Pacific/Apia 2011-12-30) is a correction: that day has no ticks.
 */
export class CronExpression {
  private readonly cron: Cron;

  private constructor(
    readonly expression: string,
    readonly timeZone: string,
  ) {
    this.cron = readPattern(expression, timeZone);
  }

  /**
   * @param what how an error calls it, such as `cron expression of ReportService.send`
   * @throws InvalidCronError for an expression that cannot be read or never matches, with field and position
   * @throws InvalidValueError for a time zone that is no IANA name
   */
  static parse(expression: string, timeZone = 'UTC', what = 'cron expression'): CronExpression {
    const text: unknown = expression;
    if (typeof text !== 'string') throw new InvalidCronError(what, text, `use a text ${EXAMPLES}`);
    if (text.length > LONGEST_EXPRESSION) {
      throw new InvalidCronError(
        what,
        text,
        `use at most ${LONGEST_EXPRESSION} characters; this one has ${text.length}`,
      );
    }
    checkTimeZone(timeZone, what);
    const fields = fieldsOf(text, what);
    checkYears(text, fields[6], what);
    let parsed: CronExpression;
    try {
      parsed = new CronExpression(text, timeZone);
    } catch (error) {
      throw refusal(text, fields, error, what);
    }
    if (neverMatches(parsed, fields)) {
      throw new InvalidCronError(what, text, 'no such date exists, so it would never tick; check day, month and year');
    }
    return parsed;
  }

  /**
   * @param after ms since the epoch
   * @returns the first tick later than `after`, ms since the epoch; undefined when none is left before the year 3000
   */
  nextTick(after: number): number | undefined {
    return this.cron.nextRun(new Date(after))?.getTime();
  }
}

const EXAMPLES = 'such as "0 12 * * *" (minute, hour, day of month, month, day of week), second first if there are six';

function readPattern(expression: string, timeZone: string): Cron {
  // `no-wildcard`: with croner's own rule a list such as `30 2,14 * * *` ticks twice in the hour that autumn repeats.
  return new Cron(expression.trim(), { paused: true, timezone: timeZone, fixedTimeRule: 'no-wildcard' });
}

interface Field {
  name: string;
  text: string;
  /** 1 is the first character of the expression. */
  position: number;
}

/** @throws InvalidCronError when their number is wrong */
function fieldsOf(expression: string, what: string): Field[] {
  const words = [...expression.matchAll(/\S+/g)];
  if (words.length === 1 && words[0][0].startsWith('@')) {
    const nickname = words[0][0].toLowerCase();
    if (NICKNAMES.includes(nickname)) return [];
    const nearest = nearestName(nickname, NICKNAMES);
    throw new InvalidCronError(
      what,
      expression,
      `${nearest ? `did you mean "${nearest}"? ` : ''}Known nicknames: ${NICKNAMES.join(', ')}`,
    );
  }
  if (words.length < 5 || words.length > 7) {
    throw new InvalidCronError(
      what,
      expression,
      `it has ${words.length} fields, not five to seven; use one ${EXAMPLES}`,
    );
  }
  const names = words.length === 5 ? FIELDS.slice(1, 6) : FIELDS;
  return words.map((word, at) => ({ name: names[at], text: word[0], position: word.index + 1 }));
}

function checkYears(expression: string, field: Field | undefined, what: string): void {
  const late = field?.text.match(/\d+/g)?.find((year) => Number(year) > LAST_YEAR);
  if (field === undefined || late === undefined) return;
  const place = { field: field.name, position: field.position + field.text.indexOf(late) };
  const where = `field "${field.name}", ${describeValue(late)} at character ${place.position}`;
  throw new InvalidCronError(what, expression, `check ${where}: use years up to ${LAST_YEAR}`, place);
}

/** Finds the field at fault by reading each entry of each field alone. */
function refusal(expression: string, fields: readonly Field[], error: unknown, what: string): InvalidCronError {
  for (const [at, field] of fields.entries()) {
    let position = field.position;
    for (const entry of field.text.split(',')) {
      try {
        const alone = fields.map((_, other) => (other === at ? entry : '*'));
        readPattern(alone.join(' '), 'UTC');
      } catch (fault) {
        const place = { field: field.name, position };
        const where = `field "${field.name}", ${describeValue(entry)} at character ${position}`;
        return new InvalidCronError(what, expression, `check ${where}: ${reasonOf(fault)}`, place);
      }
      position += entry.length + 1;
    }
  }
  return new InvalidCronError(what, expression, reasonOf(error));
}

function reasonOf(error: unknown): string {
  return String(error instanceof Error ? error.message : error)
    .replace(/^CronPattern: /, '')
    .replace(/configuration entry \d+ \((.*)\) contains/, '"$1" contains')
    .replace(/\.$/, '');
}

/** The calendar is asked before the years, because croner would walk through all of them for a date that none has. */
function neverMatches(parsed: CronExpression, fields: readonly Field[]): boolean {
  const anyYear = fields.length === 7 ? fields.slice(0, 6).map((field) => field.text) : [parsed.expression];
  if (readPattern(anyYear.join(' '), 'UTC').nextRun(new Date(ALL_CALENDARS_FROM)) === null) return true;
  return fields.length === 7 && parsed.nextTick(-1) === undefined;
}

function checkTimeZone(timeZone: string, what: string): void {
  const place = `time zone of ${what}`;
  const remedy = 'use an IANA name such as "Europe/Berlin" or "UTC"';
  const text: unknown = timeZone;
  // Newer Nodes also read offsets such as "+02:00", which know no summer time and older ones refuse.
  if (typeof text !== 'string' || !/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(text))
    throw new InvalidValueError(place, text, remedy);
  try {
    Intl.DateTimeFormat('en', { timeZone: text });
  } catch {
    const nearest = nearestName(text, Intl.supportedValuesOf('timeZone'));
    throw new InvalidValueError(place, text, nearest ? `did you mean "${nearest}"? Else ${remedy}` : remedy);
  }
}
