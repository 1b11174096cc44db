import type { BeatReply, Heartbeat } from '../core/ports/worker-store.js';
import type { HeldJob, ReservedJob } from '../core/ports/worker-store.js';
import type { TurnAnswer } from '../core/ports/worker-store.js';
import type { Dispatcher } from './dispatcher.js';
import { oncePerTick } from './once-per-tick.js';
import { Probes } from './probes.js';
import type { AbortReason } from './running-job.js';
import type { SlotRequest } from './slot-keeper.js';
import { Waiters } from './waiters.js';
import { WorkerParts, type WorkerContext } from './worker-parts.js';

/**
 * The loop of one queue in one process: reserve → run → settle. It decides when a turn goes out; its parts do the rest. Only
 * {@link close} ends the loop: whatever the store answers, it goes on.
 */
export class Worker {
  private readonly parts: WorkerParts;
  private readonly probes = new Probes();
  private readonly idleWaiters = new Waiters();
  /** Work may wait in the store: the next turn asks for it. */
  private hungry = true;
  /** Parked jobs may be those of a handler here: the next turn asks for them. */
  private adopt = true;
  private closed = false;

  /** Steps are decided at the end of a tick, so that what ends together settles together. */
  private readonly schedule = oncePerTick(() => {
    this.step();
    this.parts.held.watch();
  });

  constructor(private readonly context: WorkerContext) {
    this.parts = new WorkerParts(context, {
      schedule: this.schedule,
      wake: () => this.wake(),
      cancel: (ids) => this.cancel(ids),
      onEnd: () => this.stepAfterEnd(),
      onHandedOver: (jobs, reservedAt) => this.takeHandedOver(jobs, reservedAt),
      onLost: (lost) => this.lose(lost),
    });
  }

  get queue(): string {
    return this.context.queue;
  }

  /** Resolves when no wake-up is missed any more. */
  listen(): Promise<void> {
    return this.parts.session.listen();
  }

  /** @param heartbeat renews the lease from outside of the main loop, where the store has one */
  start(heartbeat: Heartbeat | undefined): void {
    this.parts.lease.start(heartbeat);
    this.schedule();
  }

  /** The heartbeat was answered. */
  applyBeat(reply: BeatReply): void {
    this.parts.lease.applyBeat(reply);
  }

  beatFromLoop(): void {
    this.parts.lease.beatFromLoop();
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

  /** There may be work. */
  wake(): void {
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
    this.parts.slots.pause();
    this.parts.held.giveBack();
  }

  /** Jobs that wait for others, to be handled in one call, start without them. */
  startWaiting(): void {
    this.parts.dispatcher.startWaiting();
  }

  resume(): void {
    this.parts.slots.resume();
    this.wake();
  }

  cancel(ids: readonly string[]): void {
    const { dispatcher, held } = this.parts;
    for (const id of dispatcher.cancel(ids)) held.cancel(id);
  }

  /** Compares with the store before the next turn: either side may know of jobs the other does not. */
  reconcile(): void {
    this.parts.reconciler.request();
  }

  stopReserving(): void {
    const { held, session, slots } = this.parts;
    slots.stopReserving();
    held.giveBack();
    session.stopReserving();
    this.schedule();
  }

  /** Resolves when nothing runs and everything is settled. */
  async drained(): Promise<void> {
    while (!this.isIdle) await this.idleWaiters.add();
  }

  /** The grace is over: signals are aborted and what still runs goes back to the queue, no attempt burned. */
  releaseAll(reason: AbortReason): void {
    this.stopReserving();
    this.parts.dispatcher.releaseAll(reason);
  }

  /** Ends the loop at once; what is not settled by now is left to the lease. Resolves when no wake-up is listened to any more. */
  close(): Promise<void> {
    this.closed = true;
    this.parts.stop();
    const closing = this.parts.session.close();
    this.probes.end();
    this.announceIdle();
    return closing;
  }

  /** Nothing is left here: the store forgets the worker. */
  leave(): Promise<void> {
    return this.parts.session.leave();
  }

  get isIdle(): boolean {
    return this.closed || this.parts.isIdle;
  }

  /** What it runs now. */
  get load(): Pick<Dispatcher, 'slotsBusy' | 'runs'> {
    return this.parts.dispatcher;
  }

  private step(): void {
    const { reconciler, session, slots } = this.parts;
    if (this.closed || reconciler.isReconciling) return;
    if (reconciler.isDue) {
      if (!slots.isTurning) void reconciler.reconcile();
      return;
    }
    const need = { hungry: this.hungry, probing: this.probes.isDue, capacity: slots.capacity };
    if (session.isWorthATurn(need)) void this.turn();
    else this.announceIdle();
  }

  private stepAfterEnd(): void {
    const { session, slots } = this.parts;
    if (!session.hasRegisteredRoom) this.hungry = true;
    // The turn that refills goes out while Node still works on the rest of what it holds.
    if (session.hasFullBatch(slots.capacity)) this.step();
    else this.schedule();
  }

  private async turn(): Promise<void> {
    const { dispatcher, session, slots } = this.parts;
    dispatcher.flushReports();
    // What asks for nothing because others have asked for all there is room for answers no wake-up.
    const hasRequested = slots.hasRequested;
    const request = slots.request();
    const { want, alone } = request;
    const adopt = this.adopt && want > 0 ? this.context.handlers.known : undefined;
    if (want > 0 || !hasRequested) this.hungry = false;
    if (want > 0) this.adopt = false;
    this.probes.begin();
    const answer = await session.turn({ want, alone, adopt });
    slots.end(request);
    if (answer === undefined) this.announceIdle();
    else this.take(request, answer);
  }

  private take(request: SlotRequest, answer: TurnAnswer): void {
    const { dispatcher, due, held, lease, observer, reconciler, slots } = this.parts;
    this.probes.answered();
    if (!this.parts.holdsNothing && lease.mayHaveLapsed(answer.now)) reconciler.request();
    if (answer.renewed) lease.renewed(answer.now);
    observer.lost(answer.lost);
    observer.trimmedDead(answer.trimmedDead);
    if (this.closed) return; // nobody would end the timer for what is due next
    const mayAskAgain = slots.applyAnswer(request, answer);
    this.hungry ||= mayAskAgain || answer.more;
    // What was reserved before starts only as limits allow, here or elsewhere.
    if (slots.becameLimited) held.giveBack();
    held.add(answer.jobs);
    // Before a handler starts: it may block the loop for longer than the lease.
    lease.holds(!this.isIdle);
    due.arm(answer.nextDueAt);
    if (answer.cancelling.length > 0) this.cancel(answer.cancelling);
    if (!slots.takesJobs) held.giveBack();
    dispatcher.startHeld();
    // A suspect waits until nothing else runs: nothing waits for company meanwhile.
    if (answer.suspects && !request.alone) dispatcher.startWaiting();
    this.schedule();
  }

  private takeHandedOver(jobs: readonly ReservedJob[], reservedAt: number): void {
    const { dispatcher, held, lease, slots } = this.parts;
    lease.renewed(reservedAt);
    held.add(jobs);
    lease.holds(true);
    if (!slots.mayStart) return held.giveBack();
    dispatcher.startHeld();
    held.watch();
  }

  /** Newer leases exist on these jobs: their runs here learn it, and count for nothing. */
  private lose(lost: readonly HeldJob[]): void {
    if (lost.length === 0) return;
    this.parts.dispatcher.lose(lost);
    for (const job of lost) this.parts.held.lose(job);
    this.wake();
  }

  private announceIdle(): void {
    if (!this.isIdle) return;
    this.parts.lease.holds(false);
    this.idleWaiters.release();
  }
}
