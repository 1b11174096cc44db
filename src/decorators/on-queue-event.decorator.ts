import type { BrokerEventName } from '../core/broker.js';
import { QUEUE_EVENT_METADATA } from '../task-queue.constants.js';
import { appendMetadata } from './append-metadata.js';

/** What one `@OnQueueEvent` left on its method. */
export interface QueueEventMetadata {
  queue: string;
  event: BrokerEventName;
}

/**
 * Calls the method with each event of this kind: live, at most once, in every process that has this provider, producers
 * among them. What it throws is logged and changes no job.
 */
export function OnQueueEvent(queue: string, event: BrokerEventName): MethodDecorator {
  const metadata: QueueEventMetadata = { queue, event };
  return appendMetadata(QUEUE_EVENT_METADATA, metadata, '@OnQueueEvent');
}
