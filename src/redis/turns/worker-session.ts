import type { Connection } from '../../core/ports/connection.js';
import type {
  BeatReply,
  HeldJob,
  TurnVerbs,
  Reservation,
  ReservedJob,
  RunReport,
  Settlement,
  WorkerTurn,
} from '../../core/ports/worker-store.js';
import type { SessionPlan, TurnAnswer, TurnNeed, TurnRequest, WorkerSession } from '../../core/ports/worker-store.js';
import { clearTimeout, setImmediate, setTimeout } from '../../process/real-timers.js';
import type { RedisQueue } from '../redis-queue.js';
import { HandOver } from './hand-over.js';
import { Lanes, LANES, type Lane } from './lanes.js';
import { SettlementOutbox, TURN_LENGTH, TURN_SETTLEMENTS } from './settlement-outbox.js';
import { TurnRepeater } from './turn-repeater.js';
import type { WakeUps } from './wake-ups.js';

/** Fewer settlements wait for the turn under way: a turn costs the store as much as several jobs. */
const LEAST_FLUSH = 5;
/** Of what a lane may hold: a little is left for Node to run while the turns of all lanes are under way. */
const FLUSH_SHARE = 0.95;
/**
 * A settlement waits so long for others while the worker has room and runs other jobs: it frees a slot that nobody needs yet, and
 * one turn settles several jobs at the price of one.
 */
const COMPANY_MS = 5;
/** Where somebody awaits results: a user may look at a page until then. */
const AWAITED_COMPANY_MS = 1;

/**
 * The turns of one worker on one queue in Redis: numbered calls in two lanes, repeated until they are answered. Jobs that come
 * twice, by a message and in answers, reach the worker once.
 */
export class RedisWorkerSession implements WorkerSession {
  private readonly outbox = new SettlementOutbox();
  private readonly handOver = new HandOver();
  private readonly lanes = new Lanes();
  private readonly repeater: TurnRepeater;
  /** Redis may list this worker as idle. */
  private registeredIdle = false;
  /** Jobs that Redis may hand over to this worker before its next turn. */
  private registeredRoom = 0;
  /** Runs while a settlement waits for others; `over` once it has waited. */
  private company: NodeJS.Timeout | 'over' | undefined;
  /** Somebody awaited results of the queue when it answered last. */
  private awaited = false;
  private reserving = true;
  private reconciling = false;
  private closed = false;
  /** Length of an envelope in the last answer that had some. */
  private averageLength = 0;

  constructor(
    queue: Pick<RedisQueue, 'settleAndReserve'>,
    private readonly verbs: Omit<TurnVerbs, 'settleAndReserve'>,
    private readonly connection: Pick<Connection, 'hasReported' | 'now'>,
    private readonly wakeUps: WakeUps,
    private readonly plan: SessionPlan,
  ) {
    this.repeater = new TurnRepeater(queue, connection, plan, this.outbox.divider, () => this.needsNoAnswer);
  }

  listen(): Promise<void> {
    return this.wakeUps.listen(this.plan.worker, this.plan.queue, (handed) => this.hear(handed));
  }

  settle(settlement: Settlement, stored: string): void {
    this.outbox.add(settlement, stored);
  }

  get hasUnsettled(): boolean {
    return !this.outbox.isEmpty;
  }

  get mostJobs(): number {
    if (this.averageLength === 0) return TURN_SETTLEMENTS;
    return Math.min(TURN_SETTLEMENTS, Math.max(1, Math.floor(TURN_LENGTH / this.averageLength)));
  }

  hasFullBatch(capacity: number): boolean {
    return this.outbox.size >= Math.max(LEAST_FLUSH, (capacity / LANES) * FLUSH_SHARE);
  }

  /** Beside another turn a batch of settlements is worth one: the store works on it while Node runs the next jobs. */
  isWorthATurn({ hungry, probing, capacity }: TurnNeed): boolean {
    if (this.lanes.isAnyBusy) return this.lanes.free !== undefined && this.hasFullBatch(capacity);
    if (!hungry && !probing && this.awaitsCompany) return false;
    // A worker that takes no more jobs still answers a wake-up while it may be registered as idle: the wake-up was for one
    // that takes jobs, and the turn that ends the registration passes it on.
    return probing || this.hasUnsettled || (hungry && (this.reserving || this.registeredIdle));
  }

  async turn(request: TurnRequest): Promise<TurnAnswer | undefined> {
    const batch = this.outbox.take();
    this.endCompany();
    const lane = this.lanes.free as Lane;
    lane.busy = true;
    lane.handedFence = this.handOver.lastFence;
    this.handOver.forget(this.lanes.handedFences);
    const turn: WorkerTurn = {
      worker: this.plan.worker,
      lane: lane.lane,
      call: ++lane.call,
      leaseMs: this.plan.leaseMs,
      want: request.want,
      listed: this.registeredIdle,
      takesHanded: this.reserving,
      handedFence: lane.handedFence,
      alone: request.alone,
      adopt: request.adopt,
      settlements: batch.settlements,
    };
    const reservation = await this.repeater.untilAnswered(turn, batch);
    lane.busy = false;
    return reservation && this.read(turn, reservation);
  }

  async reconcile(held: readonly HeldJob[]): Promise<void> {
    const { queue, worker, onLost } = this.plan;
    this.reconciling = true;
    try {
      const { lost, fence } = await this.verbs.reconcile(queue, worker, [...held, ...this.outbox.jobs()]);
      const lostIds = new Set(lost);
      onLost(held.filter(({ id }) => lostIds.has(id)));
      this.handOver.startFrom(fence);
    } catch (error) {
      this.handOver.takePostponed(); // given back or not: a turn brings again what still is this worker's
      throw error;
    } finally {
      this.reconciling = false;
      for (const handed of this.handOver.takePostponed()) this.accept(handed);
      // Jobs that were given back took room of the registration: a worker that believes to have some would ask for none.
      this.registeredRoom = 0;
      this.plan.onUnregistered();
    }
  }

  report(reports: readonly RunReport[]): Promise<{ lost: string[] }> {
    return this.verbs.report(this.plan.queue, reports);
  }

  beat(): Promise<BeatReply> {
    return this.verbs.beat(this.plan.queue, this.plan.worker, this.plan.leaseMs);
  }

  get hasRegisteredRoom(): boolean {
    return this.registeredRoom > 0;
  }

  stopReserving(): void {
    this.reserving = false;
    if (this.needsNoAnswer) this.repeater.hurry();
  }

  close(): Promise<void> {
    this.closed = true;
    this.endCompany();
    this.repeater.close();
    return this.wakeUps.unlisten(this.plan.worker, this.plan.queue);
  }

  leave(): Promise<void> {
    return this.verbs.leave(this.plan.queue, this.plan.worker);
  }

  /** What such a turn may have reserved goes back as the worker leaves, or by its lease. */
  private get needsNoAnswer(): boolean {
    return !this.reserving && this.outbox.isEmpty && this.plan.holdsNothing();
  }

  /** Few settlements of a worker that runs other jobs and can be handed more: they are not urgent. */
  private get awaitsCompany(): boolean {
    if (this.company === 'over' || !this.reserving || this.registeredRoom <= 0) return false;
    if (!this.hasUnsettled || this.outbox.size >= LEAST_FLUSH || this.plan.holdsNothing()) return false;
    this.company ??= setTimeout(
      () => {
        this.company = 'over';
        this.plan.onSettlementsDue();
      },
      this.awaited ? AWAITED_COMPANY_MS : COMPANY_MS,
    );
    return true;
  }

  private endCompany(): void {
    if (this.company !== 'over') clearTimeout(this.company);
    this.company = undefined;
  }

  private read(turn: WorkerTurn, { jobs, fence, backlog, awaited, ...answer }: Reservation): TurnAnswer {
    if (jobs.length < turn.want) this.registeredIdle = true;
    else if (turn.listed) this.registeredIdle = false;
    // Jobs may have been handed over behind this turn and have arrived before its answer.
    // Limits let nothing be handed over, and a slot that becomes free is one that others wait for.
    const room = turn.takesHanded && !answer.limited ? turn.want - jobs.length : 0;
    this.registeredRoom = Math.max(room, 0) - this.handOver.countAbove(fence);
    this.awaited = awaited;
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
      limited: answer.limited,
      trimmedDead: answer.trimmedDead,
    };
  }

  private hear(handed: ReservedJob | undefined): void {
    if (handed === undefined) this.plan.onWake();
    else if (this.reconciling) this.handOver.postpone(handed);
    else this.accept(handed);
  }

  /** A job that came by a message and not in an answer. */
  private accept(handed: ReservedJob): void {
    const { leaseMs, onDoubt, onJobs, onUnregistered } = this.plan;
    if (this.closed || this.handOver.isPast(handed)) return;
    const reservedAt = handed.fence / 1000;
    // The message lay here while the loop stood still: Redis says whether the job still is this worker's.
    if (this.connection.now() - reservedAt > leaseMs / 4) return onDoubt();
    if (!this.handOver.isNew(handed)) return;
    onJobs([handed], Math.floor(reservedAt));
    // The last one that the worker had room for ended its registration, maybe behind a turn under way.
    // What is quick has ended before this, and its settlement asks for more.
    if (--this.registeredRoom <= 0) setImmediate(onUnregistered);
  }
}

function averageLengthOf(jobs: readonly ReservedJob[]): number {
  return jobs.reduce((sum, { envelope, payload = '' }) => sum + envelope.length + payload.length, 0) / jobs.length;
}
