import type { Logger } from '@nestjs/common';
import type { Store } from '../core/ports/store.js';
import type { HeldJob, Reservation, ReservedJob, Settlement, WorkerTurn } from '../core/ports/worker-store.js';
import type { RetentionRule } from '../core/job.js';
import { setImmediate } from '../core/real-timers.js';
import { HandOver } from './hand-over.js';
import type { Batch } from './settlement-divider.js';
import { SettlementOutbox, TURN_LENGTH, TURN_SETTLEMENTS } from './settlement-outbox.js';

/** What a worker asks of one turn. */
export interface TurnRequest {
  /** Jobs to reserve, at most {@link WorkerSession.mostJobs}. */
  want: number;
  /** The worker runs and holds nothing else: it may be given one suspect (a job that crashed twice), alone. */
  alone: boolean;
  /** Take parked jobs of these names, too (`'*'`: of any name). */
  adopt: readonly string[] | '*' | undefined;
}

export interface TurnAnswer {
  /** Store time, ms. */
  now: number;
  /** What the worker is to run, each job once. */
  jobs: ReservedJob[];
  /** The store reserved something, and the worker's lease begins at {@link now}. */
  renewed: boolean;
  /** There is more where these jobs came from. */
  more: boolean;
  /** Settlements refused because a newer lease exists, or the job is gone. */
  lost: string[];
  /** Own active jobs that somebody asked to cancel. */
  cancelling: string[];
  paused: boolean;
  /** A suspect waits for a worker that holds nothing. */
  suspects: boolean;
  /** When the next scheduled job is due, store time in ms; only told when nothing was reserved. */
  nextDueAt: number | undefined;
  /** Dead letters that retention trimmed in this step: worth a warning. */
  trimmedDead: number;
}

export interface WorkerSessionPlan {
  queue: string;
  worker: string;
  leaseMs: number;
  /** How dead jobs are kept where their settlement does not say. */
  deadRetention: RetentionRule;
  logger: Pick<Logger, 'log' | 'warn' | 'error'>;
  /** Jobs were reserved for this worker outside of a turn, at this time of the store, ms. */
  onJobs: (jobs: readonly ReservedJob[], reservedAt: number) => void;
  /** There may be work. */
  onWake: () => void;
  /** Nobody wakes this worker any more: a turn registers it again, where it has room. */
  onUnregistered: () => void;
  /** What the worker holds and what the store says may differ: {@link WorkerSession.reconcile}, and then a turn. */
  onDoubt: () => void;
  /** Newer leases exist on these jobs. */
  onLost: (lost: readonly HeldJob[]) => void;
  /** The store refused the end of a job, which is dead instead. */
  onBuried: (settlement: Settlement & { op: 'bury' }) => void;
  /** Whether the worker neither runs nor holds a job. */
  holdsNothing: () => boolean;
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
const FIRST_BACKOFF_MS = 50;
const LONGEST_BACKOFF_MS = 2000;

/**
 * The turns of one worker on one queue: what ended is settled and new jobs are reserved, in numbered calls that are repeated
 * until the store answers them. Jobs that come twice, by hand-over or by a repeated answer, reach the worker once.
 */
export class WorkerSession {
  private readonly outbox = new SettlementOutbox();
  private readonly handOver = new HandOver();
  private readonly lanes: Lane[] = Array.from({ length: LANES }, (_, lane) => ({
    lane,
    call: 0,
    busy: false,
    handedFence: 0,
  }));
  /** The store may list this worker as one that has room. */
  private registeredIdle = false;
  private reserving = true;
  private reconciling = false;
  private closed = false;
  private outage = false;
  /** Length of an envelope in the last answer that had some. */
  private averageLength = 0;
  /** Lanes that wait before they try again. */
  private readonly pauses = new Set<() => void>();

  constructor(
    private readonly store: Pick<Store, 'connection' | 'workers'>,
    private readonly plan: WorkerSessionPlan,
  ) {}

  /**
   * The end of a run: the next turns carry it.
   * @param stored the envelope that the store has of the job
   */
  settle(settlement: Settlement, stored: string): void {
    this.outbox.add(settlement, stored);
  }

  /** Settlements wait for a turn. */
  get hasUnsettled(): boolean {
    return !this.outbox.isEmpty;
  }

  /** Most jobs that one turn may ask for, going by the size of the last ones. */
  get mostJobs(): number {
    if (this.averageLength === 0) return TURN_SETTLEMENTS;
    return Math.min(TURN_SETTLEMENTS, Math.max(1, Math.floor(TURN_LENGTH / this.averageLength)));
  }

  /**
   * Whether settlements wait that are worth a turn before the tick ends.
   * @param capacity jobs that the worker may run and hold
   */
  hasFullBatch(capacity: number): boolean {
    return this.outbox.size >= Math.max(LEAST_FLUSH, (capacity / LANES) * FLUSH_SHARE);
  }

  /**
   * Whether a turn may go out now. Beside another one it takes a batch of settlements: the store works on it while Node runs the
   * next jobs.
   */
  isWorthATurn({ hungry, probing, capacity }: { hungry: boolean; probing: boolean; capacity: number }): boolean {
    if (this.lanes.some(({ busy }) => busy)) return this.freeLane !== undefined && this.hasFullBatch(capacity);
    // A worker that takes no more jobs still answers a wake-up while it may be registered as idle: the wake-up was for one
    // that takes jobs, and the turn that ends the registration passes it on.
    return probing || this.hasUnsettled || (hungry && (this.reserving || this.registeredIdle));
  }

  /** Settles what ended, promotes what is due, reserves. Undefined when the worker closed before the store answered. */
  async turn({ want, alone, adopt }: TurnRequest): Promise<TurnAnswer | undefined> {
    const { worker, leaseMs } = this.plan;
    const batch = this.outbox.take();
    // The first that is free: the store hands jobs to a worker whose first lane asked a moment ago.
    const lane = this.freeLane as Lane;
    const handedFence = this.handOver.lastFence;
    lane.busy = true;
    lane.handedFence = handedFence;
    this.handOver.forget(this.lanes.filter(({ busy }) => busy).map((each) => each.handedFence));
    const turn: WorkerTurn = {
      worker,
      lane: lane.lane,
      call: ++lane.call,
      leaseMs,
      want,
      listed: this.registeredIdle,
      takesHanded: this.reserving,
      handedFence,
      alone,
      adopt,
      settlements: batch.settlements,
    };
    const reservation = await this.untilAnswered(turn, batch);
    lane.busy = false;
    return reservation && this.read(turn, reservation);
  }

  /** A message of the store: there may be work, or this job was reserved for this worker already. */
  hear(handed: ReservedJob | undefined): void {
    if (handed === undefined) this.plan.onWake();
    else if (this.reconciling) this.handOver.postpone(handed);
    else this.accept(handed);
  }

  /**
   * Compares what the worker holds with what the store thinks it holds. Never beside a turn: what the store hands out just then
   * would look like something that the worker does not hold.
   */
  async reconcile(held: readonly HeldJob[]): Promise<void> {
    const { queue, worker, onLost } = this.plan;
    this.reconciling = true;
    try {
      const { lost, fence } = await this.store.workers.reconcile(queue, worker, [...held, ...this.outbox.jobs()]);
      const lostIds = new Set(lost);
      onLost(held.filter(({ id }) => lostIds.has(id)));
      this.handOver.startFrom(fence);
    } catch (error) {
      this.handOver.takePostponed(); // given back or not: a turn brings again what still is this worker's
      throw error;
    } finally {
      this.reconciling = false;
      for (const handed of this.handOver.takePostponed()) this.accept(handed);
    }
  }

  /** The worker takes no more jobs: none is handed over to it from the next turn on. */
  stopReserving(): void {
    this.reserving = false;
    if (this.needsNoAnswer) for (const end of this.pauses) end();
  }

  /** Ends every repetition at once. */
  close(): void {
    this.closed = true;
    for (const end of this.pauses) end();
  }

  private get freeLane(): Lane | undefined {
    return this.lanes.find(({ busy }) => !busy);
  }

  /** A turn that carries nothing may stay unanswered: what it may have reserved goes back as the worker leaves, or by its lease. */
  private get needsNoAnswer(): boolean {
    return !this.reserving && this.outbox.isEmpty && this.plan.holdsNothing();
  }

  private read(turn: WorkerTurn, { jobs, fence, backlog, ...answer }: Reservation): TurnAnswer {
    if (jobs.length < turn.want) this.registeredIdle = true;
    else if (turn.listed) this.registeredIdle = false;
    if (jobs.length > 0) this.averageLength = averageLengthOf(jobs);
    return {
      now: answer.now,
      jobs: this.handOver.admit(jobs, fence),
      renewed: jobs.length > 0,
      more: turn.want > 0 && (jobs.length >= turn.want || backlog),
      lost: answer.lost,
      cancelling: answer.cancelling,
      paused: answer.paused,
      suspects: answer.suspects,
      nextDueAt: answer.nextDueAt,
      trimmedDead: answer.trimmedDead,
    };
  }

  /** A job that came by hand-over and not in an answer. */
  private accept(handed: ReservedJob): void {
    const { leaseMs, onDoubt, onJobs, onUnregistered } = this.plan;
    if (this.closed || this.handOver.isPast(handed)) return;
    const reservedAt = handed.fence / 1000;
    // It lay here while the loop stood still: the store says whether it still is this worker's.
    if (this.store.connection.now() - reservedAt > leaseMs / 4) return onDoubt();
    if (!this.handOver.isNew(handed)) return;
    onJobs([handed], Math.floor(reservedAt));
    // The store took this worker off its list, maybe after the turn under way had put it there.
    // What is quick has ended before this, and its settlement asks for more.
    setImmediate(onUnregistered);
  }

  /**
   * The same call again until the store answers it: it answers a repeated call as the first. One that it may refuse for what
   * the turn carries is made without that, under the same number; where this is answered, the rest is divided.
   */
  private async untilAnswered(turn: WorkerTurn, batch: Batch): Promise<Reservation | undefined> {
    const { divider } = this.outbox;
    let backoffMs = FIRST_BACKOFF_MS;
    let refusal: unknown;
    while (!this.closed) {
      try {
        const asked = refusal === undefined ? turn : { ...turn, settlements: [] };
        const reservation = await this.store.workers.settleAndReserve(this.plan.queue, asked);
        this.endOutage();
        if (refusal !== undefined) this.divide(batch, refusal);
        return reservation;
      } catch (error) {
        if (this.closed) return undefined;
        if (refusal === undefined && divider.mayBlame(error, turn.settlements)) {
          refusal = error;
          continue;
        }
        refusal = undefined; // an empty turn is refused as well: it is the store
        if (turn.settlements.length === 0 && this.needsNoAnswer) return undefined;
        this.beginOutage(error);
        await this.pauseFor(backoffMs * (0.5 + Math.random() / 2));
        backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS);
      }
    }
    return undefined;
  }

  private divide(batch: Batch, refusal: unknown): void {
    const { deadRetention, logger, onBuried, queue } = this.plan;
    if (!batch.isPart) {
      logger.warn(
        `Queue "${queue}": the store refuses ${batch.settlements.length} settlement(s) together and takes other calls: ` +
          `${messageOf(refusal)} They are divided until the one is found that it refuses.`,
      );
    }
    const found = this.outbox.divider.divide(batch, refusal, deadRetention);
    if (found === undefined) return;
    if ('buried' in found) onBuried(found.buried);
    else logger.error(`Queue "${queue}": the end of job "${found.dropped.id}" is not stored: ${messageOf(refusal)}`);
  }

  private beginOutage(error: unknown): void {
    if (this.outage || this.store.connection.hasTold?.(error)) return;
    this.outage = true;
    this.plan.logger.error(`Queue "${this.plan.queue}": ${messageOf(error)} Trying again until it works.`);
  }

  private endOutage(): void {
    if (!this.outage) return;
    this.outage = false;
    this.plan.logger.log(`Queue "${this.plan.queue}": the store answers again`);
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

function averageLengthOf(jobs: readonly ReservedJob[]): number {
  return jobs.reduce((sum, { envelope }) => sum + envelope.length, 0) / jobs.length;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
