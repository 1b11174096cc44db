import { Injectable } from '@nestjs/common';
import { showMembers } from '../core/shown-members.js';
import { TaskQueueHealth, type ReadinessOptions } from '../worker/task-queue-health.js';

/** What `@nestjs/terminus` takes of an indicator: one entry, under the key that was asked for. */
export type TaskQueueIndicatorResult<K extends string> = Record<
  K,
  {
    status: 'up' | 'down';
    message?: string;
    /** Milliseconds since the store last answered each worker; null: never yet. */
    workers: Record<string, number | null>;
  }
>;

/**
 * Health indicator for `@nestjs/terminus`: `up` while every worker of this process was answered by the store within the
 * last seconds. Provide it next to your health controller.
 *
 * @example
 * ```ts
 * @HealthCheck()
 * @Get('ready')
 * ready() {
 *   return this.health.check([() => this.taskQueue.isHealthy('task-queue', { within: '10s' })]);
 * }
 * ```
 */
@Injectable()
export class TaskQueueHealthIndicator {
  // Terminus is not imported: its indicators are any function that answers with such an entry.
  constructor(private readonly health: TaskQueueHealth) {}

  async isHealthy<const K extends string = 'task-queue'>(
    key: K = 'task-queue' as K,
    options: ReadinessOptions = {},
  ): Promise<TaskQueueIndicatorResult<K>> {
    const { ready, reason, workers } = await this.health.readiness(options);
    const entry: TaskQueueIndicatorResult<string>[string] = {
      status: ready ? 'up' : 'down',
      workers: Object.fromEntries(workers.map(({ queue, answeredMsAgo }) => [queue, answeredMsAgo ?? null])),
    };
    if (reason !== undefined) entry.message = reason;
    return { [key]: entry } as TaskQueueIndicatorResult<K>;
  }
}

showMembers(TaskQueueHealthIndicator);
