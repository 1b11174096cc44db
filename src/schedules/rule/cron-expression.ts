import { Cron } from 'croner';
import { faultOf } from './cron-entry.js';
import { describeValue } from '../../core/errors/described-value.js';
import { InvalidCronError } from '../../core/errors/option-errors.js';
import { expandHashed, isHashed } from './hashed-field.js';
import { MidnightGap } from './midnight-gap.js';
import { nearestName } from '../../core/nearest.js';
import { checkTimeZone, fixedOffsetOf } from './time-zone.js';

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

/** Expressions kept read: tenants by the thousand share a few of them, and reading one costs as much as asking it. */
const MOST_KEPT = 1000;
const kept = new Map<string, CronExpression>();

/**
 * A cron expression in a time zone. It only computes; nothing here waits.
 *
 * Five fields (minute, hour, day of month, month, day of week), six (second first) or seven (year last), with names,
 * lists, ranges, steps, `L`, `W`, `#`, `H` and nicknames such as `@daily`.
 *
 * Changes of the clock follow Vixie cron. A fixed time (no `*`, `?` or step in second, minute and hour) that a change
 * jumps over ticks once right after it, and one that a change repeats ticks at its first occurrence. Every other time
 * follows elapsed time. A change of a whole day (Pacific/Apia 2011-12-30) is a correction: that day has no ticks.
 */
export class CronExpression {
  private readonly cron: Cron;
  /** Of a zone that is an offset: the clock of UTC, moved. */
  private readonly offsetMs: number;
  /** Of a fixed time so late that a change of the clock can jump over it and midnight. */
  private readonly gap: MidnightGap | undefined;
  /** The last answer: many schedules of one expression tick at once, and each asks the same. */
  private answered: { after: number; next: number | undefined } | undefined;

  private constructor(
    plain: string,
    readonly timeZone: string,
  ) {
    const offsetMs = fixedOffsetOf(timeZone);
    this.offsetMs = offsetMs ?? 0;
    this.cron = readPattern(plain, offsetMs === undefined ? timeZone : 'UTC');
    const changes = offsetMs === undefined && timeZone !== 'UTC';
    this.gap = changes && isFixedAndLate(plain) ? new MidnightGap(readPattern(plain, 'UTC'), timeZone) : undefined;
  }

  /**
   * @param timeZone IANA name, or an offset such as `+02:00`
   * @param what how an error calls it, such as `cron expression of ReportService.send`
   * @param spreadBy the name that `H` is spread by; without one, `H` is refused
   * @throws InvalidCronError for an expression that cannot be read or never matches, with field and position
   * @throws InvalidValueError for a time zone that is neither
   */
  static parse(expression: string, timeZone = 'UTC', what = 'cron expression', spreadBy?: string): CronExpression {
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
    checkEntries(text, fields, what);
    const plain = plainOf(text, fields, spreadBy, what);
    let parsed: CronExpression;
    try {
      parsed = new CronExpression(plain, timeZone);
    } catch (error) {
      throw refusal(text, fields, spreadBy, error, what);
    }
    if (neverMatches(parsed, plain, fields.length)) {
      throw new InvalidCronError(what, text, 'no such date exists, so it would never tick; check day, month and year');
    }
    return parsed;
  }

  /**
   * Reads an expression that {@link parse} took before, without its checks.
   * @throws Error for one that it did not take
   */
  static known(expression: string, timeZone: string, spreadBy: string): CronExpression {
    const plain = plainOf(expression, fieldsOf(expression, 'cron expression'), spreadBy, 'cron expression');
    const key = `${timeZone}\n${plain}`;
    const found = kept.get(key) ?? new CronExpression(plain, timeZone);
    // What was asked for last comes last, and the first goes.
    kept.delete(key);
    kept.set(key, found);
    if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value ?? '');
    return found;
  }

  /**
   * @param after ms since the epoch
   * @returns the first tick later than `after`, ms since the epoch; undefined when none is left before the year 3000
   */
  nextTick(after: number): number | undefined {
    if (this.answered?.after !== after) this.answered = { after, next: this.search(after) };
    return this.answered.next;
  }

  private search(after: number): number | undefined {
    const found = this.cron.nextRun(new Date(after + this.offsetMs));
    const next = found === null ? undefined : found.getTime() - this.offsetMs;
    return this.gap === undefined ? next : this.gap.tickBefore(next, after);
  }
}

/** No `*`, `?` and step in second, minute and hour, and an hour within the longest gap before midnight. */
function isFixedAndLate(plain: string): boolean {
  const words = plain.trim().split(/\s+/);
  const hour = words.length === 5 ? 1 : 2;
  if (words.slice(0, hour + 1).some((word) => /[*?/]/.test(word))) return false;
  return (words[hour]?.match(/\d+/g) ?? []).some((number) => Number(number) >= 21);
}

const EVERY = 'use @Interval for plain elapsed time, or every() for an expression in words';
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
  if (words[0]?.[0].toLowerCase() === '@every') throw new InvalidCronError(what, expression, EVERY);
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

/** What is plainly wrong is said in the user's own terms, before the cron library reads it. @throws InvalidCronError */
function checkEntries(expression: string, fields: readonly Field[], what: string): void {
  for (const field of fields) {
    for (const { entry, position } of entriesOf(field)) {
      const fault = isHashed(entry) ? undefined : faultOf(entry, field.name);
      if (fault !== undefined) throw refusalOf(expression, field, entry, position, fault, what);
    }
  }
}

/** The expression with `H` made numbers. @throws InvalidCronError */
function plainOf(expression: string, fields: readonly Field[], spreadBy: string | undefined, what: string): string {
  if (!fields.some(({ text }) => text.split(',').some(isHashed))) return expression;
  const plain = fields.map((field) =>
    entriesOf(field).map(({ entry, position }) => {
      try {
        return plainEntry(entry, field, spreadBy);
      } catch (fault) {
        throw refusalOf(expression, field, entry, position, fault, what);
      }
    }),
  );
  return plain.join(' ');
}

function plainEntry(entry: string, field: Field, spreadBy: string | undefined): string {
  return isHashed(entry) ? expandHashed(entry, field.name, spreadBy) : entry;
}

function entriesOf({ text, position }: Field): { entry: string; position: number }[] {
  let at = position;
  return text.split(',').map((entry) => {
    const found = { entry, position: at };
    at += entry.length + 1;
    return found;
  });
}

/** Finds the field at fault by reading each entry of each field alone. */
function refusal(
  expression: string,
  fields: readonly Field[],
  spreadBy: string | undefined,
  error: unknown,
  what: string,
): InvalidCronError {
  for (const [at, field] of fields.entries()) {
    for (const { entry, position } of entriesOf(field)) {
      try {
        const alone = fields.map((_, other) => (other === at ? plainEntry(entry, field, spreadBy) : '*'));
        readPattern(alone.join(' '), 'UTC');
      } catch (fault) {
        return refusalOf(expression, field, entry, position, fault, what);
      }
    }
  }
  return new InvalidCronError(what, expression, reasonOf(error));
}

function refusalOf(
  expression: string,
  field: Field,
  entry: string,
  position: number,
  fault: unknown,
  what: string,
): InvalidCronError {
  const where = `field "${field.name}", ${describeValue(entry)} at character ${position}`;
  const place = { field: field.name, position };
  return new InvalidCronError(what, expression, `check ${where}: ${reasonOf(fault)}`, place);
}

function reasonOf(error: unknown): string {
  return String(error instanceof Error ? error.message : error)
    .replace(/^CronPattern: /, '')
    .replace(/configuration entry \d+ \((.*)\) contains/, '"$1" contains')
    .replace(/\.$/, '');
}

/** The calendar is asked before the years, because croner would walk through all of them for a date that none has. */
function neverMatches(parsed: CronExpression, plain: string, fieldCount: number): boolean {
  const anyYear = fieldCount === 7 ? plain.trim().split(/\s+/).slice(0, 6).join(' ') : plain;
  if (readPattern(anyYear, 'UTC').nextRun(new Date(ALL_CALENDARS_FROM)) === null) return true;
  return fieldCount === 7 && parsed.nextTick(-1) === undefined;
}
