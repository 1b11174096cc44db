import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { LazyModuleLoader, ModulesContainer } from '@nestjs/core';
import { INSTANCE_STORE, STORE, TASK_QUEUE_OPTIONS } from '../core/constants.js';
import { openScope } from '../process/own-scope.js';
import { UnknownQueueError } from '../core/errors/enqueue-errors.js';
import type { Store } from '../core/ports/store.js';
import { showMembers } from '../core/shown-members.js';
import { RunTally } from '../core/run-tally.js';
import { AlertWatch } from '../alerts/alert-watch.js';
import { Beacon } from '../inspector/beacon.js';
import { Recorder } from '../inspector/recorder.js';
import { AlertDispatcher } from '../discovery/alert-dispatcher.js';
import { guardLogger } from '../discovery/guarded-logger.js';
import { HandlerRegistry } from '../discovery/handler-registry.js';
import { ListenerDispatcher } from '../discovery/listener-dispatcher.js';
import type { QueueEventListener } from '../discovery/listener-reader.js';
import { EVERY_QUEUE } from '../options/alert-rules.js';
import type { ResolvedOptions } from '../options/options.js';
import { QueueService } from '../queue/queue.service.js';
import { TaskQueueHealth } from '../worker/task-queue-health.js';
import { Engine } from './engine.js';
import { AppQueues } from './known-queues.js';
import { InstanceHandlers } from './instance-handlers.js';
import { afterLazyLoads } from './late-modules.js';
import { collectRegistrations } from './registrations.js';
import { closeStores } from './store-closer.js';
import { until } from './until.js';

/** What shutdown may take beyond the grace, with some of that second left to Redis and to Nest. */
const AFTER_GRACE_MS = 800;
/** Users enable shutdown hooks before or right after `listen()`. */
const HOOKS_CHECK_MS = 1000;

/**
 * Starts what works in the background when the whole app has initialised, and ends it before any provider of the app is
 * destroyed: its module stands innermost in the order of hooks.
 */
@Injectable()
export class TaskQueueLifecycle implements OnApplicationBootstrap, OnModuleDestroy {
  /** On the app's store; never started in a producer. */
  readonly engine: Engine;
  /** On the store of schedules with `scope: 'instance'`; never started where there are none. */
  readonly instanceEngine: Engine;
  readonly health: TaskQueueHealth;
  private readonly logger = guardLogger(new Logger('TaskQueueModule'));
  private readonly listeners: ListenerDispatcher;
  private readonly beacon: Beacon;
  private readonly recorder: Recorder;
  /** Also in a producer: who else would notice that no worker is left. */
  private readonly alerts: AlertWatch;
  /** Of each queue that is worked on here. */
  private readonly tallies = new Map<string, RunTally>();
  private readonly subscribed = new Set<QueueEventListener>();
  private hooksCheck: NodeJS.Timeout | undefined;
  private started = false;
  private ending: Promise<void> | undefined;

  constructor(
    @Inject(TASK_QUEUE_OPTIONS) private readonly options: ResolvedOptions,
    @Inject(STORE) private readonly store: Store,
    @Inject(INSTANCE_STORE) instanceStore: Store,
    private readonly registry: HandlerRegistry,
    private readonly queues: QueueService,
    loader: LazyModuleLoader,
    private readonly modules: ModulesContainer,
  ) {
    const { logger } = this;
    afterLazyLoads(loader, () => this.takeLateModules());
    this.listeners = new ListenerDispatcher((queue) => queues.events(queue), logger);
    this.engine = new Engine({
      store,
      options,
      handlers: registry,
      app: options.app,
      tallyOf: (queue) => this.tallyOf(queue),
      onBulks: (queue) => queues.bulkExecutors.expect(queues.scopeOf(queue)),
      logger,
    });
    queues.bulkExecutors.id = this.engine.supervisor.workerId;
    this.instanceEngine = new Engine({
      store: instanceStore,
      options,
      handlers: new InstanceHandlers(registry),
      logger,
    });
    this.beacon = new Beacon({
      store,
      options,
      id: this.engine.supervisor.workerId,
      queues: () => new AppQueues(options, registry).names(),
      loads: () => this.engine.supervisor.loads,
      logger,
    });
    this.recorder = new Recorder({
      ...{ store, id: this.engine.supervisor.workerId, version: options.version, logger },
      tallies: () => this.tallies,
    });
    this.alerts = new AlertWatch({
      ...{ store, logger, app: options.app, rules: options.alerts, id: this.engine.supervisor.workerId },
      audience: new AlertDispatcher(() => registry.alertListeners, logger),
    });
    this.health = new TaskQueueHealth(
      store.connection,
      this.engine.supervisor,
      () => options.role !== 'producer' && registry.queues.length > 0,
    );
  }

  async onApplicationBootstrap(): Promise<void> {
    if (this.ending) return;
    const { store, logger, options, registry } = this;
    this.started = true;
    try {
      refuseUnknownQueues(options, new AppQueues(options, registry));
      await this.startNew();
    } catch (error) {
      await this.onModuleDestroy(); // an app that does not start calls no hook that would
      await closeStores(store);
      throw error;
    }
    store.connection.bootEnded?.();
    this.beacon.start();
    if (options.alerts.length > 0) this.alerts.start();
    if (options.role !== 'producer') this.recorder.start();
    if (options.role === 'producer' || registry.queues.length === 0) return;
    logger.debug(`This process works as ${this.engine.supervisor.workerId}`);
    if (store.connection.capabilities.shared) this.warnOfMissingHooks();
  }

  /** Comes before the hooks of every other module: handlers that finish still have their providers and may enqueue. */
  onModuleDestroy(): Promise<void> {
    this.ending ??= this.end();
    return this.ending;
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

  /** Starts everything at boot, and later the handlers of modules that were loaded lazily. */
  private async startNew(): Promise<void> {
    if (!this.started || this.ending) return;
    const { registry, subscribed } = this;
    this.listeners.start(registry.listeners.filter((listener) => !subscribed.has(listener)));
    for (const listener of registry.listeners) subscribed.add(listener);
    if (this.options.role === 'producer') return;
    await this.engine.start();
    if (registry.instanceSchedules.length > 0) await this.instanceEngine.start();
  }

  private tallyOf(queue: string): RunTally {
    let tally = this.tallies.get(queue);
    if (tally === undefined) this.tallies.set(queue, (tally = new RunTally()));
    return tally;
  }

  private async end(): Promise<void> {
    clearTimeout(this.hooksCheck);
    const { graceMs } = this.options;
    const engines = [this.engine, this.instanceEngine];
    const endBy = performance.now() + graceMs + AFTER_GRACE_MS;
    for (const engine of engines) engine.stopReserving();
    try {
      await until(
        endBy,
        Promise.all([this.queues.bulkExecutors.stop(), ...engines.map((engine) => engine.drain(graceMs))]),
      );
    } catch (error) {
      this.logger.error(`Draining failed: ${String(error)}`);
    }
    this.listeners.stop();
    await until(
      endBy,
      Promise.allSettled([
        this.beacon.stop(),
        this.recorder.stop(),
        this.alerts.stop(),
        ...engines.map((engine) => engine.close()),
      ]),
    );
  }

  /** Without them a SIGTERM ends the process at once, and other workers find its jobs only when their leases end. */
  private warnOfMissingHooks(): void {
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

/** A rule about a queue whose name is misspelt would never fire. @throws UnknownQueueError */
function refuseUnknownQueues({ alerts }: ResolvedOptions, queues: AppQueues): void {
  for (const { queue } of alerts) {
    if (queue === '' || queue === EVERY_QUEUE || queues.has(queue)) continue;
    throw new UnknownQueueError(queue, queues.names(), queues.areComplete);
  }
}
