import type { Logger } from '@nestjs/common';
import type { HeldJob, ReservedJob } from '../core/ports/worker-store.js';
import type { SessionPlan, WorkerSession } from '../core/ports/worker-store.js';
import type { RunTally } from '../core/run-tally.js';
import { inOwnScope } from '../process/own-scope.js';
import type { ResolvedWorkerOptions } from '../options/options.js';
import { BatchDispatcher } from './batch-dispatcher.js';
import { Dispatcher, type RunContext } from './dispatcher.js';
import { DueTimer } from './due-timer.js';
import { HeldJobs } from './held-jobs.js';
import { LeaseKeeper } from './lease-keeper.js';
import { Prefetcher } from './prefetcher.js';
import { Reconciler } from './reconciler.js';
import { RunObserver } from './run-observer.js';
import { SlotKeeper } from './slot-keeper.js';

export interface WorkerContext extends Omit<RunContext, 'session' | 'observer'> {
  openSession: (plan: SessionPlan) => WorkerSession;
  workerId: string;
  settings: ResolvedWorkerOptions;
  /** Counts the runs that end; undefined: nobody does. */
  tally?: RunTally | undefined;
  logger: Pick<Logger, 'log' | 'warn' | 'error' | 'debug'>;
}

/** What the parts ask of the worker's loop. */
export interface WorkerLoop {
  /** A step is due at the end of the tick. */
  schedule: () => void;
  /** There may be work. */
  wake: () => void;
  cancel: (ids: readonly string[]) => void;
  /** A run ended, and what fits in its place has started. */
  onEnd: () => void;
  /** Jobs were reserved outside of a turn, at this time of the store, ms. */
  onHandedOver: (jobs: readonly ReservedJob[], reservedAt: number) => void;
  /** Newer leases exist on these jobs. */
  onLost: (lost: readonly HeldJob[]) => void;
}

/** The parts of one worker, wired. */
export class WorkerParts {
  readonly session: WorkerSession;
  readonly observer: RunObserver;
  readonly held: HeldJobs;
  readonly dispatcher: Dispatcher;
  readonly slots: SlotKeeper;
  readonly reconciler: Reconciler;
  readonly lease: LeaseKeeper;
  readonly due: DueTimer;

  constructor(context: WorkerContext, loop: WorkerLoop) {
    const { queue, settings, workerId, logger, now } = context;
    const { concurrency, leaseMs, limits, prefetch } = settings;
    const { schedule, wake, cancel, onEnd, onLost } = loop;
    const reconcile = () => this.reconciler.request();
    const prefetcher = new Prefetcher(prefetch, concurrency);
    const observer = new RunObserver(queue, logger, context.tally, now);
    const session = context.openSession({
      queue,
      worker: workerId,
      leaseMs,
      deadRetention: context.fallback.retention.dead,
      logger,
      onWake: wake,
      // A message may come in the context of whoever opened its connection: handlers run in none.
      onJobs: inOwnScope(loop.onHandedOver),
      onUnregistered: () => {
        if (this.slots.free > 0 || this.slots.hasRequested) wake();
      },
      onSettlementsDue: schedule,
      onDoubt: () => {
        wake();
        reconcile();
      },
      onLost,
      onBuried: (settlement) => observer.ended(settlement, undefined),
      holdsNothing: () => this.holdsNothing,
    });
    const held = new HeldJobs({
      ...{ prefetch, prefetcher, session, onGivenBack: schedule },
      takeWaiting: () => this.dispatcher.takeWaiting(),
    });
    // Chosen once: where no handler takes batches, nothing looks for them.
    const dispatcher = new (context.handlers.largestBatch > 0 ? BatchDispatcher : Dispatcher)(
      { ...context, session, observer },
      {
        concurrency,
        held,
        prefetcher,
        onRefused: schedule,
        onEnd,
        onLost: (lost) => {
          onLost(lost);
          if (lost.length > 0) reconcile();
        },
      },
    );
    this.session = session;
    this.observer = observer;
    this.held = held;
    this.dispatcher = dispatcher;
    this.slots = new SlotKeeper({ prefetcher, session, held, dispatcher, limited: limits !== undefined });
    this.reconciler = new Reconciler(session, () => [...dispatcher.list(), ...held.list()], schedule);
    this.lease = new LeaseKeeper({ session, queue, leaseMs, onCancelling: cancel, onLapse: reconcile });
    this.due = new DueTimer(now, wake);
  }

  /** Neither runs nor holds a job. */
  get holdsNothing(): boolean {
    return this.dispatcher.size === 0 && this.held.size === 0;
  }

  /** Nothing runs, everything is settled, and no call is under way. */
  get isIdle(): boolean {
    const { reconciler, session, slots } = this;
    return this.holdsNothing && !session.hasUnsettled && !slots.isTurning && !reconciler.isReconciling;
  }

  stop(): void {
    for (const part of [this.lease, this.dispatcher, this.held, this.due, this.reconciler]) part.stop();
  }
}
