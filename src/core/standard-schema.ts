import type { StandardSchemaV1 } from '@standard-schema/spec';

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
  return result instanceof Promise ? result.then(toValidated) : toValidated(result);
}

function toValidated<T>(result: StandardSchemaV1.Result<T>): Validated<T> {
  if (result.issues === undefined) return { ok: true, value: result.value };
  return { ok: false, issues: result.issues.map(({ message, path }) => ({ path: dotted(path), message })) };
}

function dotted(path: StandardSchemaV1.Issue['path']): string {
  return (path ?? []).map((segment) => String(typeof segment === 'object' ? segment.key : segment)).join('.');
}

export function isStandardSchema(value: unknown): value is StandardSchemaV1 {
  // arktype schemas are functions
  return (typeof value === 'object' || typeof value === 'function') && value !== null && '~standard' in value;
}
