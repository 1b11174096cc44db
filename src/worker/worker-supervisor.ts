import { randomBytes } from 'node:crypto';
import type { Logger } from '@nestjs/common';
import type { Unsubscribe } from '../core/ports/connection.js';
import type { QueueSignal } from '../core/ports/notices.js';
import type { Store } from '../core/ports/store.js';
import type { Heartbeat } from '../core/ports/worker-store.js';
import type { Handler } from '../core/handler.js';
import type { Job } from '../core/job-view.js';
import { ConfigurationError } from '../core/errors/option-errors.js';
import type { RunTally } from '../core/run-tally.js';
import { LogLine } from '../core/log-line.js';
import { inOwnScope } from '../process/own-scope.js';
import { DEFAULTS } from '../options/defaults.js';
import type { GivenJobOptions, ResolvedOptions, ResolvedWorkerOptions } from '../options/options.js';
import type { RetentionRules } from '../core/job.js';
import { HandlerTable, settingsOf, type HandlerPlan } from './handler-plan.js';
import { InboxFeeder } from './inbox-feeder.js';
import { OwnRules } from './own-rules.js';
import { StrayRejections } from './stray-rejections.js';
import { Worker } from './worker.js';

export interface WorkerSupervisorContext {
  store: Pick<Store, 'connection' | 'intake' | 'notices' | 'workers'>;
  options: ResolvedOptions;
  handlersOf: (queue: string) => readonly Handler<Job>[];
  workerOptionsOf: (queue: string) => ResolvedWorkerOptions;
  processorJobOptionsOf: (handler: Handler<Job>) => GivenJobOptions | undefined;
  /** What the queue keeps of all its jobs; by default each job's own settings. */
  retentionOf?: (queue: string) => RetentionRules;
  /** A job of this queue ends that keeps fewer records of its own kind than the queue does. */
  onOwnRule?: (queue: string) => void;
  /** Counts the runs of a queue that end; by default nobody does. */
  tallyOf?: (queue: string) => RunTally;
  /** The plain list that feeds this queue, if any. */
  inboxOf: (queue: string) => string | undefined;
  logger: Pick<Logger, 'log' | 'warn' | 'error' | 'debug'>;
}

/** The workers of this process, one a queue, from the app's start to its end. */
export class WorkerSupervisor {
  /** Random per start, never a host name: two processes with one name would share leases. */
  readonly workerId = randomBytes(9).toString('base64url').replaceAll('-', '0').replaceAll('_', '1');
  private readonly workers = new Map<string, Worker>();
  private readonly ownRules = new Map<string, OwnRules>();
  private readonly feeders: InboxFeeder[] = [];
  private readonly unsubscribes: Unsubscribe[] = [];
  private readonly strays: StrayRejections;
  private readonly tables = new Map<string, HandlerTable>();
  /** One for the queues of the boot, and one for each time that others came later. */
  private readonly heartbeats = new Set<Heartbeat>();
  private started = false;
  private stopped = false;

  constructor(private readonly context: WorkerSupervisorContext) {
    this.strays = new StrayRejections(context.logger);
  }

  /** Starts the workers of these queues; again with more of them where handlers came later. */
  async start(queues: Iterable<string>): Promise<void> {
    const { store } = this.context;
    const added = [...queues].filter((queue) => !this.workers.has(queue));
    if (added.length === 0) return;
    const subscriptions: Promise<Unsubscribe>[] = [];
    const workers = added.map((queue) => {
      const worker = this.createWorker(queue);
      this.workers.set(queue, worker);
      subscriptions.push(
        store.notices.onSignal(
          queue,
          inOwnScope((signal) => this.applySignal(worker, signal)),
        ),
      );
      return worker;
    });
    // Its thread starts while the subscriptions are on their way.
    const heartbeat = this.startHeartbeat(added);
    // Side by side: an app may have a hundred queues.
    const noted = subscriptions.map(async (each) => this.unsubscribes.push(await each));
    try {
      await Promise.all([...noted, ...workers.map((worker) => worker.listen())]);
    } catch (error) {
      await heartbeat?.stop();
      if (heartbeat !== undefined) this.heartbeats.delete(heartbeat);
      for (const queue of added) this.workers.delete(queue);
      void Promise.allSettled(workers.map((worker) => worker.close()));
      throw error;
    }
    if (this.stopped) return; // the app began to close while it started
    this.strays.watch();
    // The thread may have failed meanwhile.
    for (const worker of workers) worker.start(heartbeat && this.heartbeats.has(heartbeat) ? heartbeat : undefined);
    this.started = true;
    for (const queue of added) {
      const inbox = this.context.inboxOf(queue);
      if (inbox === undefined) continue;
      const feeder = new InboxFeeder(store.intake, store.connection, queue, inbox, this.context.logger);
      this.feeders.push(feeder);
      feeder.start();
    }
  }

  /** Handlers that came later for a queue that has a worker already; its parked jobs may be theirs. */
  extend(queue: string): void {
    const table = this.tables.get(queue);
    const plans = this.plansOf(queue);
    const late = plans.find(({ handler }) => handler.batch !== undefined);
    if (table?.largestBatch === 0 && late !== undefined) {
      throw new ConfigurationError(
        `${late.handler.label} takes batches and was loaded lazily, and queue "${queue}" has a worker already, which takes jobs one ` +
          'by one. Import its module at the start, or give it a queue of its own.',
      );
    }
    table?.replace(plans);
    this.workers.get(queue)?.adoptParked(undefined);
  }

  /** Jobs that wait for others, to be handled in one call, start without them. */
  startWaiting(): void {
    for (const worker of this.workers.values()) worker.startWaiting();
  }

  /** Ready, due or parked jobs were seen in the store. */
  wake(queue: string, parked: boolean): void {
    const worker = this.workers.get(queue);
    if (parked) worker?.adoptParked(undefined);
    else worker?.wake();
  }

  /** Reserves nothing more, from this moment on; what runs goes on. */
  stopReserving(): void {
    this.stopped = true;
    for (const feeder of this.feeders) feeder.stop();
    for (const worker of this.workers.values()) worker.stopReserving();
  }

  /** Waits for running jobs; after `graceMs` their signals are aborted and they go back to the queue. */
  async drain(graceMs: number): Promise<void> {
    this.stopReserving();
    const workers = [...this.workers.values()];
    const drained = Promise.all(workers.map((worker) => worker.drained()));
    if (await settlesWithin(drained, graceMs)) return;
    const left = workers
      .filter((worker) => !worker.isIdle)
      .map(({ queue, load: { runs } }) => ({
        queue,
        jobs: runs.length,
        jobIds: runs.slice(0, IDS_IN_LOG).map(({ id }) => id),
      }));
    const named = left.map(({ queue, jobs, jobIds }) => `${queue}${listOf(jobIds, jobs)}`);
    this.context.logger.warn(
      new LogLine('warn', `Shutdown grace of ${graceMs} ms is over: running jobs of ${named.join(', ')} are released`, {
        reason: 'shutdown',
        graceMs,
        queues: left,
      }),
    );
    for (const worker of workers) worker.releaseAll('shutdown');
    // While the store is unreachable nothing can be released: other workers take the jobs when the leases end.
    await settlesWithin(drained, RELEASE_MS);
  }

  /** Leaves the store's lists and ends every loop. Nothing here waits longer than a moment. */
  async close(): Promise<void> {
    this.stopReserving();
    const leaves = [...this.workers.values()].map(async (worker) => {
      const { isIdle } = worker;
      await Promise.all([worker.close(), isIdle ? worker.leave() : undefined]);
    });
    const ends = [...leaves, ...this.unsubscribes.map((unsubscribe) => unsubscribe())];
    for (const heartbeat of this.heartbeats) ends.push(heartbeat.stop());
    await settlesWithin(Promise.allSettled(ends), RELEASE_MS);
    this.workers.clear();
    this.strays.unwatch();
  }

  /** Takes part in health: `starting` until every worker was started, `stopping` from the app's wish to close on. */
  get phase(): 'starting' | 'running' | 'stopping' {
    if (this.stopped) return 'stopping';
    return this.started ? 'running' : 'starting';
  }

  get queues(): string[] {
    return [...this.workers.keys()];
  }

  /** What the workers of this process do now. */
  get loads() {
    return [...this.workers.values()].map(({ queue, load: { slotsBusy, runs } }) => ({
      queue,
      slots: this.context.workerOptionsOf(queue).concurrency,
      slotsBusy,
      names: this.tables.get(queue)?.names ?? [],
      runs,
    }));
  }

  /** The own retention of jobs of a queue; undefined where no worker of it runs here. */
  ownRulesOf(queue: string): OwnRules | undefined {
    return this.ownRules.get(queue);
  }

  /** When the store last answered the worker of a queue, performance.now(). */
  lastAnsweredAt(queue: string): number | undefined {
    return this.workers.get(queue)?.lastAnsweredAt;
  }

  /** Makes the worker ask the store now; resolves when it was answered. */
  async probe(queue: string): Promise<void> {
    await this.workers.get(queue)?.probe();
  }

  private startHeartbeat(queues: readonly string[]): Heartbeat | undefined {
    const { store, logger, workerOptionsOf } = this.context;
    const heartbeat = store.workers.startHeartbeat?.({
      worker: this.workerId,
      leases: queues.map((queue) => ({ queue, leaseMs: workerOptionsOf(queue).leaseMs })),
      stallLimitMs: DEFAULTS.stallLimitMs,
      onBeat: (queue, reply) => this.workers.get(queue)?.applyBeat(reply),
      onStalled: (forMs) => {
        logger.error(
          `The event loop stood still for ${forMs} ms: a handler blocked it, and its jobs were given to other workers`,
        );
      },
      onFailure: (error) => {
        logger.error(
          `The heartbeat thread ended (${error.message}): leases are renewed from the main loop from now on`,
        );
        if (heartbeat !== undefined) this.heartbeats.delete(heartbeat);
        for (const queue of queues) this.workers.get(queue)?.beatFromLoop();
      },
    });
    if (heartbeat !== undefined) this.heartbeats.add(heartbeat);
    return heartbeat;
  }

  private createWorker(queue: string): Worker {
    const { store, options, logger, workerOptionsOf, retentionOf, onOwnRule } = this.context;
    const handlers = new HandlerTable(this.plansOf(queue));
    this.tables.set(queue, handlers);
    const retention = retentionOf?.(queue);
    if (retention !== undefined) this.ownRules.set(queue, new OwnRules(handlers, retention));
    return new Worker({
      openSession: (plan) => store.workers.openSession(plan),
      now: () => store.connection.now(),
      queue,
      workerId: this.workerId,
      handlers,
      retention,
      onOwnRule: onOwnRule && (() => onOwnRule(queue)),
      codec: options.codec,
      redactor: options.redactor,
      backoffs: options.backoffs,
      resultLimit: options.payloadLimit,
      payloadLimit: options.payloadLimit,
      fallback: settingsOf(queue, options, undefined),
      settings: workerOptionsOf(queue),
      tally: this.context.tallyOf?.(queue),
      logger,
    });
  }

  private plansOf(queue: string): HandlerPlan[] {
    const { options, handlersOf, processorJobOptionsOf } = this.context;
    return handlersOf(queue).map((handler) => ({
      handler,
      settings: settingsOf(queue, options, processorJobOptionsOf(handler)),
    }));
  }

  private applySignal(worker: Worker, signal: QueueSignal): void {
    switch (signal.type) {
      case 'paused':
        return worker.pause();
      case 'resumed':
        return worker.resume();
      case 'cancel':
        return worker.cancel([signal.id]);
      case 'parked':
        return worker.adoptParked(signal.name);
      case 'schedules':
        return; // the scheduler listens for itself
      case 'resync':
        worker.resume(); // the store says whether it is paused
        worker.adoptParked(undefined);
        worker.reconcile();
        return;
    }
  }
}

/** Time for releasing what the grace left over, inside the second that shutdown may take beyond it. */
const RELEASE_MS = 700;
const IDS_IN_LOG = 10;

/** The first ids in brackets, and how many others there are. */
function listOf(ids: readonly string[], jobs: number): string {
  if (jobs === 0) return '';
  const more = jobs > ids.length ? `, +${jobs - ids.length} more` : '';
  return ` (${ids.join(', ')}${more})`;
}

async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
