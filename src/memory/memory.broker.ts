import type {
  AnnouncedSchedule,
  Announcement,
  BeatReply,
  Broker,
  BrokerEvent,
  CancelAnswer,
  ComingTick,
  DueSchedules,
  EndPage,
  EnqueueReceipt,
  FireAnswer,
  HeldJob,
  JobEnd,
  JobPage,
  NewJob,
  NewSchedule,
  QueueCounts,
  QueueSignal,
  ReclaimReply,
  Reconciliation,
  RegisterAnswer,
  Reservation,
  ResumeAnswer,
  RunReport,
  ScheduledJob,
  ScheduleFire,
  SchedulePage,
  ScheduleRun,
  SettledNotice,
  StoredJob,
  StoredSchedule,
  StoreFacts,
  Unsubscribe,
  WorkerTurn,
} from '../core/broker.js';
import type { Clock } from '../core/clock.js';
import type { Durability } from '../core/durability.js';
import { BrokerUnavailableError, UnsupportedError } from '../core/errors.js';
import type { JobState, RetentionRule, SettledState } from '../core/job.js';
import { showMembers } from '../core/shown-members.js';
import type { StoreReport } from '../core/store-report.js';
import * as curator from './curator.js';
import type { MemoryQueue } from './memory-queue.js';
import { MemoryStore } from './memory-store.js';
import { adoptElements, enqueue } from './producer.js';
import * as reader from './reader.js';
import * as reclaimer from './reclaimer.js';
import { takeTurn } from './reserver.js';
import { announce } from './roll-caller.js';
import { fire, runNow } from './schedule-firer.js';
import type { Timetable } from './timetable.js';

export interface MemoryBrokerOptions {
  /** Default: real time. */
  clock?: Clock;
  /** Brokers of one name in one process share one store; without a name it is private. */
  name?: string;
  /** A store that others use, too; then clock and name are not looked at. */
  store?: MemoryStore;
}

/**
 * Jobs in the memory of this process: they end with it. The embedded default, the test mode, and the model the Redis
 * broker is compared with. Leases end when a test moves the clock or calls {@link kill}, never by real time.
 */
export class MemoryBroker implements Broker {
  readonly capabilities = { shared: false, heartbeat: false, durability: false };
  private readonly store: MemoryStore;
  private readonly name: string | undefined;
  private readonly subscriptions = new Set<() => void>();
  private readonly ended = new AbortController();

  /** @throws ConfigurationError when the store of this name has another clock */
  constructor(options: MemoryBrokerOptions = {}) {
    this.name = options.name;
    const { name, clock, store } = options;
    this.store = store ?? (name === undefined ? new MemoryStore(clock) : MemoryStore.named(name, clock));
  }

  async open(): Promise<StoreFacts> {
    this.assertOpen();
    return {
      kind: 'memory',
      version: '1',
      mode: 'memory',
      appendonly: false,
      maxmemoryPolicy: 'noeviction',
      replicas: 0,
      summary: `memory://${this.name ?? ''}: jobs live and end with this process`,
      warnings: [],
    };
  }

  async examine(): Promise<StoreReport> {
    const { kind, version, mode, summary } = await this.open();
    const all = 'all: they end with this process';
    return {
      ...{ kind, version, mode, summary },
      persistence: { appendonly: false, appendfsync: undefined, snapshots: false },
      memory: { usedBytes: undefined, limitBytes: 0, policy: 'noeviction' },
      replication: { replicas: 0, minReplicasToWrite: 0, minReplicasMaxLagSeconds: undefined },
      durability: ['primary'],
      losses: { crash: all, powerCut: all, failover: 'there is no replica to fail over to' },
      dangers: ['memory:// keeps jobs in this process alone: a restart loses them'],
      unknown: [],
    };
  }

  async close(): Promise<void> {
    this.ended.abort();
    for (const unsubscribe of this.subscriptions) unsubscribe();
    this.subscriptions.clear();
  }

  now(): number {
    return this.store.clock.now();
  }

  /** Ends a worker's lease at once, as if its process had died; the next `reclaim` returns its jobs. For tests. */
  kill(worker: string): void {
    this.store.kill(worker);
  }

  /** Adds an element to a plain list, as another program would with LPUSH. */
  pushInbox(inbox: string, element: string): void {
    this.store.inboxes.push(inbox, element);
  }

  async enqueue(queue: string, jobs: readonly NewJob[], durability?: Durability): Promise<EnqueueReceipt[]> {
    this.assertOpen();
    if (durability !== undefined) {
      throw new UnsupportedError(
        'memory:// has neither replicas nor a disk: leave durability out, or connect to Redis.',
      );
    }
    return enqueue(this.queue(queue), jobs);
  }

  async takeInbox(queue: string, inbox: string, limit: number): Promise<number> {
    const target = this.queue(queue);
    const elements = this.store.inboxes.take(inbox, limit);
    adoptElements(target, elements);
    return elements.length;
  }

  async awaitInbox(inbox: string, timeoutMs: number): Promise<void> {
    this.assertOpen();
    await this.store.inboxes.wait(inbox, timeoutMs, this.ended.signal);
  }

  async settleAndReserve(queue: string, turn: WorkerTurn): Promise<Reservation> {
    return takeTurn(this.queue(queue), turn);
  }

  async beat(queue: string, worker: string, leaseMs: number): Promise<BeatReply> {
    return reclaimer.beat(this.queue(queue), worker, leaseMs);
  }

  async reconcile(queue: string, worker: string, held: readonly HeldJob[]): Promise<Reconciliation> {
    return reclaimer.reconcile(this.queue(queue), worker, held);
  }

  async leave(queue: string, worker: string): Promise<void> {
    reclaimer.leave(this.queue(queue), worker);
  }

  async report(queue: string, reports: readonly RunReport[]): Promise<{ lost: string[] }> {
    return reclaimer.report(this.queue(queue), reports);
  }

  async promote(queue: string, limit: number): Promise<{ promoted: number; nextDueAt: number | undefined }> {
    const target = this.queue(queue);
    const promoted = target.promoteDue(limit);
    if (promoted > 0) target.wake();
    return { promoted, nextDueAt: target.nextDueAt() };
  }

  async reclaim(queue: string, leaseMs: number): Promise<ReclaimReply> {
    const reply = reclaimer.reclaim(this.queue(queue), leaseMs);
    return { ...reply, nextLookAt: this.timetable(queue).nextLookAt() };
  }

  async trim(
    queue: string,
    retention: Record<SettledState, RetentionRule>,
  ): Promise<{ trimmed: number; trimmedDead: number; more: boolean }> {
    return curator.trim(this.queue(queue), retention);
  }

  async readEnds(queue: string, state: SettledState, place: string | undefined, limit: number): Promise<EndPage> {
    return reader.readEnds(this.queue(queue), state, place, limit);
  }

  async dropEnds(queue: string, ends: readonly Pick<JobEnd, 'id' | 'seen'>[]): Promise<number> {
    return curator.dropEnds(this.queue(queue), ends);
  }

  async read(queue: string, ids: readonly string[]): Promise<(StoredJob | undefined)[]> {
    return reader.read(this.queue(queue), ids);
  }

  async logs(queue: string, id: string): Promise<string[]> {
    return [...(this.queue(queue).find(id)?.logs ?? [])];
  }

  async list(queue: string, state: JobState, cursor: string | undefined, limit: number): Promise<JobPage> {
    return reader.list(this.queue(queue), state, cursor, limit);
  }

  async counts(queue: string): Promise<QueueCounts> {
    const { counts, paused } = this.queue(queue);
    return { ...counts, paused };
  }

  async setPaused(queue: string, paused: boolean): Promise<void> {
    const target = this.queue(queue);
    if (target.paused === paused) return;
    target.paused = paused;
    const type = paused ? 'paused' : 'resumed';
    target.signal({ type });
    target.tell(type, undefined, '');
    if (!paused) target.wakeAll();
  }

  async isPaused(queue: string): Promise<boolean> {
    return this.queue(queue).paused;
  }

  async cancel(queue: string, id: string): Promise<CancelAnswer | 'not-found'> {
    return curator.cancel(this.queue(queue), id);
  }

  async retryDead(
    queue: string,
    id: string,
    settledAt: number,
    envelope: string,
  ): Promise<'retried' | 'changed' | 'not-found'> {
    return curator.retryDead(this.queue(queue), id, settledAt, envelope);
  }

  async promoteJob(queue: string, id: string): Promise<'promoted' | Exclude<JobState, 'scheduled'> | 'not-found'> {
    return curator.promoteJob(this.queue(queue), id);
  }

  async remove(queue: string, id: string, seen?: string): Promise<'removed' | 'active' | 'changed' | 'not-found'> {
    return curator.remove(this.queue(queue), id, seen);
  }

  async purge(
    queue: string,
    state: Exclude<JobState, 'active'>,
    limit: number,
  ): Promise<{ removed: number; more: boolean }> {
    return curator.purge(this.queue(queue), state, limit);
  }

  async awaitSettled(queue: string, id: string, ttlMs: number): Promise<StoredJob | undefined> {
    return reader.readAwaited(this.queue(queue), id, ttlMs);
  }

  async registerSchedule(queue: string, schedule: NewSchedule): Promise<RegisterAnswer> {
    return this.timetable(queue).register(schedule);
  }

  async announceSchedules(queue: string, app: string, schedules: readonly AnnouncedSchedule[]): Promise<Announcement> {
    return announce(this.timetable(queue), app, schedules);
  }

  async dueSchedules(queue: string, limit: number): Promise<DueSchedules> {
    return this.timetable(queue).due(limit);
  }

  async fireSchedules(queue: string, fires: readonly ScheduleFire[]): Promise<FireAnswer[]> {
    const timetable = this.timetable(queue);
    return fires.map((each) => fire(timetable, each));
  }

  async pauseSchedule(queue: string, name: string): Promise<boolean> {
    return this.timetable(queue).pause(name);
  }

  async resumeSchedule(queue: string, name: string, specHash: string, next: ComingTick): Promise<ResumeAnswer> {
    return this.timetable(queue).resume(name, specHash, next);
  }

  async runScheduleNow(
    queue: string,
    name: string,
    specHash: string,
    job: ScheduledJob,
  ): Promise<EnqueueReceipt | 'changed' | 'not-found'> {
    return runNow(this.timetable(queue), name, specHash, job);
  }

  async readSchedules(queue: string, names: readonly string[]): Promise<(StoredSchedule | undefined)[]> {
    return this.timetable(queue).read(names);
  }

  async listSchedules(queue: string, cursor: string | undefined, limit: number): Promise<SchedulePage> {
    return this.timetable(queue).list(cursor, limit);
  }

  async scheduleHistory(queue: string, name: string, limit: number): Promise<ScheduleRun[]> {
    return this.timetable(queue).history(name, limit);
  }

  async removeSchedule(queue: string, name: string): Promise<boolean> {
    return this.timetable(queue).remove(name);
  }

  async onWake(worker: string, listener: (queue: string) => void): Promise<Unsubscribe> {
    this.assertOpen();
    return this.keep(this.store.announcer.wakes.subscribe(worker, listener));
  }

  async onSignal(queue: string, listener: (signal: QueueSignal) => void): Promise<Unsubscribe> {
    this.assertOpen();
    return this.keep(this.store.announcer.signals.subscribe(queue, listener));
  }

  async onSettled(queue: string, listener: (end: SettledNotice | 'resync') => void): Promise<Unsubscribe> {
    this.assertOpen();
    return this.keep(this.store.announcer.ends.subscribe(queue, listener));
  }

  async onEvents(queue: string, listener: (events: BrokerEvent[]) => void): Promise<Unsubscribe> {
    this.assertOpen();
    return this.keep(this.store.announcer.events.subscribe(queue, listener));
  }

  private queue(name: string): MemoryQueue {
    this.assertOpen();
    return this.store.queue(name);
  }

  private timetable(queue: string): Timetable {
    this.assertOpen();
    return this.store.timetable(queue);
  }

  private keep(unsubscribe: () => void): Unsubscribe {
    this.subscriptions.add(unsubscribe);
    return async () => {
      this.subscriptions.delete(unsubscribe);
      unsubscribe();
    };
  }

  private assertOpen(): void {
    if (this.ended.signal.aborted) {
      throw new BrokerUnavailableError(
        'The memory store of this broker is closed. Make no calls after the application has closed.',
      );
    }
  }
}

showMembers(MemoryBroker);
