import type { StoreEventName } from '../core/ports/notices.js';
import { QUEUE_EVENT_METADATA } from '../core/constants.js';
import { appendMetadata } from './append-metadata.js';
import { checkDecoratorCall } from './decorator-mode.js';
import type { ProcessedDefinition } from './processor.decorator.js';

/** What one `@OnQueueEvent` left on its method. */
export interface QueueEventMetadata {
  target: string | Pick<ProcessedDefinition, 'queue' | 'name'>;
  event: StoreEventName;
}

/**
 * Calls the method with each event of this kind: live, at most once, in every process that has this provider, producers
 * among them. What it throws is logged and changes no job.
 *
 * @param target a queue, or a definition made by `defineJob`: then only events of its jobs, and those of the queue itself
 */
export function OnQueueEvent(target: QueueEventMetadata['target'], event: StoreEventName): MethodDecorator {
  checkDecoratorCall('@OnQueueEvent', [...arguments], 2);
  const metadata: QueueEventMetadata = { target, event };
  return appendMetadata(QUEUE_EVENT_METADATA, metadata, '@OnQueueEvent');
}
