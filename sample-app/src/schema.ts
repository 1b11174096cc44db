import type { StandardSchemaV1 } from '@standard-schema/spec';

/**
 * A Standard Schema by hand. A schema of zod, valibot or arktype fits wherever this one stands.
 * @param read returns the value to go on with, or throws a `Mismatch`
 */
export function schemaOf<Input, Output>(read: (value: unknown) => Output): StandardSchemaV1<Input, Output> {
  return {
    '~standard': {
      version: 1,
      vendor: 'sample-app',
      validate(value) {
        try {
          return { value: read(value) };
        } catch (error) {
          if (error instanceof Mismatch) return { issues: [{ message: error.message, path: error.path }] };
          throw error;
        }
      },
    },
  };
}

export class Mismatch extends Error {
  constructor(
    readonly path: (string | number)[],
    message: string,
  ) {
    super(message);
  }
}

/** @throws Mismatch */
export function propertyOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) throw new Mismatch([], `must be an object such as { "${name}": … }`);
  return (value as Record<string, unknown>)[name];
}

/** @throws Mismatch */
export function textOf(value: unknown, path: (string | number)[]): string {
  if (typeof value === 'string' && value !== '' && value.length <= 1024) return value;
  throw new Mismatch(path, 'must be a text of 1 to 1024 characters');
}
