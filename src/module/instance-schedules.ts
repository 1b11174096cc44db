import type { Logger } from '@nestjs/common';
import type { Store } from '../core/ports/store.js';
import type { Job } from '../core/job-view.js';
import type { Handler } from '../core/handler.js';
import type { HandlerRegistry } from '../discovery/handler-registry.js';
import { Maintenance } from '../duties/maintenance.js';
import { Scheduler } from '../schedules/scheduler.js';
import { layerJobOptions } from '../options/job-options-reader.js';
import { DEFAULTS, type GivenJobOptions, type ResolvedOptions } from '../options/options.js';
import { WorkerSupervisor } from '../worker/worker-supervisor.js';

/** Nobody can look into this store: of its jobs only the dead are kept for a while, so that `pauseOnFailure` finds them. */
const RETENTION = {
  completed: false,
  cancelled: false,
  dead: { count: 100, ageMs: 3_600_000, bytes: 1024 * 1024 },
} as const;

/**
 * Schedules with `scope: 'instance'`: each process has them for itself, in a store of its own in memory, where their jobs
 * are retried, timed out and run through enhancers as in the shared one. Redis may be away meanwhile.
 */
export class InstanceSchedules {
  readonly scheduler: Scheduler;
  readonly maintenance: Maintenance;
  private readonly supervisor: WorkerSupervisor;
  private opened: Promise<unknown> | undefined;

  /** @param store private to this process */
  constructor(
    readonly store: Store,
    private readonly registry: HandlerRegistry,
    options: ResolvedOptions,
    logger: Pick<Logger, 'log' | 'warn' | 'error' | 'debug'>,
  ) {
    const { ofInstance: handlers } = registry;
    this.supervisor = new WorkerSupervisor({
      store,
      options,
      handlersOf: (queue) => handlers.handlersOf(queue),
      workerOptionsOf: (queue) => registry.workerOptionsOf(queue),
      processorJobOptionsOf: (handler) => this.jobOptionsOf(handler),
      inboxOf: () => undefined,
      logger,
    });
    this.maintenance = new Maintenance({
      store,
      logger,
      queues: [],
      onBacklog: (queue, { parked }) => this.supervisor.wake(queue, parked > 0),
      onScan: (queue, { nextLookAt, now }) => this.scheduler.expect(queue, nextLookAt, now),
    });
    this.scheduler = new Scheduler({
      store,
      declarations: [],
      logger,
      codec: options.codec,
      payloadLimit: options.payloadLimit,
      jobOptionsOf: (queue) => layerJobOptions(options.queues[queue]?.job ?? {}, options.defaults),
    });
  }

  /** Starts what the registry knows; again, what came later. */
  async start(): Promise<void> {
    const { store, maintenance, registry, scheduler, supervisor } = this;
    const { queues } = registry.ofInstance;
    this.opened ??= store.connection.open();
    await this.opened;
    scheduler.add(registry.instanceSchedules);
    for (const queue of queues) supervisor.extend(queue);
    await supervisor.start(queues);
    maintenance.add(
      queues.map((name) => ({
        name,
        leaseMs: DEFAULTS.worker.leaseMs,
        retention: { ...DEFAULTS.job.retention, ...RETENTION },
      })),
    );
    maintenance.start();
    await scheduler.start();
  }

  stopReserving(): void {
    this.supervisor.stopReserving();
  }

  /** Waits for running jobs no longer than the grace; what waits ends with the process. */
  async drain(graceMs: number): Promise<void> {
    await Promise.all([this.scheduler.stop(), this.maintenance.stop(), this.supervisor.drain(graceMs)]);
  }

  async close(): Promise<void> {
    await this.supervisor.close();
    await this.store.connection.close();
  }

  private jobOptionsOf(handler: Handler<Job>): GivenJobOptions {
    const options = this.registry.ofInstance.jobOptionsOf(handler);
    return { ...options, retention: { ...RETENTION, ...options.retention } };
  }
}
