import { ConfigurationError, InvalidValueError } from '../core/errors/option-errors.js';
import { checkKeyName } from '../core/names.js';
import { nearestName } from '../core/nearest.js';
import { STORE_EVENT_NAMES, type StoreEventName } from '../core/ports/notices.js';
import type { QueueEventMetadata } from '../decorators/on-queue-event.decorator.js';
import type { DecoratedMethod } from './decorated-method.js';
import { MetadataAccessor } from './metadata-accessor.js';
import { ENHANCER_KINDS } from './nest-metadata.js';
import { readDefinition } from './processor-reader.js';

const accessor = new MetadataAccessor();

/** One `@OnQueueEvent` method, ready to be called. */
export interface QueueEventListener {
  queue: string;
  /** Only of jobs of this name; undefined: of all. */
  jobName: string | undefined;
  event: StoreEventName;
  label: string;
  method: DecoratedMethod;
  invoke(event: unknown): unknown;
}

/** @throws InvalidValueError, ConfigurationError for a listener that has no instance outside of a request */
export function readListener({ target, event }: QueueEventMetadata, method: DecoratedMethod): QueueEventListener {
  const place = `@OnQueueEvent on ${method.label}`;
  const definition = readDefinition(target, place);
  const queue = checkKeyName(definition ? definition.queue : target, `queue of ${place}`);
  if (!(STORE_EVENT_NAMES as readonly unknown[]).includes(event)) {
    const given: unknown = event;
    const nearest = typeof given === 'string' ? nearestName(given, STORE_EVENT_NAMES) : undefined;
    throw new InvalidValueError(
      `event of ${place}`,
      event,
      (nearest ? `did you mean "${nearest}"? ` : '') + `events: ${STORE_EVENT_NAMES.join(', ')}`,
    );
  }
  if (!method.isStatic) {
    throw new ConfigurationError(
      `${place}: ${method.classRef.name} is made per request, and an event belongs to none. Listen in a default-scoped provider.`,
    );
  }
  refuseWhatDoesNotRun(method, place, 'event: JobEvent');
  const instance = method.wrapper.instance as Record<string, (event: unknown) => unknown>;
  const jobName = definition?.name;
  return {
    queue,
    jobName,
    event,
    label: method.label,
    method,
    invoke: (occurred) => instance[method.method](occurred),
  };
}

/**
 * Events and alerts pass by everything that runs around handlers.
 * @param parameter the one that a listener gets, as a user writes it
 * @throws ConfigurationError
 */
export function refuseWhatDoesNotRun(
  { classRef, method, decorated }: DecoratedMethod,
  place: string,
  parameter: string,
): void {
  const [given] = parameter.split(':');
  const kind = ENHANCER_KINDS.find((each) => accessor.enhancersOf(each, decorated).length > 0);
  if (kind !== undefined) {
    throw new ConfigurationError(
      `${place}: ${kind} do not run around listeners of ${given}s. Remove them from the method.`,
    );
  }
  if (accessor.parametersOf(classRef, method).length > 0) {
    throw new ConfigurationError(
      `${place}: a listener gets the ${given} alone, and decorators of its parameters count for nothing. Write ${method}(${parameter}).`,
    );
  }
}
