import type { StandardSchemaV1 } from '@standard-schema/spec';

import { describeValue } from './errors/described-value.js';
import { ConfigurationError } from './errors/option-errors.js';
import { isThenable } from './thenable.js';

export type { StandardSchemaV1 };

export interface SchemaIssue {
  /** Dotted, such as `items.0.price`; empty for the value itself. */
  path: string;
  message: string;
}

export type Validated<T> = { ok: true; value: T } | { ok: false; issues: SchemaIssue[] };

/** Runs any Standard Schema (zod, valibot, arktype); stays synchronous where the schema does. */
export function validate<T>(
  schema: StandardSchemaV1<unknown, T>,
  value: unknown,
): Validated<T> | Promise<Validated<T>> {
  const result = schema['~standard'].validate(value);
  return isThenable(result) ? Promise.resolve(result).then(toValidated) : toValidated(result);
}

function toValidated<T>(result: StandardSchemaV1.Result<T>): Validated<T> {
  if (typeof result !== 'object' || result === null)
    throw new ConfigurationError(
      `A schema answered ${describeValue(result)}: validate() must return { value } or { issues }.`,
    );
  const issues = result.issues as unknown;
  if (issues === undefined) return { ok: true, value: (result as StandardSchemaV1.SuccessResult<T>).value };
  const listed = Array.isArray(issues) && issues.length > 0 ? issues : [{ message: describeValue(issues) }];
  return { ok: false, issues: listed.map(readIssue) };
}

/**
 * A schema that makes of a value what `first` makes of it, and refuses what one of the others refuses then: they check it
 * again where it is handled, so nothing of their output is kept. Undefined where there is none.
 */
export function inTurn(
  first: StandardSchemaV1 | undefined,
  others: readonly StandardSchemaV1[],
): StandardSchemaV1 | undefined {
  if (others.length === 0) return first;
  const check = async (given: unknown): Promise<StandardSchemaV1.Result<unknown>> => {
    const made = first === undefined ? { value: given } : await first['~standard'].validate(given);
    if (made.issues !== undefined) return made;
    for (const other of others) {
      const checked = await other['~standard'].validate(made.value);
      if (checked.issues !== undefined) return checked;
    }
    return made;
  };
  return { '~standard': { version: 1, vendor: 'nestjs-task-queue', validate: check } };
}

/** Schemas are code of users: an issue may be anything. */
function readIssue(issue: unknown): SchemaIssue {
  const { message, path } = Object(issue) as Partial<StandardSchemaV1.Issue>;
  const segments = Array.isArray(path) ? (path as readonly (PropertyKey | { key: PropertyKey } | null)[]) : [];
  const dotted = segments.map((each) => String(typeof each === 'object' && each !== null ? each.key : each)).join('.');
  return { path: dotted, message: typeof message === 'string' ? message : describeValue(issue) };
}

export function isStandardSchema(value: unknown): value is StandardSchemaV1 {
  // arktype schemas are functions
  return (typeof value === 'object' || typeof value === 'function') && value !== null && '~standard' in value;
}
