import { RANGES } from './hashed-field.js';
import { nearestName } from '../../core/nearest.js';

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const LONG_NAMES =
  'January February March April May June July August September October November December ' +
  'Sunday Monday Tuesday Wednesday Thursday Friday Saturday';

/** What only some fields know, left to the cron library: `L`, `15W`, `LW`, `5L`, `FRI#2`. */
const SPECIAL: Readonly<Record<string, RegExp>> = {
  'day of month': /^(?:L|LW|WL|\d{1,2}W|W\d{1,2})$/,
  'day of week': /^(?:L|[^-/#]+L)$/,
};
const DASHES = /[\u2010-\u2015\u2212]/;

/** How a field's values are called, its limits, and its names. */
interface FieldRule {
  field: string;
  least: number;
  most: number;
  names: readonly string[];
  /** Such as `0-59`. */
  takes: string;
}

function ruleOf(field: string): FieldRule | undefined {
  const range = RANGES[field];
  if (range === undefined) return undefined;
  const { least, most } = range;
  if (field === 'month') return { field, least, most, names: MONTHS, takes: '1-12 or JAN-DEC' };
  if (field === 'day of week') {
    return { field, least, most: 7, names: DAYS, takes: '0-7 (0 and 7 are Sunday) or SUN-SAT' };
  }
  return { field, least, most, names: [], takes: `${least}-${most}` };
}

/**
 * Says in the terms of whoever wrote it what is wrong with an entry of a cron field, and what to write instead.
 * @param entry one of the field's list
 * @param field as an error calls it, such as `day of week`
 * @returns undefined where nothing is found: the cron library has the last word
 */
export function faultOf(entry: string, field: string): string | undefined {
  const rule = ruleOf(field);
  if (entry === '') return 'an entry of the list is missing: remove the comma, and write lists without spaces';
  if (DASHES.test(entry)) return `write a plain hyphen: ${entry.replace(DASHES, '-')}`;
  if (rule === undefined) return undefined;
  const plain = field === 'day of week' ? entry.replace(/^\+/, '') : entry;
  if (SPECIAL[field]?.test(plain.toUpperCase()) && !isName(plain)) return undefined;
  const [base, step, ...more] = plain.split('/');
  if (more.length > 0) return 'use one step, such as */15';
  const nth = field === 'day of week' ? /^(.+)#(.*)$/.exec(base) : null;
  if (nth !== null) return faultOfValue(nth[1], rule) ?? faultOfNth(nth[1], nth[2]);
  return faultOfStep(base, step, rule) ?? faultOfBase(base, step, rule);
}

function faultOfNth(day: string, nth: string): string | undefined {
  return /^(?:[1-5]|L)$/i.test(nth) ? undefined : `use ${day}#1 to ${day}#5, or ${day}#L for the last of the month`;
}

function faultOfStep(base: string, step: string | undefined, { least, most, takes }: FieldRule): string | undefined {
  if (step === undefined) return undefined;
  const steps = most - least + 1;
  if (!/^\d+$/.test(step) || Number(step) < 1) return `use a step of 1 or more, such as */${Math.min(5, steps)}`;
  if (Number(step) > steps) return `the step is larger than the field, which takes ${takes}`;
  if (/^[\dA-Za-z]+$/.test(base) && base !== '') return `a step needs a range: write ${base}-${most}/${step}`;
  return undefined;
}

function faultOfBase(base: string, step: string | undefined, rule: FieldRule): string | undefined {
  if (base === '*' || base === '?') return undefined;
  if (/^-\d+$/.test(base)) return `there are no negative values: use ${rule.takes}`;
  const [from, to, ...more] = base.split('-');
  if (to === undefined) return faultOfValue(from, rule);
  if (from === '' || to === '' || more.length > 0) return `use a range such as ${rule.least}-${rule.most}`;
  const fault = faultOfValue(from, rule) ?? faultOfValue(to, rule);
  if (fault !== undefined) return fault;
  if (valueOf(from, rule) <= valueOf(to, rule)) return undefined;
  return `a range cannot run past its end: write ${around(from, to, step, rule)}`;
}

function faultOfValue(text: string, rule: FieldRule): string | undefined {
  const { least, most, names, takes } = rule;
  if (/^\d+$/.test(text)) {
    const value = Number(text);
    if (value >= least && value <= most) return undefined;
    return `${text} is not within ${takes}${text === '24' && rule.field === 'hour' ? '; midnight is 0' : ''}`;
  }
  const upper = text.toUpperCase();
  if (names.includes(upper)) return undefined;
  const other = isName(text)
    ? `${text} is a ${MONTHS.includes(upper) ? 'month' : 'day of week'}; this field takes ${takes}`
    : undefined;
  if (other !== undefined) return other;
  const long = LONG_NAMES.split(' ').find((name) => name.toUpperCase() === upper);
  const short = long?.slice(0, 3).toUpperCase();
  if (short !== undefined && names.includes(short)) return `write ${short} for ${text}`;
  const nearest = /^[a-z]+$/i.test(text) ? nearestName(upper.slice(0, 3), names) : undefined;
  return nearest === undefined ? `use ${takes}` : `did you mean ${nearest}? The field takes ${takes}`;
}

function isName(text: string): boolean {
  const upper = text.toUpperCase();
  return MONTHS.includes(upper) || DAYS.includes(upper);
}

function valueOf(text: string, { names, least }: FieldRule): number {
  return /^\d+$/.test(text) ? Number(text) : names.indexOf(text.toUpperCase()) + least;
}

/** The list that means what a range past the end of its field was meant to: `22-2` is `22-23,0-2`. */
function around(from: string, to: string, step: string | undefined, rule: FieldRule): string {
  const { least, names } = rule;
  const last = names === DAYS ? 6 : rule.most;
  const say = (value: number): string => (/^\d+$/.test(from) ? String(value) : names[value - least]);
  const span = (first: number, end: number): string => (first === end ? say(first) : `${say(first)}-${say(end)}`);
  const begin = names === DAYS && from === '7' ? 0 : valueOf(from, rule);
  const end = valueOf(to, rule);
  if (begin <= end) return span(begin, end) + (step === undefined ? '' : `/${step}`);
  if (step === undefined || step === '1') return `${span(begin, last)},${span(least, end)}`;
  const size = last - least + 1;
  const values: string[] = [];
  for (let value = begin; value <= end + size; value += Number(step))
    values.push(say(least + ((value - least) % size)));
  return values.join(',');
}
