import type { Logger } from '@nestjs/common';
import type { Store } from '../core/ports/store.js';
import type { BeatReply, HeldJob, Heartbeat, ReservedJob } from '../core/ports/worker-store.js';
import type { ResolvedWorkerOptions } from '../options/options.js';
import { Dispatcher, type RunContext } from './dispatcher.js';
import { DueTimer } from './due-timer.js';
import { HeldJobs } from './held-jobs.js';
import { LeaseKeeper } from './lease-keeper.js';
import { oncePerTick } from './once-per-tick.js';
import { Prefetcher } from './prefetcher.js';
import { Probes } from './probes.js';
import { Reconciler } from './reconciler.js';
import { RunObserver } from './run-observer.js';
import type { AbortReason } from './running-job.js';
import { SlotKeeper, type SlotRequest } from './slot-keeper.js';
import { WorkerSession, type TurnAnswer } from './worker-session.js';

export interface WorkerContext extends RunContext {
  store: Pick<Store, 'connection' | 'workers'>;
  workerId: string;
  settings: ResolvedWorkerOptions;
  logger: Pick<Logger, 'log' | 'warn' | 'error' | 'debug'>;
}

/**
 * The loop of one queue in one process: reserve → run → settle. It decides when a turn goes out; the parts that it wires do the
 * rest. Only {@link close} ends the loop: whatever the store answers, it backs off and goes on.
 */
export class Worker {
  private readonly session: WorkerSession;
  private readonly observer: RunObserver;
  private readonly held: HeldJobs;
  private readonly dispatcher: Dispatcher;
  private readonly slots: SlotKeeper;
  private readonly reconciler: Reconciler;
  private readonly lease: LeaseKeeper;
  private readonly due: DueTimer;
  private readonly probes = new Probes();
  /** Work may wait in the store: the next turn asks for it. */
  private hungry = true;
  /** Parked jobs may be those of a handler here: the next turn asks for them. */
  private adopt = true;
  private closed = false;
  private idleWaiters: (() => void)[] = [];

  /** Steps are decided at the end of a tick, so that what ends together settles together. */
  private readonly schedule = oncePerTick(() => {
    this.step();
    this.held.watch();
  });

  constructor(private readonly context: WorkerContext) {
    const { store, queue, settings, workerId, logger } = context;
    const { concurrency, leaseMs, prefetch } = settings;
    const { schedule } = this;
    const prefetcher = new Prefetcher(prefetch, concurrency);
    const observer = (this.observer = new RunObserver(queue, logger));
    const session = (this.session = new WorkerSession(store, {
      queue,
      worker: workerId,
      leaseMs,
      deadRetention: context.fallback.retention.dead,
      logger,
      onJobs: (jobs, reservedAt) => this.takeHandedOver(jobs, reservedAt),
      onWake: () => this.wake(),
      onUnregistered: () => {
        if (this.slots.free > 0 || this.slots.hasRequested) this.wake();
      },
      onDoubt: () => {
        this.hungry = true;
        this.reconcile();
      },
      onLost: (lost) => this.lose(lost),
      onBuried: (settlement) => observer.ended(settlement, undefined),
      holdsNothing: () => this.holdsNothing,
    }));
    const settle = session.settle.bind(session);
    const held = (this.held = new HeldJobs({ prefetch, prefetcher, settle, onGivenBack: schedule }));
    const dispatcher = (this.dispatcher = new Dispatcher(context, {
      concurrency,
      held,
      prefetcher,
      observer,
      settle,
      onRefused: schedule,
      onEnd: () => this.stepAfterEnd(),
      onLost: (lost) => {
        this.lose(lost);
        if (lost.length > 0) this.reconcile();
      },
    }));
    this.slots = new SlotKeeper({ concurrency, prefetcher, session, held, dispatcher });
    this.reconciler = new Reconciler(session, () => [...dispatcher.list(), ...held.list()], schedule);
    this.lease = new LeaseKeeper({
      workers: store.workers,
      queue,
      workerId,
      leaseMs,
      onCancelling: (ids) => this.cancel(ids),
      onLapse: () => this.reconcile(),
    });
    this.due = new DueTimer(
      () => store.connection.now(),
      () => this.wake(),
    );
  }

  get queue(): string {
    return this.context.queue;
  }

  /** @param heartbeat renews the lease from outside of the main loop, where the store has one */
  start(heartbeat: Heartbeat | undefined): void {
    this.lease.start(heartbeat);
    this.schedule();
  }

  /** The heartbeat was answered. */
  heed(reply: BeatReply): void {
    this.lease.heed(reply);
  }

  beatFromLoop(): void {
    this.lease.beatFromLoop();
  }

  /** When the store last answered a turn, with room for jobs or without, performance.now(); undefined before the first. */
  get lastAnsweredAt(): number | undefined {
    return this.probes.answeredAt;
  }

  /** Takes a turn, whatever there is to do; resolves when one is answered, or when the loop ends. */
  probe(): Promise<void> {
    if (this.closed) return Promise.resolve();
    this.schedule();
    return this.probes.add();
  }

  /** The store, or somebody else, says that there may be work; or that this job was reserved for this worker already. */
  wake(handed?: ReservedJob): void {
    if (handed !== undefined) return this.session.hear(handed);
    this.hungry = true;
    this.schedule();
  }

  /** Jobs of this name were parked; take them if a handler here knows it. */
  adoptParked(name: string | undefined): void {
    if (name !== undefined && this.context.handlers.find(name) === undefined) return;
    this.adopt = true;
    this.wake();
  }

  /** The queue was paused: what has not started goes back. */
  pause(): void {
    this.slots.pause();
    this.held.giveBack();
  }

  resume(): void {
    this.slots.resume();
    this.wake();
  }

  cancel(ids: readonly string[]): void {
    for (const id of this.dispatcher.cancel(ids)) this.held.cancel(id);
  }

  /** Compares with the store before the next turn: either side may know of jobs the other does not. */
  reconcile(): void {
    this.reconciler.request();
  }

  stopReserving(): void {
    this.slots.stopReserving();
    this.held.giveBack();
    this.session.stopReserving();
    this.schedule();
  }

  /** Resolves when nothing runs and everything is settled. */
  async drained(): Promise<void> {
    while (!this.isIdle) await new Promise<void>((resolve) => this.idleWaiters.push(resolve));
  }

  /** The grace is over: signals are aborted and what still runs goes back to the queue, no attempt burned. */
  releaseAll(reason: AbortReason): void {
    this.stopReserving();
    this.dispatcher.releaseAll(reason);
  }

  /** Ends the loop at once; what is not settled by now is left to the lease. */
  close(): void {
    this.closed = true;
    for (const part of [this.lease, this.dispatcher, this.held, this.due, this.reconciler]) part.stop();
    this.session.close();
    this.probes.end();
    this.announceIdle();
  }

  get isIdle(): boolean {
    if (this.closed) return true;
    return this.holdsNothing && !this.session.hasUnsettled && !this.slots.isTurning && !this.reconciler.isReconciling;
  }

  /** Ids of the jobs that run now, the longest first. */
  get runningIds(): string[] {
    return this.dispatcher.ids;
  }

  private get holdsNothing(): boolean {
    return this.dispatcher.size === 0 && this.held.size === 0;
  }

  private step(): void {
    const { hungry, probes, reconciler, session, slots } = this;
    if (this.closed || reconciler.isReconciling) return;
    if (reconciler.isDue) {
      if (!slots.isTurning) void reconciler.reconcile();
    } else if (session.isWorthATurn({ hungry, probing: probes.isDue, capacity: slots.capacity })) {
      void this.turn();
    } else {
      this.announceIdle();
    }
  }

  private stepAfterEnd(): void {
    this.hungry = true;
    // The turn that refills goes out while Node still works on the rest of what it holds.
    if (this.session.hasFullBatch(this.slots.capacity)) this.step();
    else this.schedule();
  }

  private async turn(): Promise<void> {
    const { handlers } = this.context;
    this.dispatcher.flushReports();
    // What asks for nothing because others have asked for all there is room for answers no wake-up.
    const hasRequested = this.slots.hasRequested;
    const request = this.slots.request();
    const { want, alone } = request;
    const adopt = this.adopt && want > 0 ? handlers.known : undefined;
    if (want > 0 || !hasRequested) this.hungry = false;
    if (want > 0) this.adopt = false;
    this.probes.begin();
    const answer = await this.session.turn({ want, alone, adopt });
    this.slots.end(request);
    if (answer === undefined) this.announceIdle();
    else this.take(request, answer);
  }

  private take(request: SlotRequest, answer: TurnAnswer): void {
    this.probes.answered();
    if (!this.holdsNothing && this.lease.mayHaveLapsed(answer.now)) this.reconciler.request();
    if (answer.renewed) this.lease.renewed(answer.now);
    this.observer.lost(answer.lost);
    this.observer.trimmedDead(answer.trimmedDead);
    if (this.closed) return; // nobody would end the timer for what is due next
    const mayAskAgain = this.slots.heed(request, answer);
    this.hungry ||= mayAskAgain || answer.more;
    this.held.add(answer.jobs);
    // Before a handler starts: it may block the loop for longer than the lease.
    this.lease.holds(!this.isIdle);
    this.due.arm(answer.nextDueAt);
    if (answer.cancelling.length > 0) this.cancel(answer.cancelling);
    if (!this.slots.takesJobs) this.held.giveBack();
    this.dispatcher.startHeld();
    this.schedule();
  }

  private takeHandedOver(jobs: readonly ReservedJob[], reservedAt: number): void {
    this.lease.renewed(reservedAt);
    this.held.add(jobs);
    this.lease.holds(true);
    if (!this.slots.mayStart) return this.held.giveBack();
    this.dispatcher.startHeld();
    this.held.watch();
  }

  /** Newer leases exist on these jobs: their runs here learn it, and count for nothing. */
  private lose(lost: readonly HeldJob[]): void {
    if (lost.length === 0) return;
    this.dispatcher.lose(lost);
    for (const job of lost) this.held.lose(job);
    this.wake();
  }

  private announceIdle(): void {
    if (!this.isIdle) return;
    this.lease.holds(false);
    if (this.idleWaiters.length === 0) return;
    const waiters = this.idleWaiters;
    this.idleWaiters = [];
    for (const resolve of waiters) resolve();
  }
}
