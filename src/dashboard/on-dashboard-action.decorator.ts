import 'reflect-metadata';
import { ConfigurationError } from '../core/errors/option-errors.js';
import type { ActionName } from './wire.js';

export const DASHBOARD_ACTION_METADATA = 'task-queue:dashboard-action';

/** Something that somebody did, or tried to do, by the dashboard. */
export interface DashboardActionEvent {
  at: Date;
  /** As `authorize` named them; undefined where it named nobody. */
  user: string | undefined;
  action: ActionName | 'payload.reveal';
  queue: string | undefined;
  /** Of jobs, as they were asked for. */
  ids?: readonly string[];
  /** Of a schedule, or of the jobs that were enqueued; the key of a group, the id of a bulk operation. */
  name?: string;
  /** Which jobs a bulk operation means. */
  where?: string;
  /** How many things were changed. */
  count: number;
  /** `denied`: they may not. `failed`: an error says why. */
  outcome: 'done' | 'failed' | 'denied';
  /** Code of the error. */
  error?: string;
}

/**
 * Calls the method with each action of the dashboard of this process: after it, whatever became of it, attempts of those who may not
 * included. Reads are not told, but for revealed payloads. What it throws is logged. In a provider of the default scope.
 *
 * @example
 * ```ts
 * @OnDashboardAction()
 * audit({ user, action, queue, count, outcome }: DashboardActionEvent) {
 *   this.log.write({ user, action, queue, count, outcome });
 * }
 * ```
 */
export function OnDashboardAction(): MethodDecorator {
  return (_target, method, descriptor) => {
    const decorated: unknown = (descriptor as PropertyDescriptor | undefined)?.value;
    if (typeof decorated !== 'function') {
      throw new ConfigurationError(`@OnDashboardAction() stands on ${String(method)}, which is no method.`);
    }
    Reflect.defineMetadata(DASHBOARD_ACTION_METADATA, true, decorated);
  };
}
