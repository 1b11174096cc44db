import 'reflect-metadata';
import type { PipeTransform, Type } from '@nestjs/common';
import { InvalidValueError } from '../core/errors/option-errors.js';
import { isStandardSchema, type StandardSchemaV1 } from '../core/standard-schema.js';
import { checkDecoratorCall, describeMember } from './decorator-mode.js';
import { onHandlerParameter } from './handler-parameter.js';
import { PayloadSchemaPipe } from './payload-schema.pipe.js';

/** Nest's own key for parameter decorators, which its context creators read. */
export const PARAMETERS_METADATA = '__routeArguments__';

/**
 * Nest's `RouteParamtypes.BODY`. A parameter of Nest's custom kind would be skipped by ValidationPipe without a word, and
 * the payload is to a job what the body is to a request.
 */
export const PAYLOAD_PARAMETER = 3;

type PayloadPipe = StandardSchemaV1 | PipeTransform | Type<PipeTransform>;

/**
 * The job's payload. A Standard Schema (zod, valibot, arktype) checks it and gives the parameter its output; a payload
 * that does not match is dead at once, because retrying cannot fix it. Pipes run in the order given. In a batch handler the
 * parameter is the array of payloads, by position: a schema checks each of them, and pipes get the array.
 */
export function Payload(...schemaOrPipes: PayloadPipe[]): ParameterDecorator {
  checkDecoratorCall('@Payload', schemaOrPipes, Infinity);
  return onHandlerParameter('@Payload', (target, method, index) => {
    const key = `${PAYLOAD_PARAMETER}:${index}`;
    const pipes = schemaOrPipes.map((item) => readPipe(item, describeMember(target, method)));
    const known = (Reflect.getOwnMetadata(PARAMETERS_METADATA, target.constructor, method as string) ?? {}) as object;
    Reflect.defineMetadata(
      PARAMETERS_METADATA,
      { ...known, [key]: { index, data: undefined, pipes } },
      target.constructor,
      method as string,
    );
  });
}

/** Nest leaves out in silence what is no pipe, also a schema that a circular import has not made yet. */
function readPipe(item: PayloadPipe, place: string): PipeTransform | Type<PipeTransform> {
  if (isStandardSchema(item)) return new PayloadSchemaPipe(item);
  const given = item as { transform?: unknown; prototype?: unknown } | null | undefined;
  const isPipe = typeof item === 'function' ? given?.prototype !== undefined : typeof given?.transform === 'function';
  if (isPipe) return item;
  throw new InvalidValueError(
    `argument of @Payload on ${place}`,
    item,
    'pass a Standard Schema such as one of zod, or pipes; without arguments the parameter gets the whole payload',
  );
}
