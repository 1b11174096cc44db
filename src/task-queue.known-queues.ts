import { CRON_QUEUE } from './task-queue.constants.js';
import type { KnownQueues } from './queue/known-queues.js';
import type { GivenJobOptions, ResolvedOptions, ResolvedQueueOptions } from './task-queue.options.js';

/**
 * Known queues: registered or configured ∪ processed ∪ scheduled into, and `cron`, which schedules that name no other are
 * in. Definitions are known to who enqueues by them.
 */
export class AppQueues implements KnownQueues {
  constructor(
    private readonly options: ResolvedOptions,
    private readonly handlers: Pick<KnownQueues, 'has' | 'handledOptionsOf'> & { readonly queues: readonly string[] },
  ) {}

  has(name: string): boolean {
    return name === CRON_QUEUE || Object.hasOwn(this.options.queues, name) || this.handlers.has(name);
  }

  names(): Iterable<string> {
    return new Set([...Object.keys(this.options.queues), ...this.handlers.queues]);
  }

  get(name: string): ResolvedQueueOptions | undefined {
    return Object.hasOwn(this.options.queues, name) ? this.options.queues[name] : undefined;
  }

  handledOptionsOf(name: string, jobName: string): GivenJobOptions | undefined {
    return this.handlers.handledOptionsOf(name, jobName);
  }
}
