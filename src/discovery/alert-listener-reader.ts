import { ConfigurationError, InvalidValueError } from '../core/errors/option-errors.js';
import { checkKeyName } from '../core/names.js';
import { nearestName } from '../core/nearest.js';
import { refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import type { QueueAlertMetadata } from '../decorators/on-queue-alert.decorator.js';
import { EVERY_QUEUE, type AlertRule } from '../options/alert-rules.js';
import type { DecoratedMethod } from './decorated-method.js';
import { refuseWhatDoesNotRun } from './listener-reader.js';

/** One `@OnQueueAlert` method, ready to be called. */
export interface QueueAlertListener {
  /** Undefined: of all rules. */
  rule: string | undefined;
  /** Undefined: of all queues, and of the store. */
  queue: string | undefined;
  label: string;
  method: DecoratedMethod;
  invoke(alert: unknown): unknown;
}

/** @throws InvalidValueError, UnknownOptionError, ConfigurationError for a listener that has no instance outside of a request */
export function readAlertListener(
  { options }: QueueAlertMetadata,
  method: DecoratedMethod,
  rules: readonly AlertRule[],
): QueueAlertListener {
  const place = `@OnQueueAlert on ${method.label}`;
  requireObject(options, `options of ${place}`, 'pass an object such as { queue: "mail" }, or nothing');
  refuseUnknownKeys(options, ['rule', 'queue'], place, ['rule', 'queue']);
  const { rule, queue } = options;
  if (queue !== undefined) checkKeyName(queue, `queue of ${place}`);
  if (rules.length > 0) refuseUnheard(rule, queue, rules, place);
  if (!method.isStatic) {
    throw new ConfigurationError(
      `${place}: ${method.classRef.name} is made per request, and an alert belongs to none. Listen in a default-scoped provider.`,
    );
  }
  refuseWhatDoesNotRun(method, place, 'alert: QueueAlert');
  const instance = method.wrapper.instance as Record<string, (alert: unknown) => unknown>;
  return { rule, queue, label: method.label, method, invoke: (alert) => instance[method.method](alert) };
}

/** A method that waits for an alert which no rule makes would never be called. */
function refuseUnheard(
  rule: string | undefined,
  queue: string | undefined,
  rules: readonly AlertRule[],
  place: string,
): void {
  const names = rules.map(({ name }) => name);
  if (rule !== undefined && !names.includes(rule)) {
    const nearest = typeof rule === 'string' ? nearestName(rule, names) : undefined;
    const question = nearest === undefined ? '' : `did you mean "${nearest}"? `;
    throw new InvalidValueError(`rule of ${place}`, rule, `${question}Rules of alerts in forRoot: ${names.join(', ')}`);
  }
  const concerned = rules.filter(({ name }) => rule === undefined || name === rule);
  if (queue === undefined || concerned.some((each) => each.queue === queue || each.queue === EVERY_QUEUE)) return;
  throw new InvalidValueError(
    `queue of ${place}`,
    queue,
    `no rule that it hears of is about this queue: ${concerned.map(({ name }) => name).join(', ')}`,
  );
}
