import type { Handler } from '../core/handler.js';
import type { RetentionRules } from '../core/job.js';
import type { Job } from '../core/job-view.js';
import type { HandlerRegistry } from '../discovery/handler-registry.js';
import type { GivenJobOptions, ResolvedWorkerOptions } from '../options/options.js';
import type { ScheduleDeclaration } from '../schedules/rule/declaration.js';
import type { ServedHandlers } from './engine.js';

/** Nobody can look into this store: of its jobs only the dead are kept for a while, so that `pauseOnFailure` finds them. */
const RETENTION: RetentionRules = {
  completed: false,
  cancelled: false,
  dead: { count: 100, ageMs: 3_600_000, bytes: 1024 * 1024 },
};

/**
 * The methods of schedules with `scope: 'instance'`. Each process has these schedules for itself, in a store of its own in
 * memory, where their jobs are retried, timed out and run through enhancers as in the shared one. Redis may be away meanwhile.
 */
export class InstanceHandlers implements ServedHandlers {
  readonly watchedQueues: readonly string[] = [];

  constructor(private readonly registry: HandlerRegistry) {}

  get queues(): readonly string[] {
    return this.registry.ofInstance.queues;
  }

  get schedules(): readonly ScheduleDeclaration[] {
    return this.registry.instanceSchedules;
  }

  sizeOf(queue: string): number {
    return this.registry.ofInstance.of(queue).length;
  }

  handlersOf(queue: string): readonly Handler<Job>[] {
    return this.registry.ofInstance.handlersOf(queue);
  }

  jobOptionsOf(handler: Handler<Job>): GivenJobOptions {
    const options = this.registry.ofInstance.jobOptionsOf(handler);
    return { ...options, retention: { ...RETENTION, ...options.retention } };
  }

  workerOptionsOf(queue: string, leaseMs: number): ResolvedWorkerOptions {
    return this.registry.workerOptionsOf(queue, leaseMs);
  }

  retentionOf(): RetentionRules {
    return RETENTION;
  }

  hasOwnRules(): boolean {
    return false;
  }

  inboxOf(): undefined {
    return undefined;
  }
}
