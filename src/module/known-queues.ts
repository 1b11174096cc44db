import { CRON_QUEUE } from '../core/constants.js';
import type { StandardSchemaV1 } from '../core/standard-schema.js';
import type { GivenJobOptions, ResolvedOptions, ResolvedQueueOptions } from '../options/options.js';

/** What the app's handlers say of their queues. */
interface KnownHandlers {
  readonly queues: readonly string[];
  readonly isCollected: boolean;
  has(queue: string): boolean;
  handledOptionsOf(queue: string, jobName: string): GivenJobOptions | undefined;
  mixedBatchOf(queue: string, jobName: string): string | undefined;
  handledNamesOf(queue: string): readonly string[] | '*';
  schemaOf(queue: string, jobName: string): StandardSchemaV1 | undefined;
}

/**
 * Known queues: registered or configured ∪ processed ∪ scheduled into, and `cron`, which schedules that name no other are
 * in. Definitions are known to who enqueues by them.
 */
export class AppQueues {
  constructor(
    private readonly options: ResolvedOptions,
    private readonly handlers: KnownHandlers,
  ) {}

  has(name: string): boolean {
    return name === CRON_QUEUE || Object.hasOwn(this.options.queues, name) || this.handlers.has(name);
  }

  names(): Iterable<string> {
    return new Set([...Object.keys(this.options.queues), ...this.handlers.queues]);
  }

  get areComplete(): boolean {
    return this.handlers.isCollected;
  }

  get(name: string): ResolvedQueueOptions | undefined {
    return Object.hasOwn(this.options.queues, name) ? this.options.queues[name] : undefined;
  }

  handledNamesOf(name: string): readonly string[] | '*' {
    return this.handlers.handledNamesOf(name);
  }

  handledOptionsOf(name: string, jobName: string): GivenJobOptions | undefined {
    return this.handlers.handledOptionsOf(name, jobName);
  }

  mixedBatchOf(name: string, jobName: string): string | undefined {
    return this.handlers.mixedBatchOf(name, jobName);
  }

  schemaOf(name: string, jobName: string): StandardSchemaV1 | undefined {
    return this.handlers.schemaOf(name, jobName);
  }
}
