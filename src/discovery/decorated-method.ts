import type { Type } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import type { StandardSchemaV1 } from '../core/standard-schema.js';
import type { ScheduleMetadata } from '../decorators/cron.decorator.js';
import type { QueueEventMetadata } from '../decorators/on-queue-event.decorator.js';
import type { ProcessorMetadata } from '../decorators/processor.decorator.js';

/** Nest exports these two only by their use. */
export type HostModule = ModulesContainer extends Map<string, infer M> ? M : never;
export type ProviderWrapper = HostModule['providers'] extends Map<unknown, infer W> ? W : never;

/** One method that carries a decorator of this package, on one provider or controller that Nest knows. */
export interface DecoratedMethod {
  wrapper: ProviderWrapper;
  host: HostModule;
  /** The concrete class, which may have inherited the method. */
  classRef: Type<object>;
  method: string;
  /** `Class.method`, for logs and errors. */
  label: string;
  /** Where the provider stands, for errors: `AppModule`, or `"TOKEN" of AppModule`. */
  place: string;
  kind: 'provider' | 'controller';
  /** One instance for all jobs; else one per job. */
  isStatic: boolean;
  /** What checks its payload as it is stored: schemas of `@Payload(schema)`, where no pipe comes before them. */
  payloadSchemas: readonly StandardSchemaV1[];
  processors: readonly ProcessorMetadata[];
  schedules: readonly ScheduleMetadata[];
  queueEvents: readonly QueueEventMetadata[];
}
