import { parseDuration } from '../../core/duration.js';
import { RedactedFieldError, WhereSyntaxError } from '../../core/errors/where-errors.js';
import { InvalidValueError } from '../../core/errors/option-errors.js';
import { JOB_STATES, type JobState } from '../../core/job.js';
import { nearestName } from '../../core/nearest.js';
import type { Redactor } from '../../core/redactor.js';
import type { Operator, Where, WhereField, WhereTerm, WhereValue } from './where.js';
import { WhereScanner, type RawTerm, type RawValue } from './where-scanner.js';

const LONGEST = 2000;
const MOST_TERMS = 30;
const MOST_VALUES = 200;
const MOST_KEYS = 20;
const PAYLOAD = 'payload.';

/** How the values of each field are read. `count` and `age` are compared, the others are texts. */
const KINDS = {
  ...{ name: 'text', id: 'text', group: 'text', schedule: 'text', reason: 'text', error: 'text' },
  ...{ age: 'age', attempts: 'count', priority: 'count' },
} as const satisfies Partial<Record<WhereField, 'text' | 'age' | 'count'>>;

type OwnField = keyof typeof KINDS;

/** What users name, for the nearest one of a typo. */
const FIELD_NAMES = ['state', ...Object.keys(KINDS), 'payload'];

/**
 * Reads the grammar of docs/guides/find.md.
 * @throws WhereSyntaxError; RedactedFieldError for a value that `redact` hides; InvalidValueError for what is no text
 */
export function readWhere(given: unknown, redactor: Redactor | undefined): Where {
  if (typeof given !== 'string' || given.length > LONGEST) {
    throw new InvalidValueError(
      'where',
      given,
      `pass a text of at most ${LONGEST} characters such as "state:dead name:send"`,
    );
  }
  const raw = new WhereScanner(given).terms();
  if (raw.length > MOST_TERMS) {
    throw new WhereSyntaxError(given, raw[MOST_TERMS].position, `use at most ${MOST_TERMS} terms`);
  }
  const values = raw.reduce((sum, term) => sum + term.values.length, 0);
  if (values > MOST_VALUES) throw new WhereSyntaxError(given, raw[0].position, `use at most ${MOST_VALUES} values`);
  let states: readonly JobState[] = JOB_STATES;
  const terms: WhereTerm[] = [];
  for (const term of raw) {
    if (term.field === 'state') states = narrow(given, states, term);
    else terms.push(readTerm(given, term, redactor));
  }
  return { text: given, states, terms };
}

function narrow(where: string, states: readonly JobState[], { values, isNegated }: RawTerm): JobState[] {
  const named = values.map(({ text, position, operator, isPrefix }) => {
    if (operator === undefined && !isPrefix && (JOB_STATES as readonly string[]).includes(text)) return text;
    const nearest = nearestName(text, JOB_STATES);
    throw new WhereSyntaxError(where, position, meant(nearest, `states are ${JOB_STATES.join(', ')}`), nearest);
  });
  return states.filter((state) => named.includes(state) !== isNegated);
}

function readTerm(where: string, raw: RawTerm, redactor: Redactor | undefined): WhereTerm {
  const { field, isNegated } = raw;
  if (field === undefined) {
    return { field: 'text', path: [], isNegated, values: raw.values.map(({ text }) => ({ kind: 'is', text })) };
  }
  if (field.startsWith(PAYLOAD)) return readPayloadTerm(where, raw, field.slice(PAYLOAD.length), redactor);
  if (!Object.hasOwn(KINDS, field)) {
    const nearest = nearestName(field, FIELD_NAMES);
    const known = `fields are ${FIELD_NAMES.join(', ')} with a path such as payload.user.id; a text with a colon stands in quotes`;
    throw new WhereSyntaxError(where, raw.position, meant(nearest, known), nearest);
  }
  const own = field as OwnField;
  const read = { text: readText, age: readAge, count: readCount }[KINDS[own]];
  return { field: own, path: [], isNegated, values: raw.values.map((value) => read(where, own, value)) };
}

function readPayloadTerm(where: string, raw: RawTerm, text: string, redactor: Redactor | undefined): WhereTerm {
  const path = text.split('.');
  if (path.includes('') || path.length > MOST_KEYS) {
    throw new WhereSyntaxError(
      where,
      raw.position,
      `name up to ${MOST_KEYS} keys of the payload, joined by dots: payload.user.id`,
    );
  }
  if (redactor?.hides(path)) throw new RedactedFieldError(`where at position ${raw.position}`, text);
  const values = raw.values.map((value): WhereValue => {
    if (value.operator === undefined) return readText(where, 'payload', value);
    return { kind: 'compare', operator: value.operator, number: numberOf(where, value, 'a number, such as >100') };
  });
  return { field: 'payload', path, isNegated: raw.isNegated, values };
}

function readText(where: string, field: string, { text, operator, isPrefix, position }: RawValue): WhereValue {
  if (operator !== undefined) {
    throw new WhereSyntaxError(
      where,
      position,
      `${field} is a text: it is compared with no number. Quote a text that begins with "${operator}"`,
    );
  }
  if (!isPrefix) return { kind: 'is', text };
  return text === '' ? { kind: 'exists' } : { kind: 'begins', text };
}

function readCount(where: string, field: string, value: RawValue): WhereValue {
  const number = numberOf(where, value, `a whole number, as in ${field}:>3`);
  if (value.isPrefix || !Number.isInteger(number)) {
    throw new WhereSyntaxError(where, value.position, `${field} takes a whole number, as in ${field}:>3`);
  }
  if (value.operator === undefined) return { kind: 'is', text: String(number) };
  return { kind: 'compare', operator: value.operator, number };
}

function readAge(where: string, _field: string, { text, operator, position }: RawValue): WhereValue {
  if (operator === undefined) throw new WhereSyntaxError(where, position, 'an age is compared: age:>1h or age:<30m');
  try {
    return { kind: 'compare', operator, number: parseDuration(text, 'age') };
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    throw new WhereSyntaxError(where, position, error.remedy);
  }
}

function numberOf(where: string, { text, position, isPrefix }: RawValue, wanted: string): number {
  if (!isPrefix && /^-?\d{1,15}(\.\d{1,15})?$/.test(text)) return Number(text);
  throw new WhereSyntaxError(where, position, `here stands ${wanted}`);
}

function meant(nearest: string | undefined, known: string): string {
  return (nearest === undefined ? '' : `did you mean "${nearest}"? `) + known.charAt(0).toUpperCase() + known.slice(1);
}

/** Whether the number is on this side of the other. */
export function holds(number: number, operator: Operator, other: number): boolean {
  if (operator === '<') return number < other;
  if (operator === '<=') return number <= other;
  return operator === '>' ? number > other : number >= other;
}
