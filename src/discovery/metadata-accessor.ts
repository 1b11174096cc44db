import 'reflect-metadata';
import type { Type } from '@nestjs/common';
import type { StandardSchemaV1 } from '../core/standard-schema.js';
import type { DeclaredDecorator } from '../decorators/append-metadata.js';
import type { ScheduleMetadata } from '../decorators/cron.decorator.js';
import type { QueueEventMetadata } from '../decorators/on-queue-event.decorator.js';
import { PARAMETERS_METADATA, PAYLOAD_PARAMETER } from '../decorators/payload.decorator.js';
import { PayloadSchemaPipe } from '../decorators/payload-schema.pipe.js';
import type { ProcessorMetadata } from '../decorators/processor.decorator.js';
import {
  DECLARED_METADATA,
  PROCESSOR_METADATA,
  QUEUE_EVENT_METADATA,
  SCHEDULE_METADATA,
} from '../task-queue.constants.js';
import { ENHANCER_METADATA, type EnhancerKind } from './nest-metadata.js';

/** One parameter of a method, as its decorator left it. */
export interface ParameterMetadata {
  /** `type:index`, or Nest's custom key. */
  key: string;
  pipes: readonly unknown[];
}

const KEY_OF_DECORATOR: Record<string, string> = {
  '@Processor': PROCESSOR_METADATA,
  '@Cron': SCHEDULE_METADATA,
  '@Interval': SCHEDULE_METADATA,
  '@Timeout': SCHEDULE_METADATA,
  '@OnQueueEvent': QUEUE_EVENT_METADATA,
};

type Method = (...args: unknown[]) => unknown;

/** Reads what decorators wrote; decides nothing. */
export class MetadataAccessor {
  processorsOf(method: Method): readonly ProcessorMetadata[] {
    return listOf(PROCESSOR_METADATA, method) as readonly ProcessorMetadata[];
  }

  schedulesOf(method: Method): readonly ScheduleMetadata[] {
    return listOf(SCHEDULE_METADATA, method) as readonly ScheduleMetadata[];
  }

  queueEventsOf(method: Method): readonly QueueEventMetadata[] {
    return listOf(QUEUE_EVENT_METADATA, method) as readonly QueueEventMetadata[];
  }

  /** Whether this very function carries what `decorator` writes. */
  carries(method: unknown, decorator: string): boolean {
    const key = KEY_OF_DECORATOR[decorator];
    return typeof method === 'function' && key !== undefined && Reflect.hasOwnMetadata(key, method);
  }

  /** Where decorators of this package were written on a prototype, or on a class itself for its static methods. */
  declaredOn(target: object): readonly DeclaredDecorator[] {
    return listOf(DECLARED_METADATA, target) as readonly DeclaredDecorator[];
  }

  /** Whether a class or one it extends has methods that run jobs. */
  declaresHandlers(prototype: object): boolean {
    // Each class has a list of its own: that of a subclass hides the one it inherits.
    for (let owner: object | null = prototype; owner !== null; owner = Object.getPrototypeOf(owner) as object | null) {
      if (this.declaredOn(owner).some(({ decorator }) => KEY_OF_DECORATOR[decorator] !== QUEUE_EVENT_METADATA))
        return true;
    }
    return false;
  }

  /** Whether a class or one it extends has any decorator of this package. */
  concerns(prototype: object, classRef: object): boolean {
    return Reflect.hasMetadata(DECLARED_METADATA, prototype) || Reflect.hasMetadata(DECLARED_METADATA, classRef);
  }

  enhancersOf(kind: EnhancerKind, target: object): readonly unknown[] {
    return (Reflect.getMetadata(ENHANCER_METADATA[kind], target) ?? []) as unknown[];
  }

  parametersOf(classRef: object, methodName: string): readonly ParameterMetadata[] {
    const metadata = (Reflect.getMetadata(PARAMETERS_METADATA, classRef, methodName) ?? {}) as Record<
      string,
      { pipes?: unknown[] }
    >;
    return Object.entries(metadata).map(([key, parameter]) => ({ key, pipes: parameter.pipes ?? [] }));
  }

  /** Of its own parameters; where the method or its class have pipes, those may make something else of a payload first. */
  payloadSchemasOf(classRef: Type<object>, methodName: string): readonly StandardSchemaV1[] {
    const method = (classRef.prototype as Record<string, object>)[methodName];
    if ([classRef, method].some((target) => this.enhancersOf('pipes', target).length > 0)) return [];
    return this.parametersOf(classRef, methodName)
      .filter(({ key }) => key.startsWith(`${PAYLOAD_PARAMETER}:`))
      .flatMap(({ pipes: [first] }) => (first instanceof PayloadSchemaPipe ? first.schema : []));
  }
}

function listOf(key: string, target: object): readonly unknown[] {
  return (Reflect.getOwnMetadata(key, target) ?? []) as unknown[];
}
