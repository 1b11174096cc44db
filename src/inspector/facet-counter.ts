import { InvalidValueError } from '../core/errors/option-errors.js';
import { RedactedFieldError } from '../core/errors/where-errors.js';
import { nearestName } from '../core/nearest.js';
import { refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import type { StoredJob } from '../core/ports/curation.js';
import { JobRecord, readEndDetail } from '../queue/job-record.js';
import type { QueueScope } from '../queue/queue-scope.js';
import { readWalkOptions } from './finder.js';
import { walkMatches, type WalkOptions } from './match-walk.js';
import { errorTextsOf, valuesAt } from './where/job-texts.js';
import { readWhere } from './where/where-reader.js';

/** How the jobs that fit divide by one of their values. */
export interface Facets {
  /** The hundred most frequent values, the most frequent first. A job with a list counts for each of its values. */
  values: { value: string; count: number }[];
  /** Jobs of rarer values. */
  other: number;
  /** Jobs without such a value. */
  missing: number;
  /** How many jobs were counted: the newest 10,000 that fit, at most. */
  looked: number;
  /** All jobs that fit were counted. */
  complete: boolean;
}

/** As of `find`. */
export type FacetOptions = WalkOptions;

const MOST_JOBS = 10_000;
const MOST_VALUES = 100;
/** Distinct values that are told apart: more are `other`. */
const MOST_DISTINCT = 20_000;
const LONGEST_VALUE = 200;
const OWN_FIELDS = ['state', 'name', 'group', 'schedule', 'reason', 'error', 'attempts', 'priority'] as const;
const PAYLOAD = 'payload.';

type ValuesOf = (record: JobRecord, stored: StoredJob) => unknown[];

/** @throws WhereSyntaxError, RedactedFieldError, InvalidValueError, UnknownOptionError */
export async function countFacets(
  scope: QueueScope,
  where: unknown,
  path: unknown,
  options: FacetOptions = {},
): Promise<Facets> {
  requireObject(options, 'options of facets', 'pass an object such as { on: "replica" }');
  refuseUnknownKeys(options, ['signal', 'on'], 'facets');
  const given = readWhere(where, scope.redactor);
  const valuesOf = readPath(scope, path);
  const payloads =
    typeof path === 'string' && (path.startsWith(PAYLOAD) || (path === 'error' && scope.redactor !== undefined));
  const counts = new Map<string, number>();
  const result: Facets = { values: [], other: 0, missing: 0, looked: 0, complete: true };
  for await (const found of walkMatches(scope, given, { ...readWalkOptions(options, 'facets'), payloads })) {
    for (const stored of found) {
      if (result.looked === MOST_JOBS) {
        result.complete = false;
        break;
      }
      result.looked++;
      const values = new Set(
        valuesOf(new JobRecord(scope.queue, scope.codec, stored.id, stored.record), stored).map(textOf),
      );
      if (values.size === 0) result.missing++;
      for (const value of values) count(counts, value, result);
    }
    if (!result.complete) break;
  }
  const sorted = [...counts].sort(([a, one], [b, other]) => other - one || (a < b ? -1 : 1));
  result.values = sorted.slice(0, MOST_VALUES).map(([value, number]) => ({ value, count: number }));
  for (const [, number] of sorted.slice(MOST_VALUES)) result.other += number;
  return result;
}

function count(counts: Map<string, number>, value: string, result: Facets): void {
  const before = counts.get(value);
  if (before === undefined && counts.size >= MOST_DISTINCT) result.other++;
  else counts.set(value, (before ?? 0) + 1);
}

function readPath({ redactor }: QueueScope, given: unknown): ValuesOf {
  if (typeof given === 'string' && given.startsWith(PAYLOAD)) {
    const path = given.slice(PAYLOAD.length).split('.');
    if (redactor?.hides(path)) throw new RedactedFieldError('path of facets', path.join('.'));
    if (!path.includes(''))
      return (record) => valuesAt(record.payload, path, redactor).filter((value) => value !== undefined);
  }
  const field = OWN_FIELDS.find((name) => name === given);
  if (field === undefined) {
    const nearest = typeof given === 'string' ? nearestName(given, OWN_FIELDS) : undefined;
    const remedy = `use ${OWN_FIELDS.join(', ')}, or a path such as payload.tenantId`;
    throw new InvalidValueError(
      'path of facets',
      given,
      nearest === undefined ? remedy : `did you mean "${nearest}"? ${remedy}`,
    );
  }
  return (record, stored) => ownValuesOf(field, record, stored, redactor);
}

function ownValuesOf(
  field: (typeof OWN_FIELDS)[number],
  record: JobRecord,
  { state }: StoredJob,
  redactor: QueueScope['redactor'],
): unknown[] {
  const { header, settled } = record;
  switch (field) {
    case 'state':
      return [state];
    case 'name':
      return [record.name];
    case 'group':
      return header.g === undefined ? [] : [header.g];
    case 'schedule':
      return header.c === undefined ? [] : [header.c.name];
    case 'reason':
      return settled === undefined || settled.state === 'completed' ? [] : [readEndDetail(settled.detail).reason];
    case 'error':
      return errorTextsOf(record)
        .slice(-1)
        .map((text) => redactor?.mask(text, record.payload) ?? text);
    case 'attempts':
      return [header.a ?? 1];
    case 'priority':
      return [header.p ?? 0];
  }
}

function textOf(value: unknown): string {
  const text =
    typeof value === 'object' && value !== null ? (Array.isArray(value) ? '[list]' : '{object}') : String(value);
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text;
}
