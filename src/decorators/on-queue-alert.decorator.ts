import { QUEUE_ALERT_METADATA } from '../core/constants.js';
import { appendMetadata } from './append-metadata.js';
import { checkDecoratorCall } from './decorator-mode.js';

/** Which alerts a method wants to hear of. */
export interface OnQueueAlertOptions {
  /** Name of a rule in `alerts`. Default: all. */
  rule?: string;
  /** Only alerts of this queue. Default: of all, and those of the store. */
  queue?: string;
}

/** What one `@OnQueueAlert` left on its method. */
export interface QueueAlertMetadata {
  options: OnQueueAlertOptions;
}

/**
 * Calls the method with each change of an alert, `{ rule, queue, state, since, value }`: at least once in the whole cluster, normally
 * exactly once, in one process that has such a method and the `alerts` of `forRoot`. What it throws is logged.
 *
 * @example
 * ```ts
 * @OnQueueAlert()
 * async page({ rule, queue, state, value }: QueueAlert) {}
 * ```
 */
export function OnQueueAlert(options: OnQueueAlertOptions = {}): MethodDecorator {
  checkDecoratorCall('@OnQueueAlert', [...arguments], 1);
  const metadata: QueueAlertMetadata = { options };
  return appendMetadata(QUEUE_ALERT_METADATA, metadata, '@OnQueueAlert');
}
