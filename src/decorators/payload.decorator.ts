import 'reflect-metadata';
import type { PipeTransform, Type } from '@nestjs/common';
import { isStandardSchema, type StandardSchemaV1 } from '../core/standard-schema.js';
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
 * that does not match is dead at once, because another attempt can not mend it. Pipes run in the order given.
 */
export function Payload(...schemaOrPipes: PayloadPipe[]): ParameterDecorator {
  return (target, method, index) => {
    if (method === undefined) return;
    const key = `${PAYLOAD_PARAMETER}:${index}`;
    const pipes = schemaOrPipes.map((item) => (isStandardSchema(item) ? new PayloadSchemaPipe(item) : item));
    const known = (Reflect.getOwnMetadata(PARAMETERS_METADATA, target.constructor, method) ?? {}) as object;
    Reflect.defineMetadata(
      PARAMETERS_METADATA,
      { ...known, [key]: { index, data: undefined, pipes } },
      target.constructor,
      method,
    );
  };
}
