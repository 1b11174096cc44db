import 'reflect-metadata';
import type { Type } from '@nestjs/common';
import type { StandardSchemaV1 } from '../core/standard-schema.js';
import type { DeclaredDecorator } from '../decorators/append-metadata.js';
import type { ScheduleMetadata } from '../decorators/cron.decorator.js';
import type { QueueAlertMetadata } from '../decorators/on-queue-alert.decorator.js';
import type { QueueEventMetadata } from '../decorators/on-queue-event.decorator.js';
import { PARAMETERS_METADATA, PAYLOAD_PARAMETER } from '../decorators/payload.decorator.js';
import { PayloadSchemaPipe } from '../decorators/payload-schema.pipe.js';
import type { ProcessorMetadata } from '../decorators/processor.decorator.js';
import {
  DECLARED_METADATA,
  PROCESSOR_METADATA,
  QUEUE_ALERT_METADATA,
  QUEUE_EVENT_METADATA,
  SCHEDULE_METADATA,
} from '../core/constants.js';
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
  '@OnQueueAlert': QUEUE_ALERT_METADATA,
};
/** Decorators of methods that run no jobs. */
const LISTENERS: readonly (string | undefined)[] = [QUEUE_EVENT_METADATA, QUEUE_ALERT_METADATA];
const KEYS = [...new Set(Object.values(KEY_OF_DECORATOR))];

export type Method = (...args: unknown[]) => unknown;

/** What the decorators of one method say. */
export interface CarriedMetadata {
  /** The function that carries them, and what Nest's decorators say. */
  decorated: Method;
  processors: readonly ProcessorMetadata[];
  schedules: readonly ScheduleMetadata[];
  queueEvents: readonly QueueEventMetadata[];
  queueAlerts: readonly QueueAlertMetadata[];
}

/** Reads what decorators wrote; decides nothing. */
export class MetadataAccessor {
  /** Undefined where the function carries nothing of this package. */
  carriedBy(method: Method): CarriedMetadata | undefined {
    const processors = listOf(PROCESSOR_METADATA, method) as readonly ProcessorMetadata[];
    const schedules = listOf(SCHEDULE_METADATA, method) as readonly ScheduleMetadata[];
    const queueEvents = listOf(QUEUE_EVENT_METADATA, method) as readonly QueueEventMetadata[];
    const queueAlerts = listOf(QUEUE_ALERT_METADATA, method) as readonly QueueAlertMetadata[];
    return processors.length + schedules.length + queueEvents.length + queueAlerts.length > 0
      ? { decorated: method, processors, schedules, queueEvents, queueAlerts }
      : undefined;
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
    for (let owner: object | null = prototype; owner !== null; owner = parentOf(owner)) {
      if (this.declaredOn(owner).some(({ decorator }) => !LISTENERS.includes(KEY_OF_DECORATOR[decorator]))) return true;
    }
    return false;
  }

  /** Whether a class or one it extends has any decorator of this package; or a method that was copied from one that has. */
  concerns(classRef: Type<object>): boolean {
    const prototype = classRef.prototype as object;
    if (Reflect.hasMetadata(DECLARED_METADATA, prototype) || Reflect.hasMetadata(DECLARED_METADATA, classRef))
      return true;
    for (let owner: object | null = prototype; owner !== null && owner !== Object.prototype; owner = parentOf(owner)) {
      for (const { value } of Object.values(Object.getOwnPropertyDescriptors(owner))) {
        if (typeof value === 'function' && KEYS.some((key) => Reflect.hasOwnMetadata(key, value as Method)))
          return true;
      }
    }
    return false;
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
  payloadSchemasOf(classRef: Type<object>, methodName: string, decorated: Method): readonly StandardSchemaV1[] {
    if ([classRef, decorated].some((target) => this.enhancersOf('pipes', target).length > 0)) return [];
    return this.parametersOf(classRef, methodName)
      .filter(({ key }) => key.startsWith(`${PAYLOAD_PARAMETER}:`))
      .flatMap(({ pipes: [first] }) => (first instanceof PayloadSchemaPipe ? first.schema : []));
  }
}

function listOf(key: string, target: object): readonly unknown[] {
  return (Reflect.getOwnMetadata(key, target) ?? []) as unknown[];
}

function parentOf(prototype: object): object | null {
  return Object.getPrototypeOf(prototype) as object | null;
}
