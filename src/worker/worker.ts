import type { Logger } from '@nestjs/common';
import { Bag } from '../core/bag.js';
import type {
  BeatReply,
  Broker,
  HeldJob,
  Heartbeat,
  Reservation,
  ReservedJob,
  Settlement,
  WorkerTurn,
} from '../core/broker.js';
import { inOwnScope } from '../core/own-scope.js';
import { nextTick, setImmediate } from '../core/real-timers.js';
import type { ResolvedWorkerOptions } from '../options/options.js';
import { DeathLog } from './death-log.js';
import type { HandlerTable } from './handler-plan.js';
import { isSettlement, JobRunner, type RunnerContext } from './job-runner.js';
import { LeaseKeeper } from './lease-keeper.js';
import { Prefetcher } from './prefetcher.js';
import { Reporter } from './reporter.js';
import type { AbortReason, RunningJob } from './running-job.js';
import { lengthOf, SettlementDivider, type Batch } from './settlement-divider.js';
import { release } from './settlements.js';
import { TimeoutSweeper } from './timeout-sweeper.js';

export interface WorkerContext extends Omit<RunnerContext, 'sink' | 'handlers' | 'now' | 'logger'> {
  broker: Broker;
  workerId: string;
  handlers: HandlerTable;
  settings: ResolvedWorkerOptions;
  payloadLimit: number;
  logger: Pick<Logger, 'log' | 'warn' | 'error' | 'debug'>;
}

/** One sequence of turns: the store remembers the last one of each. */
interface Lane {
  readonly lane: number;
  call: number;
  busy: boolean;
  /** What the turn under way told the store. */
  handedFence: number;
}

/** Turns under way at once: the store works on one while Node writes and runs the next. */
const LANES = 2;
/** Fewer settlements wait for the turn under way: a turn costs the store as much as several jobs. */
const LEAST_FLUSH = 5;
/** Of what a lane may hold: a little is left for Node to run while the turns of all lanes are under way. */
const FLUSH_SHARE = 0.95;
/** Most settlements in one turn: of small jobs that complete, as many take the store some 2 ms. */
const TURN_SETTLEMENTS = 500;
/** Text of one turn, in characters, either way: large payloads take as long as the store takes to copy them. */
const TURN_LENGTH = 1024 * 1024;
/** An envelope that the script looks up and writes behind a line is copied twice as often as one that is sent. */
const STORED_WEIGHT = 2;
/** Held jobs that none of the running ones made room for within this go back to the queue. */
const STALE_HOLD_MS = 25;
const LONGEST_TIMER_MS = 3_600_000;
/** Names that are remembered as warned of. */
const MOST_PARKED_NAMES = 1000;
const FIRST_BACKOFF_MS = 50;
const LONGEST_BACKOFF_MS = 2000;

/**
 * The loop of one queue in one process: reserve → run → settle. A turn beside another waits for settlements to pile up, so
 * batches make themselves. Only {@link close} ends the loop: whatever the store answers, it backs off and goes on.
 */
export class Worker {
  readonly queue: string;
  private readonly runner: JobRunner;
  private readonly reporter: Reporter;
  private readonly lease: LeaseKeeper;
  private readonly timeouts: TimeoutSweeper;
  private readonly prefetcher: Prefetcher;
  private readonly deaths: DeathLog;
  private readonly divider = new SettlementDivider();
  private readonly running = new Bag<RunningJob>();
  private held: ReservedJob[] = [];
  private settlements: Settlement[] = [];
  /** Of those among them that end a job whose envelope the store looks up: what that weighs, in characters. */
  private readonly storedWeights = new Map<Settlement, number>();
  private readonly lanes: Lane[] = Array.from({ length: LANES }, (_, lane) => ({
    lane,
    call: 0,
    busy: false,
    handedFence: 0,
  }));
  /** Jobs that the turns under way ask for: the room for them is taken. */
  private asked = 0;
  private doubting = false;
  /** Jobs handed over meanwhile. */
  private arrived: ReservedJob[] = [];
  /** An answer has told of all that this worker was given up to this fence. */
  private toldFence = 0;
  /** Of the last job that came by hand-over. */
  private handedFence = 0;
  /** Of those that came by hand-over and that a turn under way may bring again. */
  private readonly handedFences = new Set<number>();
  /** The store may have this worker down as one that has room. */
  private listed = false;
  private starting = false;
  private flushQueued = false;
  /** Work may wait in the store: the next turn asks for it. */
  private hungry = true;
  private adopt = true;
  private paused = false;
  /** Rises when the queue is resumed: the answer to an older turn may still say that it is paused. */
  private resumes = 0;
  private reserving = true;
  private closed = false;
  /** Runs a suspect: nothing else may run beside it. */
  private quarantined = false;
  /** Lets the running jobs end, so that a suspect can run alone. */
  private clearing = false;
  private dueTimer: NodeJS.Timeout | undefined;
  private dueAt = Infinity;
  private staleTimer: NodeJS.Timeout | undefined;
  private staleMark: ReservedJob | undefined;
  private outage = false;
  private readonly parkedNames = new Set<string>();
  /** What this worker holds and what the store says may differ. */
  private doubtful = false;
  private doubtTimer: NodeJS.Timeout | undefined;
  private idleWaiters: (() => void)[] = [];
  /** Lanes that wait before they try again. */
  private readonly pauses = new Set<() => void>();
  private answeredAt: number | undefined;
  /** Somebody wants to know whether a turn is answered. */
  private probing = false;
  private probes: (() => void)[] = [];

  private readonly onEnd = (job: RunningJob, settlement: Settlement): void => this.finish(job, settlement);
  /** Asked for from anywhere: a request that enqueues, a probe, a connection that answers. */
  private readonly onFlush = inOwnScope((): void => {
    this.flushQueued = false;
    this.turnIfNeeded();
    this.watchHeld();
  });

  constructor(private readonly context: WorkerContext) {
    const { broker, queue, payloadLimit, settings, workerId } = context;
    this.queue = queue;
    const onLost = (lost: readonly HeldJob[]): void => {
      this.lose(lost);
      if (lost.length > 0) this.reconcile();
    };
    this.reporter = new Reporter(broker, queue, context.codec, payloadLimit, context.redactor, onLost, context.logger);
    this.runner = new JobRunner({ ...context, now: () => broker.now(), sink: this.reporter });
    this.timeouts = new TimeoutSweeper((job) => this.timeOut(job));
    this.deaths = new DeathLog(queue, context.logger);
    this.prefetcher = new Prefetcher(settings.prefetch, settings.concurrency);
    this.lease = new LeaseKeeper({
      broker,
      queue,
      workerId,
      leaseMs: settings.leaseMs,
      held: () => this.heldJobs(),
      onCancelling: (ids) => this.cancel(ids),
      onLost: (ids) => this.lose(ids),
      onLapse: () => this.reconcile(),
    });
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
    return this.answeredAt;
  }

  /** Takes a turn, whatever there is to do; resolves when one is answered, or when the loop ends. */
  probe(): Promise<void> {
    if (this.closed) return Promise.resolve();
    this.probing = true;
    this.schedule();
    return new Promise((resolve) => this.probes.push(resolve));
  }

  /** The store, or somebody else, says that there may be work; or that this job was reserved for this worker already. */
  wake(handed?: ReservedJob): void {
    if (handed === undefined) {
      this.hungry = true;
      this.schedule();
    } else if (this.doubting) {
      this.arrived.push(handed); // the store may be giving it back as a job that nobody here holds
    } else {
      this.accept(handed);
    }
  }

  /** Jobs of this name were parked; take them if a handler here knows it. */
  adoptParked(name: string | undefined): void {
    if (name !== undefined && this.context.handlers.find(name) === undefined) return;
    this.adopt = true;
    this.wake();
  }

  /** The queue was paused: what has not started goes back. */
  pause(): void {
    this.paused = true;
    this.giveBackHeld();
  }

  resume(): void {
    this.paused = false;
    this.resumes++;
    this.wake();
  }

  cancel(ids: readonly string[]): void {
    const runs = this.runsByNumber();
    for (const id of ids) {
      const job = runs.get(id);
      if (job !== undefined) {
        job.abort('cancelled');
        continue;
      }
      const index = this.held.findIndex((reserved) => reserved.id === id);
      if (index < 0) continue;
      const [{ token }] = this.held.splice(index, 1);
      // It has not started: the store turns a release of a marked job into its cancellation.
      this.settlements.push(release(id, token));
      this.schedule();
    }
  }

  /** Compares with the store before the next turn: either side may know of jobs the other does not. */
  reconcile(): void {
    this.doubtful = true;
    this.schedule();
  }

  stopReserving(): void {
    this.reserving = false;
    this.giveBackHeld();
    if (this.hasNothingToTell) for (const end of this.pauses) end();
  }

  /** Resolves when nothing runs and everything is settled. */
  async drained(): Promise<void> {
    while (!this.isIdle) await new Promise<void>((resolve) => this.idleWaiters.push(resolve));
  }

  /** The grace is over: signals are aborted and what still runs goes back to the queue, no attempt burned. */
  releaseAll(reason: AbortReason): void {
    this.stopReserving();
    for (const job of [...this.running].sort((a, b) => a.startedAt - b.startedAt)) {
      if (job.ended) continue;
      job.abort(reason);
      if (job.ended) continue; // an Observable settles in its abort
      job.ended = true;
      this.finish(job, release(job.number, job.token));
    }
  }

  /** Ends the loop at once; what is not settled by now is left to the lease. */
  close(): void {
    this.closed = true;
    this.lease.stop();
    this.timeouts.stop();
    this.reporter.close();
    clearTimeout(this.dueTimer);
    clearTimeout(this.staleTimer);
    clearTimeout(this.doubtTimer);
    for (const end of this.pauses) end();
    this.endProbes();
    this.tellIdle();
  }

  get isIdle(): boolean {
    return this.closed || (this.hasNothingToTell && !this.isTurning);
  }

  /** Nothing runs here, and nothing waits to be settled: a drain need not wait for a store that is away. */
  private get hasNothingToTell(): boolean {
    return (
      this.running.size === 0 && this.held.length === 0 && this.settlements.length === 0 && this.divider.size === 0
    );
  }

  /** Ids of the jobs that run now, the longest first. */
  get runningIds(): string[] {
    return [...this.running].sort((a, b) => a.startedAt - b.startedAt).map(({ id }) => id);
  }

  /** By the number of their jobs: the newest run of each, should the lease of an older one have run out unnoticed. */
  private runsByNumber(): Map<string, RunningJob> {
    const runs = new Map<string, RunningJob>();
    for (const job of this.running) {
      const other = runs.get(job.number);
      if (other === undefined || job.fence > other.fence) runs.set(job.number, job);
    }
    return runs;
  }

  private heldJobs(): HeldJob[] {
    const jobs: HeldJob[] = [];
    for (const { number, token } of this.runsByNumber().values()) jobs.push({ id: number, token });
    for (const { id, token } of this.held) jobs.push({ id, token });
    for (const { id, token } of this.settlements) jobs.push({ id, token });
    for (const { id, token } of this.divider.waiting()) jobs.push({ id, token });
    return jobs;
  }

  /** Turns are decided at the end of a tick, so that what ends together settles together. */
  private schedule(): void {
    if (this.flushQueued) return;
    this.flushQueued = true;
    nextTick(this.onFlush);
  }

  private room(): number {
    if (!this.reserving || this.paused || this.quarantined) return 0;
    if (this.clearing) return this.isAlone ? 1 : 0;
    const free = Math.max(this.capacity - this.running.size - this.held.length - this.asked, 0);
    return Math.min(free, TURN_SETTLEMENTS, this.prefetcher.fitting(TURN_LENGTH));
  }

  private get capacity(): number {
    return this.context.settings.concurrency + this.prefetcher.target;
  }

  private get freeLane(): Lane | undefined {
    return this.lanes.find(({ busy }) => !busy);
  }

  private get isTurning(): boolean {
    return this.doubting || this.lanes.some(({ busy }) => busy);
  }

  private get isAlone(): boolean {
    return this.running.size === 0 && this.held.length === 0 && !this.isTurning;
  }

  private get isHungry(): boolean {
    // Paused or not: the store says whether it still is. Draining or not, as long as it may be listed: the wake-up was for
    // one that takes jobs, and the turn that takes this worker off the list passes it on.
    return this.hungry && (this.reserving || this.listed);
  }

  private turnIfNeeded(): void {
    if (this.closed || this.doubting) return;
    if (this.isTurning) {
      // Another one beside it, so that the store works on this batch while Node runs the next.
      if (!this.doubtful && this.settlements.length >= this.flushAt && this.freeLane) void this.turn();
    } else if (this.doubtful) void this.resolveDoubt();
    else if (this.settlements.length > 0 || this.divider.size > 0 || this.probing || this.isHungry) void this.turn();
    else this.tellIdle();
  }

  /** Never beside a turn: what the store hands out just then would look like something that nobody here holds. */
  private async resolveDoubt(): Promise<void> {
    this.doubting = true;
    this.doubtful = false;
    try {
      // No turn is under way: nothing up to this fence comes any more. It may be lower than one before a failover.
      this.toldFence = this.handedFence = await this.lease.reconcile();
    } catch {
      this.arrived = []; // given back or not: a turn brings again what still is this worker's
      // Turns go first; then the question is put again.
      clearTimeout(this.doubtTimer);
      if (!this.closed) this.doubtTimer = setTimeout(() => this.reconcile(), LONGEST_BACKOFF_MS);
    }
    this.doubting = false;
    const arrived = this.arrived;
    this.arrived = [];
    for (const handed of arrived) this.accept(handed);
    this.schedule();
  }

  /** A job that came by hand-over and not in an answer. */
  private accept(handed: ReservedJob): void {
    const { broker, settings } = this.context;
    // An answer tells of everything up to its fence: what it did not bring is not this worker's any more.
    if (this.closed || handed.fence <= this.toldFence) return;
    // It lay here while the loop stood still: the store says whether it still is this worker's.
    if (broker.now() - handed.fence / 1000 > settings.leaseMs / 4) {
      this.hungry = true;
      return this.reconcile();
    }
    if (!this.isNew(handed)) return;
    this.lease.renewed(Math.floor(handed.fence / 1000));
    this.held.push(handed);
    this.lease.holds(true);
    if (!this.reserving || this.paused || this.quarantined) return this.giveBackHeld();
    this.startHeld();
    this.watchHeld();
    // The store took this worker off its list, maybe after the turn under way had put it there.
    // What is quick has ended before this, and its settlement asks for more.
    setImmediate(() => {
      if (this.room() > 0 || this.asked > 0) this.wake();
    });
  }

  /** A job that was handed over comes by a message and in the answer of each turn that did not know of it. */
  private isNew({ fence }: ReservedJob): boolean {
    if (this.handedFences.has(fence)) return false;
    this.handedFences.add(fence);
    this.handedFence = Math.max(this.handedFence, fence);
    return true;
  }

  /** What every turn under way knew of does not come again. */
  private forgetHandedFences(): void {
    if (this.handedFences.size === 0) return;
    const busy = this.lanes.filter((lane) => lane.busy).map(({ handedFence }) => handedFence);
    const known = Math.min(this.handedFence, ...busy);
    for (const fence of this.handedFences) if (fence <= known) this.handedFences.delete(fence);
  }

  private async turn(): Promise<void> {
    this.reporter.flush();
    const batch = this.divider.size > 0 ? this.divider.take() : undefined;
    const settlements = batch?.settlements ?? this.takeSettlements();
    const want = this.room();
    const alone = this.isAlone;
    const resumes = this.resumes;
    // The first that is free: the store hands jobs to a worker whose first lane asked a moment ago.
    const lane = this.freeLane as Lane;
    lane.busy = true;
    lane.handedFence = this.handedFence;
    this.forgetHandedFences();
    const turn: WorkerTurn = {
      worker: this.context.workerId,
      lane: lane.lane,
      call: ++lane.call,
      leaseMs: this.context.settings.leaseMs,
      want,
      listed: this.listed,
      takesHanded: this.reserving,
      handedFence: this.handedFence,
      alone,
      adopt: this.adopt && want > 0 ? this.context.handlers.known : undefined,
      settlements,
    };
    // What asks for nothing because others have asked for all there is room for answers no wake-up.
    if (want > 0 || this.asked === 0) this.hungry = false;
    this.probing = false;
    if (want > 0) this.adopt = false;
    this.asked += want;
    const reservation = await this.untilAnswered(turn, batch);
    this.asked -= want;
    lane.busy = false;
    if (reservation === undefined) return this.tellIdle();
    this.take(turn, reservation, resumes === this.resumes);
  }

  /** As many as one script may carry: they hold the store up for as long as they are heavy. */
  private takeSettlements(): readonly Settlement[] {
    const all = this.settlements;
    let count = 0;
    let length = 0;
    while (count < all.length && count < TURN_SETTLEMENTS && (count === 0 || length < TURN_LENGTH)) {
      const settlement = all[count++];
      length += lengthOf(settlement);
      if (this.storedWeights.size > 0) length += this.takeStoredWeight(settlement);
    }
    this.settlements = count === all.length ? [] : all.slice(count);
    return count === all.length ? all : all.slice(0, count);
  }

  private takeStoredWeight(settlement: Settlement): number {
    const weight = this.storedWeights.get(settlement) ?? 0;
    this.storedWeights.delete(settlement);
    return weight;
  }

  /**
   * The same call again until the store answers it: it answers a repeated call as the first. One that it may refuse for what
   * the turn carries is made without that, under the same number; where this is answered, the rest is divided.
   */
  private async untilAnswered(turn: WorkerTurn, batch: Batch | undefined): Promise<Reservation | undefined> {
    let backoffMs = FIRST_BACKOFF_MS;
    let refusal: unknown;
    while (!this.closed) {
      try {
        const asked = refusal === undefined ? turn : { ...turn, settlements: [] };
        const reservation = await this.context.broker.settleAndReserve(this.queue, asked);
        if (this.outage) this.context.logger.log(`Queue "${this.queue}": the store answers again`);
        this.outage = false;
        if (refusal !== undefined) this.divide(turn, batch, refusal);
        return reservation;
      } catch (error) {
        if (this.closed) return undefined;
        if (refusal === undefined && this.divider.mayBlame(error, turn.settlements)) {
          refusal = error;
          continue;
        }
        refusal = undefined; // an empty turn is refused as well: it is the store
        // What it may have reserved goes back as the worker leaves, or by its lease.
        if (!this.reserving && turn.settlements.length === 0 && this.hasNothingToTell) return undefined;
        this.tellOutage(error);
        await this.pauseFor(backoffMs * (0.5 + Math.random() / 2));
        backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS);
      }
    }
    return undefined;
  }

  private tellOutage(error: unknown): void {
    const { broker, logger } = this.context;
    if (this.outage || broker.hasTold?.(error)) return;
    this.outage = true;
    logger.error(`Queue "${this.queue}": ${messageOf(error)} Trying again until it works.`);
  }

  private divide({ settlements }: WorkerTurn, batch: Batch | undefined, refusal: unknown): void {
    const { fallback, logger } = this.context;
    if (batch === undefined) {
      logger.warn(
        `Queue "${this.queue}": the store refuses ${settlements.length} settlement(s) together and takes other calls: ` +
          `${messageOf(refusal)} They are divided until the one is found that it refuses.`,
      );
    }
    const found = this.divider.divide(
      batch ?? { settlements, refusals: 0, isLast: false },
      refusal,
      fallback.retention.dead,
    );
    if (found === undefined) return;
    if ('buried' in found) this.deaths.tell(found.buried, undefined);
    else
      logger.error(`Queue "${this.queue}": the end of job "${found.dropped.id}" is not stored: ${messageOf(refusal)}`);
  }

  private take(turn: WorkerTurn, reservation: Reservation, isCurrent: boolean): void {
    const { jobs, fence } = reservation;
    this.toldFence = Math.max(this.toldFence, fence);
    if (jobs.length < turn.want) this.listed = true;
    else if (turn.listed) this.listed = false;
    this.answeredAt = performance.now();
    this.endProbes();
    const holdsOlder = this.running.size > 0 || this.held.length > 0;
    if (holdsOlder && this.lease.mayHaveLapsed(reservation.now)) this.doubtful = true;
    if (jobs.length > 0) this.lease.renewed(reservation.now);
    if (reservation.lost.length > 0) this.context.logger.warn(lostMessage(this.queue, reservation.lost));
    if (reservation.trimmedDead > 0) {
      this.context.logger.warn(`Queue "${this.queue}": retention trimmed ${reservation.trimmedDead} dead letters`);
    }
    if (this.closed) return; // nobody would end the timer for what is due next
    // Signals come over a connection of their own: this answer may have been overtaken by the one that ended the pause.
    const wasPaused = this.paused;
    this.paused = reservation.paused && isCurrent;
    if (wasPaused && !this.paused) this.hungry = true;
    const wasClearing = this.clearing;
    this.clearing = reservation.suspects && !turn.alone;
    if (wasClearing && !this.clearing) this.hungry = true; // the turns meanwhile asked for nothing
    for (const reserved of jobs) if (!reserved.handed || this.isNew(reserved)) this.held.push(reserved);
    this.prefetcher.weigh(jobs);
    // Before a handler starts: it may block the loop for longer than the lease.
    this.lease.holds(!this.isIdle);
    // A full answer, or a backlog left behind: there is more where this came from.
    this.hungry ||= turn.want > 0 && (jobs.length >= turn.want || reservation.backlog);
    this.armDue(reservation.nextDueAt);
    if (reservation.cancelling.length > 0) this.cancel(reservation.cancelling);
    if (!this.reserving || this.paused) this.giveBackHeld();
    this.startHeld();
    this.schedule();
  }

  /** Starts held jobs as far as concurrency goes; handlers that end at once make room while this goes on. */
  private startHeld(): void {
    if (this.starting) return; // a handler that ended at once: the loop below sees the room it made
    this.starting = true;
    try {
      this.startWhatFits();
    } finally {
      this.starting = false;
    }
  }

  private startWhatFits(): void {
    const { concurrency } = this.context.settings;
    while (this.held.length > 0 && this.running.size < concurrency && !this.quarantined) {
      const reserved = this.held.shift() as ReservedJob;
      const prepared = this.runner.prepare(reserved);
      if (isSettlement(prepared)) {
        this.push(prepared, reserved.envelope);
        if (prepared.op === 'bury') this.deaths.tell(prepared, undefined);
        if (prepared.op === 'park') this.warnOfParked(prepared.name);
        this.schedule();
      } else {
        this.startJob(prepared);
      }
    }
  }

  /** Once a name: a schedule without a handler parks a job at every tick. */
  private warnOfParked(name: string): void {
    if (this.parkedNames.has(name)) return;
    if (this.parkedNames.size < MOST_PARKED_NAMES) this.parkedNames.add(name);
    this.context.logger.warn(parkMessage(this.queue, name));
  }

  private startJob(job: RunningJob): void {
    this.running.add(job);
    if (job.crashes >= 2) this.quarantined = true;
    const timeoutMs = job.envelope.header.t ?? job.plan.settings.timeoutMs;
    if (timeoutMs !== undefined) this.timeouts.watch(job, timeoutMs);
    this.runner.run(job, this.onEnd);
  }

  private finish(job: RunningJob, settlement: Settlement): void {
    this.running.delete(job);
    if (job.crashes >= 2) {
      this.quarantined = false;
      this.hungry = true;
    }
    settlement.durationMs = performance.now() - job.startedAt;
    this.prefetcher.observe(settlement.durationMs);
    this.timeouts.forget(job);
    if (settlement.op === 'bury') this.deaths.tell(settlement, job);
    this.push(settlement, job.envelopeText);
    this.hungry = true;
    this.startHeld();
    // The turn that refills goes out while Node still works on the rest of what it holds.
    if (this.settlements.length >= this.flushAt) this.turnIfNeeded();
    else this.schedule();
  }

  /** @param stored the envelope that the store has of the job */
  private push(settlement: Settlement, stored: string): void {
    this.settlements.push(settlement);
    if (looksUpEnvelope(settlement)) this.storedWeights.set(settlement, stored.length * STORED_WEIGHT);
  }

  /** Settlements that are worth a turn of their own while others end. */
  private get flushAt(): number {
    return Math.max(LEAST_FLUSH, (this.capacity / LANES) * FLUSH_SHARE);
  }

  private timeOut(job: RunningJob): void {
    if (job.ended) return;
    const timeoutMs = job.envelope.header.t ?? job.plan.settings.timeoutMs ?? 0;
    job.abort('timeout');
    if (job.ended) return;
    job.ended = true;
    this.finish(job, this.runner.timedOut(job, timeoutMs));
  }

  /** Newer leases exist on these jobs: their runs here are told, and count for nothing. */
  private lose(lost: readonly HeldJob[]): void {
    if (lost.length === 0) return;
    const runs = this.runsByNumber();
    for (const { id: number, token } of lost) {
      const job = runs.get(number);
      // An answer about an older run says nothing about the one that runs now.
      if (job?.token === token) {
        job.ended = true;
        job.abort('lease-lost');
        this.running.delete(job);
        this.timeouts.forget(job);
        if (job.crashes >= 2) this.quarantined = false;
        this.context.logger.warn(lostMessage(this.queue, [number]));
      }
      this.held = this.held.filter((reserved) => reserved.id !== number || reserved.token !== token);
    }
    this.wake();
  }

  private giveBackHeld(): void {
    for (const { id, token } of this.held) this.settlements.push(release(id, token));
    this.held = [];
    this.schedule();
  }

  /** Held jobs behind handlers that turned out slow go back to the front, where another worker finds them. */
  private watchHeld(): void {
    if (this.held.length === 0 || this.context.settings.prefetch !== 'auto' || this.staleTimer !== undefined) return;
    this.staleMark = this.held[0];
    this.staleTimer = setTimeout(() => {
      this.staleTimer = undefined;
      if (this.held.length > 0 && this.held[0] === this.staleMark) {
        this.prefetcher.distrust(STALE_HOLD_MS);
        this.giveBackHeld();
      } else {
        this.watchHeld();
      }
    }, STALE_HOLD_MS);
  }

  private armDue(nextDueAt: number | undefined): void {
    if (nextDueAt === undefined || (this.dueTimer !== undefined && this.dueAt <= nextDueAt)) return;
    clearTimeout(this.dueTimer);
    this.dueAt = nextDueAt;
    const waitMs = Math.min(Math.max(nextDueAt - this.context.broker.now(), 0) + 1, LONGEST_TIMER_MS);
    this.dueTimer = setTimeout(() => {
      this.dueTimer = undefined;
      this.dueAt = Infinity;
      this.wake();
    }, waitMs);
  }

  private tellIdle(): void {
    if (!this.isIdle) return;
    this.lease.holds(false);
    if (this.idleWaiters.length === 0) return;
    const waiters = this.idleWaiters;
    this.idleWaiters = [];
    for (const resolve of waiters) resolve();
  }

  private endProbes(): void {
    const probes = this.probes;
    this.probes = [];
    for (const resolve of probes) resolve();
  }

  private pauseFor(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.pauses.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.pauses.add(end);
    });
  }
}

/** It ends the job and does not bring the envelope that is kept. */
function looksUpEnvelope(settlement: Settlement): boolean {
  if ((settlement as { envelope?: string }).envelope !== undefined) return false;
  return settlement.op === 'complete' || settlement.op === 'cancel' || settlement.op === 'bury';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function lostMessage(queue: string, ids: readonly string[]): string {
  const shown = ids.slice(0, 5).join(', ');
  return (
    `Queue "${queue}": the lease on ${ids.length} job(s) was lost (${shown}${ids.length > 5 ? ', …' : ''}); ` +
    'what their runs here did was not stored, another run decides'
  );
}

function parkMessage(queue: string, name: string): string {
  return `Queue "${queue}": no handler here knows job name "${name}"; the job is parked until a worker knows it`;
}
