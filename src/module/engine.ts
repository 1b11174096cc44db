import type { Logger } from '@nestjs/common';
import type { Handler } from '../core/handler.js';
import type { RetentionRules } from '../core/job.js';
import type { Job } from '../core/job-view.js';
import type { RunTally } from '../core/run-tally.js';
import type { Store } from '../core/ports/store.js';
import { Maintenance } from '../duties/maintenance.js';
import { DEFAULTS } from '../options/defaults.js';
import { layerJobOptions } from '../options/job-options-reader.js';
import type { GivenJobOptions, ResolvedOptions, ResolvedWorkerOptions } from '../options/options.js';
import type { ScheduleDeclaration } from '../schedules/rule/declaration.js';
import { Scheduler } from '../schedules/scheduler.js';
import { WorkerSupervisor } from '../worker/worker-supervisor.js';

/** What an engine is to serve. It grows where modules are loaded lazily. */
export interface ServedHandlers {
  /** Queues with at least one handler. */
  readonly queues: readonly string[];
  readonly schedules: readonly ScheduleDeclaration[];
  /** Queues without a declared schedule whose stored schedules are looked after, too. */
  readonly watchedQueues: readonly string[];
  sizeOf(queue: string): number;
  handlersOf(queue: string): readonly Handler<Job>[];
  /** What the decorator of a handler says of its jobs. */
  jobOptionsOf(handler: Handler<Job>): GivenJobOptions;
  /** @param leaseMs where neither the queue nor its handlers give one */
  workerOptionsOf(queue: string, leaseMs: number): ResolvedWorkerOptions;
  /** What the queue keeps of all its settled jobs. */
  retentionOf(queue: string): RetentionRules;
  /** A handler or a schedule keeps fewer records of its own than the queue. */
  hasOwnRules(queue: string): boolean;
  /** The plain list that feeds the queue, if any. */
  inboxOf(queue: string): string | undefined;
}

export interface EngineContext {
  store: Store;
  options: ResolvedOptions;
  handlers: ServedHandlers;
  /** Counts the runs of a queue that end. Undefined: nobody does, for a store that nobody can look into. */
  tallyOf?: (queue: string) => RunTally;
  /** Called when a scan found that bulk operations of the queue run. Undefined: nobody works at any. */
  onBulks?: (queue: string) => void;
  /** Which app announces the declared schedules. Undefined: nobody does, for a store that only this process uses. */
  app?: string;
  logger: Pick<Logger, 'log' | 'warn' | 'error' | 'debug'>;
}

/** A queue with a worker: how many handlers it had, and its settings, at the last look. */
interface ServedQueue {
  size: number;
  settings: string;
}

/** All that works on one store in this process: its workers, the periodic duties and the scheduler. */
export class Engine {
  readonly supervisor: WorkerSupervisor;
  readonly maintenance: Maintenance;
  readonly scheduler: Scheduler;
  private readonly served = new Map<string, ServedQueue>();
  private dutiesEnded: Promise<unknown> | undefined;
  private toldNoHeartbeat = false;

  constructor(private readonly context: EngineContext) {
    const { store, options, handlers, app, logger } = context;
    this.supervisor = new WorkerSupervisor({
      store,
      options,
      handlersOf: (queue) => handlers.handlersOf(queue),
      workerOptionsOf: (queue) => this.workerOptionsOf(queue),
      processorJobOptionsOf: (handler) => handlers.jobOptionsOf(handler),
      inboxOf: (queue) => handlers.inboxOf(queue),
      retentionOf: (queue) => handlers.retentionOf(queue),
      tallyOf: context.tallyOf,
      onOwnRule: (queue) => this.maintenance.ownEnded(queue),
      logger,
    });
    this.maintenance = new Maintenance({
      store,
      logger,
      queues: [],
      ownRuleOf: (queue, state, header) => this.supervisor.ownRulesOf(queue)?.of(state, header),
      onBacklog: (queue, { parked }) => this.supervisor.wake(queue, parked > 0),
      onScan: (queue, { nextLookAt, now, poisoned, hasBulks }) => {
        if (hasBulks) context.onBulks?.(queue);
        context.tallyOf?.(queue).count(undefined, 'dead', poisoned.length);
        this.scheduler.expect(queue, nextLookAt, now);
      },
    });
    this.scheduler = new Scheduler({
      store,
      declarations: [],
      app,
      logger,
      codec: options.codec,
      payloadLimit: options.payloadLimit,
      jobOptionsOf: (queue) => layerJobOptions(options.queues[queue]?.job ?? {}, options.defaults),
    });
  }

  /** Serves the handlers and schedules that are known; called again, those that came since. */
  async start(): Promise<void> {
    const { scheduler, supervisor, maintenance } = this;
    const { handlers } = this.context;
    this.logMissingHeartbeat();
    this.extendQueues();
    scheduler.add(handlers.schedules, handlers.watchedQueues);
    await this.declareLimits();
    await supervisor.start(handlers.queues);
    maintenance.add(
      handlers.queues.map((name) => ({
        name,
        leaseMs: this.workerOptionsOf(name).leaseMs,
        retention: handlers.retentionOf(name),
        limits: this.workerOptionsOf(name).limits,
        hasOwnRules: handlers.hasOwnRules(name),
      })),
    );
    maintenance.start();
    await scheduler.start();
  }

  /** One turn of the scheduler and of every duty, without waiting for a timer: for tests that move a clock. */
  async runOnce(): Promise<void> {
    await this.scheduler.runOnce();
    await this.maintenance.runOnce();
  }

  /** Reserves nothing more, from this moment on; what runs goes on. */
  stopReserving(): void {
    this.supervisor.stopReserving();
  }

  /** Ends the duties, and waits for running jobs no longer than the grace. */
  async drain(graceMs: number): Promise<void> {
    // Not awaited while the grace runs: with the store away they end at the deadline of their command.
    this.dutiesEnded = Promise.allSettled([this.scheduler.stop(), this.maintenance.stop()]);
    await this.supervisor.drain(graceMs);
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.dutiesEnded, this.supervisor.close()]);
  }

  /** Before the first job starts. */
  private async declareLimits(): Promise<void> {
    const { handlers, store } = this.context;
    await Promise.all(
      handlers.queues.map(async (queue) => {
        if (this.supervisor.queues.includes(queue)) return; // its worker keeps the settings of the start
        const { limits } = this.workerOptionsOf(queue);
        if (limits !== undefined) await store.limits.declare(queue, limits);
      }),
    );
  }

  private workerOptionsOf(queue: string): ResolvedWorkerOptions {
    const leaseMs = this.beatsFromLoop ? DEFAULTS.leaseWithoutHeartbeatMs : DEFAULTS.worker.leaseMs;
    return this.context.handlers.workerOptionsOf(queue, leaseMs);
  }

  /** The main loop has to renew leases itself. */
  private get beatsFromLoop(): boolean {
    const { shared, heartbeat } = this.context.store.connection.capabilities;
    return shared && !heartbeat;
  }

  private logMissingHeartbeat(): void {
    const { store, handlers, logger } = this.context;
    if (this.toldNoHeartbeat || !this.beatsFromLoop || handlers.queues.length === 0) return;
    this.toldNoHeartbeat = true;
    const consequence =
      `the main loop renews leases: default lease ${DEFAULTS.leaseWithoutHeartbeatMs} ms, and a handler that blocks longer ` +
      'loses its jobs';
    if (store.connection.capabilities.heartbeatForbidden)
      logger.warn(
        `The permission model of Node forbids the heartbeat thread, so ${consequence}. Start Node with --allow-worker.`,
      );
    else logger.log(`This connection cannot be handed to a heartbeat thread, so ${consequence}`);
  }

  /** A queue whose worker runs gets further handlers; the settings of its worker stay. */
  private extendQueues(): void {
    const { handlers, logger } = this.context;
    for (const queue of handlers.queues) {
      const size = handlers.sizeOf(queue);
      const settings = this.settingsOf(queue);
      const known = this.served.get(queue);
      if (known === undefined) {
        this.served.set(queue, { size, settings });
        continue;
      }
      if (size <= known.size) continue;
      known.size = size;
      this.supervisor.extend(queue);
      if (settings === known.settings) continue;
      known.settings = settings;
      logger.warn(
        `Queue "${queue}" has a worker already, and a handler that was loaded lazily gives it other options (concurrency, ` +
          `prefetch, lease, inbox or retention): those of the start stay. Give them under queues: { "${queue}": … } in forRoot.`,
      );
    }
  }

  private settingsOf(queue: string): string {
    const { handlers } = this.context;
    return JSON.stringify([this.workerOptionsOf(queue), handlers.inboxOf(queue), handlers.retentionOf(queue)]);
  }
}
