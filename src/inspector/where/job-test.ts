import type { StoredJob } from '../../core/ports/curation.js';
import type { Redactor } from '../../core/redactor.js';
import { JobRecord, readEndDetail } from '../../queue/job-record.js';
import type { QueueScope } from '../../queue/queue-scope.js';
import { searchedErrorsOf, searchedTextOf, valuesAt } from './job-texts.js';
import { holds } from './where-reader.js';
import type { Where, WhereTerm, WhereValue } from './where.js';

export type JobTest = (stored: StoredJob) => boolean;

/** Decoding a payload costs the most. */
const COSTLY: readonly WhereTerm['field'][] = ['error', 'payload', 'text'];

/**
 * Whether a job fits the terms of a `where`; its state is the caller's to look at.
 * @param now store time, ms
 */
export function testOf({ queue, codec, redactor }: QueueScope, { terms }: Where, now: number): JobTest {
  const cheapFirst = [...terms].sort((a, b) => COSTLY.indexOf(a.field) - COSTLY.indexOf(b.field));
  return (stored) => {
    const record = new JobRecord(queue, codec, stored.id, stored.record);
    return cheapFirst.every((term) => fits(record, stored, term, redactor, now) !== term.isNegated);
  };
}

/** Whether the test decodes payloads. */
export function looksIntoPayloads({ terms }: Where, redactor: Redactor | undefined): boolean {
  // What is hidden in an error is told by the payload.
  return terms.some(({ field }) => field === 'payload' || field === 'text' || (field === 'error' && redactor));
}

function fits(
  record: JobRecord,
  { id }: StoredJob,
  { field, path, values }: WhereTerm,
  redactor: Redactor | undefined,
  now: number,
): boolean {
  switch (field) {
    case 'name':
      return values.some((value) => isText(record.name, value));
    case 'id':
      return values.some((value) => isText(record.userId, value) || isText(id, value));
    case 'group':
      return values.some((value) => isText(record.header.g, value));
    case 'schedule':
      return values.some((value) => isText(record.header.c?.name, value));
    case 'reason':
      return values.some((value) => isText(reasonOf(record), value));
    case 'age':
      return values.some((value) => isNumber(now - (record.settled?.settledAt ?? record.enqueuedAt), value));
    case 'attempts':
      return values.some((value) => isNumber(record.header.a ?? 1, value));
    case 'priority':
      return values.some((value) => isNumber(record.header.p ?? 0, value));
    case 'error': {
      const texts = searchedErrorsOf(record, redactor);
      return values.some((value) => texts.some((text) => isPart(text, value)));
    }
    case 'payload': {
      const found = valuesAt(record.payload, path, redactor);
      return values.some((value) => found.some((one) => isValue(one, value)));
    }
    case 'text': {
      const texts = [searchedTextOf(record.payload, redactor), ...searchedErrorsOf(record, redactor)];
      return values.some((value) => value.kind === 'is' && texts.some((text) => hasText(text, value.text)));
    }
  }
}

function reasonOf({ settled }: JobRecord): string | undefined {
  return settled === undefined || settled.state === 'completed' ? undefined : readEndDetail(settled.detail).reason;
}

function isText(text: string | undefined, value: WhereValue): boolean {
  if (text === undefined) return false;
  if (value.kind === 'is') return text === value.text;
  return value.kind === 'exists' || (value.kind === 'begins' && text.startsWith(value.text));
}

function isPart(text: string, value: WhereValue): boolean {
  return value.kind === 'is' ? text.includes(value.text) : isText(text, value);
}

function isNumber(number: number, value: WhereValue): boolean {
  if (value.kind === 'compare') return holds(number, value.operator, value.number);
  return value.kind === 'is' && number === Number(value.text);
}

function isValue(found: unknown, value: WhereValue): boolean {
  if (value.kind === 'exists') return found !== undefined;
  if (value.kind === 'compare') return typeof found === 'number' && isNumber(found, value);
  if (typeof found === 'string') return isText(found, value);
  if (typeof found === 'object' && found !== null) return false;
  if (value.kind === 'begins') return false;
  return (
    String(found) === value.text || (typeof found === 'number' && value.text !== '' && found === Number(value.text))
  );
}

/** JSON escapes quotes, backslashes and newlines. */
function hasText(text: string, wanted: string): boolean {
  return text.includes(wanted) || text.includes(JSON.stringify(wanted).slice(1, -1));
}
