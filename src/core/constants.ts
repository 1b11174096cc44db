/** Injection token of the module's `ResolvedOptions`. */
export const TASK_QUEUE_OPTIONS = Symbol('TASK_QUEUE_OPTIONS');

/** Injection token of the `Store`. */
export const STORE = Symbol('TASK_QUEUE_STORE');

/** Injection token of the private `Store` of schedules with `scope: 'instance'`. */
export const INSTANCE_STORE = Symbol('TASK_QUEUE_INSTANCE_STORE');

/** Injection token of the app's `QueueService`; the description is what Nest's error shows where `forRoot` is missing. */
export const QUEUE_SERVICE = Symbol('TaskQueueModule.forRoot()');

/** Injection token of the app's `ScheduleService`. */
export const SCHEDULE_SERVICE = Symbol('TASK_QUEUE_SCHEDULE_SERVICE');

/** Injection token of what one `registerQueue` call was given. */
export const QUEUE_REGISTRATIONS = Symbol('TASK_QUEUE_REGISTRATIONS');

/** Queue of schedules that name no other. */
export const CRON_QUEUE = 'cron';

/**
 * Injection token of the `Queue` of this name; `@InjectQueue(name)` is the short form. Nest's error shows it where nobody
 * registered the queue: it is the remedy.
 */
export function getQueueToken(name: string): string {
  return `TaskQueueModule.registerQueue({ name: "${name}" })`;
}

/**
 * Marks what `defineJob` makes. A registered symbol, so that neither copies of this package nor bundlers can hide what a
 * value is.
 */
export const DEFINITION: unique symbol = Symbol.for('task-queue:definition') as never;

/** Marks what `oldestReady` and the other makers of alert rules make. Registered, as {@link DEFINITION} is. */
export const ALERT_RULE: unique symbol = Symbol.for('task-queue:alert-rule') as never;

// Namespaced, so that decorators of the same names from other packages never fire ours.
export const PROCESSOR_METADATA = 'task-queue:processor';
export const SCHEDULE_METADATA = 'task-queue:schedule';
export const QUEUE_EVENT_METADATA = 'task-queue:queue-event';
export const QUEUE_ALERT_METADATA = 'task-queue:queue-alert';
export const DECLARED_METADATA = 'task-queue:declared';
