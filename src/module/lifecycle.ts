import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { LazyModuleLoader, ModulesContainer } from '@nestjs/core';
import type { Store } from '../core/ports/store.js';
import { guardLogger } from '../discovery/guarded-logger.js';
import { showMembers } from '../core/shown-members.js';
import { openScope } from '../core/own-scope.js';
import { HandlerRegistry } from '../discovery/handler-registry.js';
import { ListenerDispatcher } from '../discovery/listener-dispatcher.js';
import type { QueueEventListener } from '../discovery/listener-reader.js';
import { QueueService } from '../queue/queue.service.js';
import { Maintenance } from '../duties/maintenance.js';
import { Scheduler } from '../schedules/scheduler.js';
import { STORE, CRON_QUEUE, INSTANCE_STORE, TASK_QUEUE_OPTIONS } from '../core/constants.js';
import { InstanceSchedules } from './instance-schedules.js';
import { afterLazyLoads } from './late-modules.js';
import { collectRegistrations } from './registrations.js';
import { layerJobOptions } from '../options/job-options-reader.js';
import { DEFAULTS, type ResolvedOptions, type ResolvedWorkerOptions } from '../options/options.js';
import { TaskQueueHealth } from '../worker/task-queue-health.js';
import { WorkerSupervisor } from '../worker/worker-supervisor.js';

/** What shutdown may take beyond the grace, with some of that second left to Redis and to Nest. */
const AFTER_GRACE_MS = 800;
/** A queue with a worker: how many handlers it had, and what they said of the worker, when that was last looked at. */
interface ServedQueue {
  size: number;
  settings: string;
}

/** Users enable shutdown hooks before or right after `listen()`. */
const HOOKS_CHECK_MS = 1000;

/**
 * Starts what works in the background when the whole app has initialised, and ends it before any provider of the app is
 * destroyed: its module stands innermost in the order of hooks.
 */
@Injectable()
export class TaskQueueLifecycle implements OnApplicationBootstrap, OnModuleDestroy {
  readonly supervisor: WorkerSupervisor;
  readonly health: TaskQueueHealth;
  /** Undefined until the app has started, and in producers. */
  scheduler: Scheduler | undefined;
  maintenance: Maintenance | undefined;
  /** Undefined too where no schedule has `scope: 'instance'`. */
  instanceSchedules: InstanceSchedules | undefined;
  private readonly logger = guardLogger(new Logger('TaskQueueModule'));
  private readonly listeners: ListenerDispatcher;
  private hooksCheck: NodeJS.Timeout | undefined;
  private ending: Promise<void> | undefined;
  private started = false;
  private readonly heard = new Set<QueueEventListener>();
  private readonly served = new Map<string, ServedQueue>();

  constructor(
    @Inject(TASK_QUEUE_OPTIONS) private readonly options: ResolvedOptions,
    @Inject(STORE) private readonly store: Store,
    @Inject(INSTANCE_STORE) private readonly instanceStore: Store,
    private readonly registry: HandlerRegistry,
    queues: QueueService,
    loader: LazyModuleLoader,
    private readonly modules: ModulesContainer,
  ) {
    const { logger } = this;
    afterLazyLoads(loader, () => this.takeLateModules());
    this.listeners = new ListenerDispatcher((queue) => queues.events(queue), logger);
    this.supervisor = new WorkerSupervisor({
      store,
      options,
      handlersOf: (queue) => registry.handlersOf(queue),
      workerOptionsOf: (queue) => this.workerOptionsOf(queue),
      processorJobOptionsOf: (handler) => registry.jobOptionsOf(handler),
      inboxOf: (queue) => registry.inboxOf(queue),
      retentionOf: (queue) => registry.retentionOf(queue),
      onOwnRule: (queue) => this.maintenance?.ownEnded(queue),
      logger,
    });
    this.health = new TaskQueueHealth(
      store.connection,
      this.supervisor,
      () => options.role !== 'producer' && registry.queues.length > 0,
    );
  }

  async onApplicationBootstrap(): Promise<void> {
    if (this.ending) return;
    const { store, logger, options, registry, supervisor } = this;
    if (this.options.role !== 'producer') {
      this.scheduler = new Scheduler({
        store,
        declarations: [],
        app: options.app,
        logger,
        codec: options.codec,
        payloadLimit: options.payloadLimit,
        jobOptionsOf: (queue) => layerJobOptions(options.queues[queue]?.job ?? {}, options.defaults),
      });
      this.maintenance = new Maintenance({
        store,
        logger,
        queues: [],
        ownRuleOf: (queue, state, header) => supervisor.ownRulesOf(queue)?.of(state, header),
        onBacklog: (queue, { parked }) => supervisor.wake(queue, parked > 0),
        onScan: (queue, { nextLookAt, now }) => this.scheduler?.expect(queue, nextLookAt, now),
      });
      if (
        store.connection.capabilities.shared &&
        !store.connection.capabilities.heartbeat &&
        registry.queues.length > 0
      ) {
        this.tellNoHeartbeat();
      }
    }
    this.started = true;
    try {
      await this.startNew();
    } catch (error) {
      await this.onModuleDestroy(); // an app that does not start calls no hook that would
      await store.connection.close();
      throw error;
    }
    store.connection.bootEnded?.();
    if (options.role === 'producer') return;
    if (registry.queues.length > 0) logger.debug(`This process works as ${supervisor.workerId}`);
    this.tellMissingHooks();
  }

  private async takeLateModules(): Promise<void> {
    const { options, registry } = this;
    if (this.ending || !registry.isCollected) return; // the boot finds them
    Object.assign(options.queues, collectRegistrations(options, this.modules).queues);
    await registry.collect();
    await registry.checkPayloads();
    // Not in the scope of the request that loads: what is started here goes on.
    await openScope().runInAsyncScope(() => this.startNew());
  }

  /**
   * Starts what the registry knows and nobody serves yet: everything at boot, and the handlers of a module that was loaded
   * lazily after it.
   */
  private async startNew(): Promise<void> {
    if (!this.started || this.ending) return;
    const { options, registry, supervisor, scheduler, maintenance } = this;
    this.listeners.start(registry.listeners.filter((listener) => !this.heard.has(listener)));
    for (const listener of registry.listeners) this.heard.add(listener);
    if (options.role === 'producer') return;
    this.extendQueues();
    // Where the last `@Cron` was removed from the code, somebody has to notice.
    scheduler?.add(registry.schedules, registry.queues.length > 0 ? [...registry.queues, CRON_QUEUE] : []);
    await supervisor.start(registry.queues);
    maintenance?.add(
      registry.queues.map((name) => ({
        name,
        leaseMs: this.workerOptionsOf(name).leaseMs,
        retention: registry.retentionOf(name),
        hasOwnRules: registry.hasOwnRules(name),
      })),
    );
    maintenance?.start();
    await scheduler?.start();
    if (registry.instanceSchedules.length === 0) return;
    this.instanceSchedules ??= new InstanceSchedules(this.instanceStore, registry, options, this.logger);
    await this.instanceSchedules.start();
  }

  /** A queue whose worker runs gets further handlers; what belongs to its worker stays. */
  private extendQueues(): void {
    const { registry, supervisor } = this;
    for (const queue of registry.queues) {
      const settings = JSON.stringify([
        this.workerOptionsOf(queue),
        registry.inboxOf(queue),
        registry.retentionOf(queue),
      ]);
      const known = this.served.get(queue);
      this.served.set(queue, known ?? { size: 0, settings });
      const served = this.served.get(queue) as ServedQueue;
      const grown = registry.sizeOf(queue) > served.size;
      served.size = registry.sizeOf(queue);
      if (known === undefined || !grown) continue;
      supervisor.extend(queue);
      if (settings === served.settings) continue;
      served.settings = settings;
      this.logger.warn(
        `Queue "${queue}" has a worker already, and a handler that was loaded lazily gives it other options (concurrency, ` +
          `prefetch, lease, inbox or retention): those of the start stay. Give them under queues: { "${queue}": … } in forRoot.`,
      );
    }
  }

  private tellNoHeartbeat(): void {
    const consequence =
      `the main loop renews leases: default lease ${DEFAULTS.leaseWithoutHeartbeatMs} ms, and a handler that blocks longer ` +
      'loses its jobs';
    if (this.store.connection.capabilities.heartbeatForbidden)
      this.logger.warn(
        `The permission model of Node forbids the heartbeat thread, so ${consequence}. Start Node with --allow-worker.`,
      );
    else this.logger.log(`This connection cannot be handed to a heartbeat thread, so ${consequence}`);
  }

  /** Comes before the hooks of every other module: handlers that finish still have their providers and may enqueue. */
  onModuleDestroy(): Promise<void> {
    this.ending ??= this.end();
    return this.ending;
  }

  private workerOptionsOf(queue: string): ResolvedWorkerOptions {
    const { shared, heartbeat } = this.store.connection.capabilities;
    return this.registry.workerOptionsOf(
      queue,
      shared && !heartbeat ? DEFAULTS.leaseWithoutHeartbeatMs : DEFAULTS.worker.leaseMs,
    );
  }

  private async end(): Promise<void> {
    clearTimeout(this.hooksCheck);
    const { graceMs } = this.options;
    const endBy = performance.now() + graceMs + AFTER_GRACE_MS;
    this.supervisor.stopReserving();
    this.instanceSchedules?.stopReserving();
    // Neither is waited for while the grace runs: with the store away they end at their command's deadline.
    const duties = Promise.allSettled([this.scheduler?.stop(), this.maintenance?.stop()]);
    try {
      await Promise.all([this.supervisor.drain(graceMs), this.instanceSchedules?.drain(graceMs)]);
    } catch (error) {
      this.logger.error(`Draining failed: ${String(error)}`);
    }
    this.listeners.stop();
    await until(endBy, Promise.allSettled([duties, this.supervisor.close(), this.instanceSchedules?.close()]));
  }

  /** Without them a SIGTERM ends the process at once, and other workers find its jobs only when their leases end. */
  private tellMissingHooks(): void {
    if (!this.store.connection.capabilities.shared || this.registry.queues.length === 0) return;
    this.hooksCheck = setTimeout(() => {
      if (process.listenerCount('SIGTERM') > 0) return;
      this.logger.warn(
        'Nothing listens to SIGTERM, so running jobs are not drained on shutdown: call app.enableShutdownHooks().',
      );
    }, HOOKS_CHECK_MS);
    this.hooksCheck.unref();
  }
}

showMembers(TaskQueueLifecycle);

/** Waits for `work`, but no longer than the given instant (performance.now()). */
export async function until(instant: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.max(0, instant - performance.now()));
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
