import type {
  AnnouncedSchedule,
  Announcement,
  BeatReply,
  Broker,
  BrokerCapabilities,
  BrokerEvent,
  BrokerEventName,
  CancelAnswer,
  ComingTick,
  DueSchedules,
  EndPage,
  EnqueueReceipt,
  FireAnswer,
  Heartbeat,
  HeartbeatPlan,
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
  ReservedJob,
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
import type { Durability } from '../core/durability.js';
import { decodeEnvelope } from '../core/envelope.js';
import { BrokerUnavailableError, InvalidValueError, type BrokerRefusedError } from '../core/errors.js';
import { JOB_STATES, type JobState, type RetentionRule, type SettledState } from '../core/job.js';
import { showMembers } from '../core/shown-members.js';
import type { StoreReport } from '../core/store-report.js';
import { untilConnected } from './wire/connection-wait.js';
import { BootHold } from './wire/boot-hold.js';
import { Connector, describeConnection, type RedisConnection } from './wire/connector.js';
import { DurableEnqueuer } from './durable-enqueuer.js';
import { Enqueuer } from './enqueuer.js';
import { InboxMover } from './inbox-mover.js';
import { HeartbeatThread } from './wire/heartbeat.js';
import { InboxWatch } from './wire/inbox-watch.js';
import { JobNumbers, STORE_FORMAT, wrongFormat } from './job-numbers.js';
import { QueueKeys, wakeChannel } from './keys.js';
import { Link } from './wire/link.js';
import { Mender } from './mender.js';
import { NumberedCaller, type Subject } from './wire/numbered-caller.js';
import { OutageReport, type OutageEvent } from './wire/outage-report.js';
import { PrimaryWatch } from './wire/primary-watch.js';
import { RedisTimetable } from './redis-timetable.js';
import {
  inDatabase,
  loadScripts,
  readOnly,
  type Script,
  type ScriptLibrary,
  type ScriptName,
} from './wire/script-library.js';
import { DOCTOR_PARAMETERS, examineServer } from './wire/doctor.js';
import { isReplica, misfitOf, readServerFacts, refuseMissingFsync, refuseUnsafeServer } from './wire/server-facts.js';
import { StoreClock } from './wire/store-clock.js';
import { Subscriptions } from './wire/subscriptions.js';
import {
  decodeReservation,
  decodeWakeUp,
  encodeTurn,
  isHeard,
  reservedOf,
  type TurnReply,
} from './turns/turn-encoder.js';

export interface RedisBrokerOptions {
  connection: RedisConnection;
  prefix: string;
  commandTimeoutMs: number;
  connectTimeoutMs: number;
  /** Go on trying after `connectTimeoutMs` instead of failing. */
  waitForRedis: boolean;
  allowEviction: boolean;
  maxCrashes: number;
  logLines: number;
  /** Handlers run in this process: the thread of {@link RedisBroker.startHeartbeat} boots while the store is opened. */
  works?: boolean;
  /** An app boots: until {@link RedisBroker.bootEnded} its connections keep no process alive. */
  boots?: boolean;
  /**
   * An outage began or ended: the connection for commands went, the server refuses calls, or the store can not be reached yet;
   * `deaf`: it refuses to be subscribed to any more; `replica`: the subscriber's connection was led to one.
   */
  onConnection?: (event: OutageEvent | 'deaf' | 'replica', reason: string) => void;
  /** Other scripts than those of this folder: tests move their clock. */
  scripts?: ScriptLibrary;
}

/** Items that one script of a sweep looks at: some 1 ms of Redis. */
const STEP = 200;
const PROMOTE_STEP = 500;
/** Records that one script reads: each may be half a megabyte. */
const READ_STEP = 50;
/** Call records and lanes are remembered this long: a lost reply is asked for again within it. */
const CALL_MEMORY_S = 600;
const LISTEN_MS = 30_000;
const LISTEN_REFRESH_MS = 10_000;
/** How long a boot that waits lets a replica be before it connects again. */
const REPLICA_RETRY_MS = 1000;

/** Scripts that have calls which only read. */
const READERS = ['counts', 'list', 'read', 'read-ends', 'read-schedules'] as const satisfies readonly ScriptName[];
type Reader = (typeof READERS)[number];

/** Score and member of a sorted set. */
const RANKED = /^[\d.e+-]{1,30}:[^\n]+$/;
/** What a place of each state looks like (list.lua). */
const PLACES: Record<JobState, RegExp> = {
  scheduled: RANKED,
  ready: /^(s:[^\n]+|p:[\d.e+-]{1,30}:[^\n]+|r:\d{1,15}:[^\n]+)$/,
  active: /^\d{1,20}$/,
  parked: RANKED,
  blocked: /^(?!)/,
  completed: /^\d{1,15}:\d{1,15}:[^\n]+$/,
  cancelled: RANKED,
  dead: RANKED,
};

/** What belongs to one queue on this connection. */
interface QueueAccess {
  keys: QueueKeys;
  /** Of `settle-and-reserve.lua`. */
  turnKeys: readonly string[];
  numbers: JobNumbers;
  enqueuer: Enqueuer;
  inboxes: InboxMover;
  timetable: RedisTimetable;
  caller: NumberedCaller;
  mender: Mender;
  /** Settled once the store was seen to hold this version's format, or nothing. */
  format: Promise<void> | undefined;
  /** Somebody heard its events lately: turns say how long runs took. */
  heard: boolean;
}

/** The broker on Redis: one short method per script; the scripts hold the promises. */
export class RedisBroker implements Broker {
  readonly capabilities: BrokerCapabilities;
  private readonly clock = new StoreClock();
  private readonly scripts: ScriptLibrary;
  private readonly readers: Readonly<Record<Reader, Script>>;
  private readonly connector: Connector;
  private readonly hold: BootHold | undefined;
  private readonly queues = new Map<string, QueueAccess>();
  private link: Link | undefined;
  private outages: OutageReport | undefined;
  private subscriptions: Subscriptions | undefined;
  private watch: PrimaryWatch | undefined;
  private inboxWatch: InboxWatch | undefined;
  private durable: DurableEnqueuer | undefined;
  /** It takes as long as opening the store does, and mostly on another core. */
  private bootedThread: HeartbeatThread | undefined;
  private facts: StoreFacts | undefined;
  private closed = false;

  constructor(private readonly options: RedisBrokerOptions) {
    if (options.boots) this.hold = new BootHold();
    this.connector = new Connector(options.connection, options.prefix, options.connectTimeoutMs, this.hold);
    this.scripts = inDatabase(options.scripts ?? loadScripts(), this.connector.database);
    const readers = READERS.map((name) => [name, readOnly(this.scripts[name])]);
    this.readers = Object.fromEntries(readers) as Record<Reader, Script>;
    const possible = HeartbeatThread.isPossible(options.connection);
    const heartbeat = possible && HeartbeatThread.isPermitted;
    this.capabilities = { shared: true, heartbeat, heartbeatForbidden: possible && !heartbeat, durability: true };
  }

  async open(): Promise<StoreFacts> {
    const client = this.connector.connect('commands');
    const place = describeConnection(this.options.connection);
    const outages = new OutageReport((event, text) => {
      // A connection that is ended on purpose is not lost.
      const separator = event === 'restored' ? ' ' : ': ';
      if (!this.closed) this.options.onConnection?.(event, text === '' ? place : `${place}${separator}${text}`);
    });
    this.outages = outages;
    const link = new Link(client, this.options.commandTimeoutMs, outages);
    this.link = link;
    try {
      if (this.options.works && this.capabilities.heartbeat) this.bootedThread = new HeartbeatThread();
      const info = await this.admit(link, outages);
      const [[seconds, micros], unknown] = await Promise.all([
        link.command('time', []) as Promise<string[]>,
        this.unknownScripts(link),
      ]);
      const facts = readServerFacts(info, this.connector.mode);
      refuseUnsafeServer(facts, this.options.allowEviction);
      this.facts = facts;
      // Where loading is not permitted, calls still send the text.
      await Promise.allSettled(unknown.map(({ text }) => link.command('script', ['LOAD', text])));
      this.clock.learn(String(Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)));
      this.watch = new PrimaryWatch(link, () => this.subscriptions);
      this.watch.start();
      return facts;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** @returns what INFO says of a server that can be worked with */
  private async admit(link: Link, outages: OutageReport): Promise<string> {
    const { connectTimeoutMs, waitForRedis, connection } = this.options;
    const place = describeConnection(connection);
    const { mode } = this.connector;
    for (;;) {
      await untilConnected(link.client, { connectTimeoutMs, waitForRedis, place });
      const info = (await link.command('info', [])) as string;
      const misfit = misfitOf(info, mode, place);
      if (misfit === undefined) {
        outages.opened();
        return info;
      }
      // A failover may be under way; what a server is beside that never changes.
      if (!waitForRedis || !isReplica(info)) throw misfit;
      outages.failed(misfit);
      await link.reconnectIn(REPLICA_RETRY_MS);
    }
  }

  async examine(): Promise<StoreReport> {
    const link = this.opened();
    const info = (await link.command('info', [])) as string;
    const config = await link.command('config', ['GET', ...DOCTOR_PARAMETERS]).then(
      (reply) => readPairs(reply),
      () => undefined, // CONFIG is often not permitted
    );
    return examineServer(readServerFacts(info, this.connector.mode), info, config);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.watch?.stop();
    this.subscriptions?.close();
    this.inboxWatch?.close();
    this.durable?.close();
    this.link?.close();
    await this.bootedThread?.stop();
  }

  hasTold(error: unknown): boolean {
    return this.outages?.covers(error) === true;
  }

  now(): number {
    return this.clock.now();
  }

  enqueue(queue: string, jobs: readonly NewJob[], durability?: Durability): Promise<EnqueueReceipt[]> {
    try {
      if (durability !== undefined) return this.durableEnqueuer(durability).enqueue(queue, jobs, durability);
      return this.access(queue).enqueuer.enqueue(jobs);
    } catch (error) {
      return Promise.reject(error); // not an async method: it would cost every job three turns of the microtask queue
    }
  }

  async takeInbox(queue: string, inbox: string, limit: number): Promise<number> {
    const { inboxes, mender } = this.access(queue);
    return this.mending(queue, () => inboxes.move(inbox, limit, () => mender.mend()));
  }

  async awaitInbox(inbox: string, timeoutMs: number): Promise<void> {
    this.opened();
    this.inboxWatch ??= new InboxWatch(() => this.connector.connect('inbox'));
    return this.inboxWatch.wait(inbox, timeoutMs);
  }

  async settleAndReserve(queue: string, turn: WorkerTurn): Promise<Reservation> {
    const access = this.access(queue);
    if (access.format === undefined) await this.checkFormat(access);
    // In a cluster a message reaches nodes whose receivers the script does not count: there it hands over nothing.
    const handsOver = this.link?.client.isCluster !== true;
    const { maxCrashes } = this.options;
    const args = encodeTurn(turn, { now: this.now(), maxCrashes, handsOver, heard: access.heard });
    if (access.mender.isDue) await access.mender.before(turn.worker);
    let reply: TurnReply;
    try {
      reply = await this.run<TurnReply>('settle-and-reserve', access.turnKeys, args);
    } catch (error) {
      await access.mender.after(error, turn);
      throw error;
    }
    access.heard = isHeard(reply);
    const { ids, envelopes } = reservedOf(reply);
    const known = envelopes ?? ((await this.opened().command('hmget', [access.keys.jobs, ...ids])) as string[]);
    const reservation = decodeReservation(turn.worker, reply, ids, known);
    // Its texts go with its jobs: the promise that brought it may live on for a while, as commands do (Link).
    (reply as unknown[]).length = 0;
    return reservation;
  }

  async beat(queue: string, worker: string, leaseMs: number): Promise<BeatReply> {
    const keys = this.beatKeysOf(queue);
    const [now, lapsed, cancelling] = await this.run<[string, number, string[]]>('beat', keys, [worker, leaseMs]);
    return { now: Number(now), lapsed: lapsed === 1, cancelling };
  }

  bootEnded(): void {
    this.hold?.end();
  }

  startHeartbeat(plan: HeartbeatPlan): Heartbeat | undefined {
    if (!this.capabilities.heartbeat || this.closed) return undefined;
    const { connection, prefix, commandTimeoutMs, connectTimeoutMs } = this.options;
    const leases = plan.leases.map(({ queue, leaseMs }) => ({ queue, keys: this.beatKeysOf(queue), leaseMs }));
    const { beat } = this.scripts;
    const thread = this.bootedThread ?? new HeartbeatThread();
    this.bootedThread = undefined; // from here on its worker's to stop
    thread.begin(plan, { connection, prefix, beat, leases, timeoutMs: commandTimeoutMs, connectTimeoutMs });
    return thread;
  }

  async reconcile(queue: string, worker: string, held: readonly HeldJob[]): Promise<Reconciliation> {
    const { keys } = this.access(queue);
    const { released, fence } = await this.mending(queue, () => this.giveBackOrphans(keys, worker, held));
    const lost = await this.lostOf(keys, held);
    // Who can say so lives: its lease ran out because it was slow.
    for (let first = 0; first < lost.length; first += STEP) {
      const args = [this.options.maxCrashes, ...lost.slice(first, first + STEP)];
      await this.act(queue, ['duty', 'forgive'], 'forgive', [keys.crashes], args);
    }
    return { lost, released, fence };
  }

  async leave(queue: string, worker: string): Promise<void> {
    const { keys } = this.access(queue);
    const leave = (expiry: string) => this.run<number>('leave', [keys.workers, keys.idle], [worker, expiry]);
    await leave(''); // nobody wakes it for what it gives back
    for (let tries = 0; tries < 3; tries++) {
      const { expiry } = await this.mending(queue, () => this.giveBackOrphans(keys, worker, []));
      if ((await leave(expiry)) === 1) return;
    }
    // A turn of it is still on its way again and again: the lease brings those jobs back.
  }

  async report(queue: string, reports: readonly RunReport[]): Promise<{ lost: string[] }> {
    const { keys: k, caller } = this.access(queue);
    const args = reports.flatMap(({ id, token, progress, logs }) => [
      id,
      token,
      progress ?? '',
      String(logs.length),
      ...logs,
    ]);
    const keys = [k.inflight, k.notes, k.jobs];
    // It must not wait: the settlement behind it ends the right to make it.
    const lost = await caller.callAtOnce(this.scripts.report, keys, [this.options.logLines, ...args]);
    return { lost: lost === '' ? [] : lost.split(',') };
  }

  async promote(queue: string, limit: number): Promise<{ promoted: number; nextDueAt: number | undefined }> {
    const { keys: k } = this.access(queue);
    const keys = [k.meta, k.scheduled, k.ready, k.priority, k.levels, k.idle, k.jobs];
    const [, promoted, next] = await this.mending(queue, () =>
      this.run<[string, number, string]>('promote', keys, [Math.min(limit, PROMOTE_STEP)]),
    );
    return { promoted, nextDueAt: instantOf(next) };
  }

  async reclaim(queue: string, leaseMs: number): Promise<ReclaimReply> {
    const { keys: k } = this.access(queue);
    const keys = [k.meta, k.workers, k.inflight, k.ready, k.priority, k.levels, k.crashes, k.suspects, k.cancelling];
    keys.push(k.jobs, k.dead, k.cancelled, k.waiters, k.idle, k.scheduled, k.parked, k.ticks);
    type Reply = [string, string[], string[], number, number, string, number, string, number, string, number];
    const args = [leaseMs, this.options.maxCrashes, STEP];
    const reply = await this.mending(queue, () => this.run<Reply>('reclaim', keys, args));
    const [now, reclaimed, poisoned, more, inflight, nextExpiry, ready, nextDue, parked, nextLook, isTorn] = reply;
    // Of another process, which has ended or may not do it.
    if (isTorn === 1)
      await this.access(queue)
        .mender.mend()
        .catch(() => {});
    return {
      now: Number(now),
      reclaimed: reclaimed.length,
      poisoned,
      more: more === 1,
      inflight,
      nextExpiryAt: instantOf(nextExpiry),
      ready,
      nextDueAt: instantOf(nextDue),
      parked,
      nextLookAt: instantOf(nextLook),
    };
  }

  async trim(
    queue: string,
    retention: Record<SettledState, RetentionRule>,
  ): Promise<{ trimmed: number; trimmedDead: number; more: boolean }> {
    const { keys: k } = this.access(queue);
    const limits = (['completed', 'cancelled', 'dead'] as const).flatMap((state) => limitArgs(retention[state]));
    const keys = [k.meta, k.jobs, k.completed, k.cancelled, k.dead, k.ids, k.notes, k.waiters];
    const [, trimmed, trimmedDead, more] = await this.mending(queue, () =>
      this.run<[string, number, number, number]>('trim', keys, [STEP, CALL_MEMORY_S, ...limits]),
    );
    return { trimmed, trimmedDead, more: more === 1 };
  }

  async readEnds(queue: string, state: SettledState, place: string | undefined, limit: number): Promise<EndPage> {
    const { keys: k } = this.access(queue);
    const keys = [k.jobs, k.completed, k.cancelled, k.dead];
    const args = [state, place ?? '', Math.min(limit, STEP)];
    const [now, next, more, lines] = await this.look<[string, string, number, string]>('read-ends', keys, args);
    const ends = lines === '' ? [] : lines.split('\n').map(readEnd);
    return { now: Number(now), ends, place: next === '' ? undefined : next, more: more === 1 };
  }

  async dropEnds(queue: string, ends: readonly Pick<JobEnd, 'id' | 'seen'>[]): Promise<number> {
    if (ends.length === 0) return 0;
    const { keys: k } = this.access(queue);
    const keys = [k.meta, k.jobs, k.ids, k.notes, k.cancelled, k.dead];
    const args = ends.flatMap(({ id, seen }) => [id, seen]);
    return this.mending(queue, () => this.run<number>('drop-ends', keys, args));
  }

  async read(queue: string, ids: readonly string[]): Promise<(StoredJob | undefined)[]> {
    return ids.length === 0 ? [] : this.readWaiting(queue, ids, '');
  }

  async awaitSettled(queue: string, id: string, ttlMs: number): Promise<StoredJob | undefined> {
    return (await this.readWaiting(queue, [id], String(ttlMs)))[0];
  }

  async logs(queue: string, id: string): Promise<string[]> {
    const stored = (await this.read(queue, [id]))[0];
    if (stored === undefined) return [];
    const { keys: k } = this.access(queue);
    const text = (await this.opened().command('hget', [k.notes, `${stored.id}:logs`])) as string | null;
    return text === null ? [] : text.split('\n');
  }

  async list(queue: string, state: JobState, cursor: string | undefined, limit: number): Promise<JobPage> {
    const { keys: k } = this.access(queue);
    if (cursor !== undefined && !PLACES[state].test(cursor)) {
      throw new InvalidValueError(
        'cursor',
        cursor,
        `pass the cursor that the page of ${state} jobs before this one gave`,
      );
    }
    const [next, ids] = await this.look<[string, string[]]>(
      'list',
      [k.ready, k.priority, k.suspects, k.scheduled, k.inflight, k.parked, k.completed, k.cancelled, k.dead],
      [state, cursor ?? '', limit],
    );
    // Between the two calls a job may have moved on: then it is of another page.
    const jobs: StoredJob[] = [];
    for (let first = 0; first < ids.length; first += READ_STEP) {
      const found = await this.readWaiting(queue, ids.slice(first, first + READ_STEP), '', true);
      for (const job of found) if (job?.state === state) jobs.push(job);
    }
    return { jobs, cursor: next === '' ? undefined : next };
  }

  async counts(queue: string): Promise<QueueCounts> {
    const { keys: k } = this.access(queue);
    const keys = [k.meta, k.ready, k.priority, k.suspects, k.scheduled, k.inflight, k.parked, k.cancelled, k.dead];
    const numbers = await this.look<number[]>('counts', keys, []);
    const byState = Object.fromEntries(JOB_STATES.map((state, index) => [state, numbers[index]]));
    return { ...(byState as Record<JobState, number>), paused: numbers[JOB_STATES.length] === 1 };
  }

  async setPaused(queue: string, paused: boolean): Promise<void> {
    const { keys: k } = this.access(queue);
    await this.act(queue, 'paused', 'set-paused', [k.idle], [paused ? '1' : '0']);
  }

  async isPaused(queue: string): Promise<boolean> {
    return (await this.opened().command('hexists', [this.access(queue).keys.meta, 'paused'])) === 1;
  }

  async cancel(queue: string, id: string): Promise<CancelAnswer | 'not-found'> {
    const { keys: k } = this.access(queue);
    const keys = [k.jobs, k.ids, k.inflight, k.scheduled, k.priority, k.parked, k.suspects, k.cancelling, k.cancelled];
    return this.act<CancelAnswer | 'not-found'>(
      queue,
      ['job', id],
      'cancel',
      [...keys, k.levels, k.waiters, k.crashes],
      [id],
    );
  }

  async retryDead(
    queue: string,
    id: string,
    settledAt: number,
    envelope: string,
  ): Promise<'retried' | 'changed' | 'not-found'> {
    const { keys: k } = this.access(queue);
    return this.act(
      queue,
      ['job', id],
      'retry-dead',
      [k.jobs, k.dead, k.ready, k.priority, k.levels, k.idle, k.ids],
      [id, settledAt, envelope, decodeEnvelope(envelope).header.p ?? 0],
    );
  }

  async promoteJob(queue: string, id: string): Promise<'promoted' | Exclude<JobState, 'scheduled'> | 'not-found'> {
    const { keys: k } = this.access(queue);
    const keys = [k.jobs, k.ids, k.inflight, k.scheduled, k.parked];
    type Answer = 'promoted' | Exclude<JobState, 'scheduled'> | 'not-found';
    const answer = await this.act<Answer>(queue, ['job', id], 'promote-job', keys, [id]);
    // It is due, and any worker or duty makes it ready: mostly this call, which also wakes a worker.
    if (answer === 'promoted') await this.promote(queue, PROMOTE_STEP);
    return answer;
  }

  async remove(queue: string, id: string, seen = ''): Promise<'removed' | 'active' | 'changed' | 'not-found'> {
    const { keys: k } = this.access(queue);
    const keys = [k.jobs, k.ids, k.inflight, k.scheduled, k.priority, k.parked, k.suspects, k.cancelled, k.dead];
    return this.act(queue, ['job', id], 'remove', [...keys, k.levels, k.crashes, k.notes, k.waiters], [id, seen]);
  }

  async purge(
    queue: string,
    state: Exclude<JobState, 'active'>,
    limit: number,
  ): Promise<{ removed: number; more: boolean }> {
    const { keys: k } = this.access(queue);
    const keys = [
      k.jobs,
      k.ids,
      k.ready,
      k.priority,
      k.suspects,
      k.scheduled,
      k.parked,
      k.completed,
      k.cancelled,
      k.dead,
    ];
    const answer = await this.act(
      queue,
      ['purge', state],
      'purge',
      [...keys, k.levels, k.crashes, k.notes, k.waiters],
      [state, Math.min(limit, STEP)],
    );
    const [removed, more] = answer.split(' ').map(Number);
    return { removed, more: more === 1 };
  }

  async registerSchedule(queue: string, schedule: NewSchedule): Promise<RegisterAnswer> {
    return (await this.timetable(queue)).register(schedule);
  }

  async announceSchedules(queue: string, app: string, schedules: readonly AnnouncedSchedule[]): Promise<Announcement> {
    return (await this.timetable(queue)).announce(app, schedules);
  }

  async dueSchedules(queue: string, limit: number): Promise<DueSchedules> {
    return this.access(queue).timetable.due(limit);
  }

  async fireSchedules(queue: string, fires: readonly ScheduleFire[]): Promise<(FireAnswer | BrokerRefusedError)[]> {
    return this.access(queue).timetable.fire(fires);
  }

  async pauseSchedule(queue: string, name: string): Promise<boolean> {
    return this.access(queue).timetable.pause(name);
  }

  async resumeSchedule(queue: string, name: string, specHash: string, next: ComingTick): Promise<ResumeAnswer> {
    return this.access(queue).timetable.resume(name, specHash, next);
  }

  async runScheduleNow(
    queue: string,
    name: string,
    specHash: string,
    job: ScheduledJob,
  ): Promise<EnqueueReceipt | 'changed' | 'not-found'> {
    const answer = await this.access(queue).timetable.run(name, specHash, job);
    if (typeof answer === 'string') return answer;
    if (answer.created) return { ...answer, state: 'ready' };
    const [kept] = await this.read(queue, [answer.id]);
    return { ...answer, state: kept?.state ?? 'completed' };
  }

  async readSchedules(queue: string, names: readonly string[]): Promise<(StoredSchedule | undefined)[]> {
    return this.access(queue).timetable.read(names);
  }

  async listSchedules(queue: string, cursor: string | undefined, limit: number): Promise<SchedulePage> {
    return this.access(queue).timetable.list(cursor, limit);
  }

  async scheduleHistory(queue: string, name: string, limit: number): Promise<ScheduleRun[]> {
    return this.access(queue).timetable.history(name, limit);
  }

  async removeSchedule(queue: string, name: string): Promise<boolean> {
    return this.access(queue).timetable.remove(name);
  }

  async onWake(worker: string, listener: (queue: string, handed?: ReservedJob) => void): Promise<Unsubscribe> {
    const channel = wakeChannel(this.options.prefix, worker, this.connector.database);
    this.subscriber().own(channel);
    return this.subscriber().add(channel, (message) => {
      if (message === undefined) {
        for (const known of this.queues.keys()) listener(known);
        return;
      }
      const { queue, handed } = decodeWakeUp(worker, message);
      listener(queue, handed);
    });
  }

  async onSignal(queue: string, listener: (signal: QueueSignal) => void): Promise<Unsubscribe> {
    const access = this.access(queue);
    return this.subscriber().add(access.keys.signalsChannel, (message) => {
      if (message === 'listened') access.heard = true;
      const signal = message === undefined ? ({ type: 'resync' } as const) : readSignal(message);
      if (signal !== undefined) listener(signal);
    });
  }

  async onSettled(queue: string, listener: (end: SettledNotice | 'resync') => void): Promise<Unsubscribe> {
    return this.subscriber().add(this.access(queue).keys.settledChannel, (message) => {
      if (message === undefined) return listener('resync');
      for (const text of message.split('\n')) {
        const space = text.indexOf(' ');
        listener({ id: text.slice(0, space), line: text.slice(space + 1) });
      }
    });
  }

  async onEvents(queue: string, listener: (events: BrokerEvent[]) => void): Promise<Unsubscribe> {
    const { keys } = this.access(queue);
    const refresh = () => this.run('listen', [keys.meta], [LISTEN_MS]);
    const unsubscribe = await this.subscriber().add(keys.eventsChannel, (message) => {
      if (message === undefined) refresh().catch(() => {});
      else listener(readEvents(message));
    });
    await refresh();
    // A missed refresh only means that events pause: they are live and at most once anyway.
    const timer = setInterval(() => refresh().catch(() => {}), LISTEN_REFRESH_MS);
    timer.unref();
    return async () => {
      clearInterval(timer);
      await unsubscribe();
    };
  }

  private readKeysOf(queue: string): string[] {
    const { keys: k } = this.access(queue);
    return [k.jobs, k.ids, k.inflight, k.scheduled, k.parked, k.cancelling, k.notes, k.waiters];
  }

  private beatKeysOf(queue: string): string[] {
    const { keys: k } = this.access(queue);
    return [k.meta, k.workers, k.cancelling, k.inflight];
  }

  private access(queue: string): QueueAccess {
    const link = this.opened();
    let access = this.queues.get(queue);
    if (access === undefined) {
      const keys = new QueueKeys(this.options.prefix, queue, this.connector.database);
      const numbers = new JobNumbers(link, this.scripts['take-ids'], keys);
      const enqueuer = this.createEnqueuer(queue, link, keys, numbers);
      const inboxes = new InboxMover(link, keys, this.scripts['take-inbox'], numbers, () => this.now());
      const timetable = new RedisTimetable(keys, numbers, {
        run: (name, ...call) => this.mending(queue, () => this.run(name, ...call)),
        act: (...call) => this.act(queue, ...call),
        look: (...call) => this.look('read-schedules', ...call),
        command: (name, args) => link.command(name, args),
      });
      const caller = new NumberedCaller(queue, link, keys);
      const mender = new Mender(keys, this.options.maxCrashes, (script, keys, args) => this.run(script, keys, args));
      const format = undefined;
      access = {
        keys,
        turnKeys: turnKeysOf(keys),
        numbers,
        mender,
        enqueuer,
        inboxes,
        timetable,
        caller,
        format,
        heard: false,
      };
      this.queues.set(queue, access);
    }
    return access;
  }

  private createEnqueuer(queue: string, link: Link, keys: QueueKeys, numbers: JobNumbers): Enqueuer {
    const onClock = (nowText: string) => this.clock.learn(nowText);
    // Also of a call that ends because the store was closed.
    return new Enqueuer(queue, link, keys, this.scripts.enqueue, numbers, onClock, async (error, caller, ids) =>
      this.queues.get(queue)?.mender.after(error, { caller, ids }),
    );
  }

  /** @throws UnsupportedError */
  private durableEnqueuer(level: Durability): DurableEnqueuer {
    this.opened();
    if (level.fsync) refuseMissingFsync(this.facts);
    if (this.durable === undefined) {
      const link = new Link(this.connector.connect('durability'), this.options.commandTimeoutMs);
      const enqueuers = new Map<string, Enqueuer>();
      const enqueuerOf = (queue: string) => {
        let enqueuer = enqueuers.get(queue);
        if (enqueuer === undefined) {
          const { keys } = this.access(queue);
          const numbers = new JobNumbers(link, this.scripts['take-ids'], keys);
          enqueuers.set(queue, (enqueuer = this.createEnqueuer(queue, link, keys, numbers)));
        }
        return enqueuer;
      };
      const missingOf = async (queue: string, ids: readonly string[], deadline: number) => {
        const missing = new Set<string>();
        for (let first = 0; first < ids.length; first += STEP) {
          const step = ids.slice(first, first + STEP);
          const args = ['', '1', ...step];
          const [, ...found] = (await link.run(
            this.readers.read,
            this.readKeysOf(queue),
            args,
            deadline,
          )) as unknown[][];
          for (const [index, { length }] of found.entries()) if (length === 0) missing.add(step[index]);
        }
        return missing;
      };
      this.durable = new DurableEnqueuer(link, enqueuerOf, missingOf);
    }
    return this.durable;
  }

  private run<T>(name: ScriptName, keys: readonly string[], args: (string | number)[]): Promise<T> {
    return this.execute(this.scripts[name], keys, args);
  }

  /** As {@link run}, of a script that answers with what it did: a repeated call is answered as the first. */
  private act<T extends string>(
    queue: string,
    subject: Subject,
    name: ScriptName,
    keys: readonly string[],
    args: (string | number)[],
  ): Promise<T> {
    const { caller } = this.access(queue);
    return this.mending(queue, () => caller.call(subject, this.scripts[name], keys, args) as Promise<T>);
  }

  /** A call whose script may stop in the middle: what it leaves is put in order. */
  private async mending<T>(queue: string, call: () => Promise<T>): Promise<T> {
    const { mender } = this.access(queue);
    if (mender.isDue) await mender.before();
    try {
      return await call();
    } catch (error) {
      await mender.after(error);
      throw error;
    }
  }

  /** As {@link run}, of a call that writes nothing. */
  private look<T>(name: Reader, keys: readonly string[], args: (string | number)[]): Promise<T> {
    return this.execute(this.readers[name], keys, args);
  }

  private async execute<T>(script: Script, keys: readonly string[], args: (string | number)[]): Promise<T> {
    const reply = await this.opened().run(script, keys, args);
    // Most scripts answer with the time first.
    if (Array.isArray(reply) && typeof reply[0] === 'string' && reply[0].length === 13) this.clock.learn(reply[0]);
    return reply as T;
  }

  /** @throws BrokerUnavailableError */
  private opened(): Link {
    if (this.closed)
      throw new BrokerUnavailableError('The store is closed. Make no calls after the application has closed.');
    if (this.link === undefined) throw new BrokerUnavailableError('The store is not open yet');
    return this.link;
  }

  private subscriber(): Subscriptions {
    this.opened();
    if (this.subscriptions === undefined) {
      const { commandTimeoutMs, connection, onConnection } = this.options;
      const place = describeConnection(connection);
      this.subscriptions = new Subscriptions(this.connector.connect('subscriber'), commandTimeoutMs, (event, reason) =>
        onConnection?.(event, reason === '' ? place : `${place}: ${reason}`),
      );
      this.subscriptions.watch();
    }
    return this.subscriptions;
  }

  private async readWaiting(
    queue: string,
    ids: readonly string[],
    ttl: string,
    numbersOnly = false,
  ): Promise<(StoredJob | undefined)[]> {
    type Reply = [string, ...([] | [string, JobState, string, string, string, string, string])[]];
    const keys = this.readKeysOf(queue);
    const args = [ttl, numbersOnly ? '1' : '0', ...ids];
    const reading = ttl === '' ? this.look<Reply>('read', keys, args) : this.run<Reply>('read', keys, args);
    const [, ...found] = await reading;
    return found.map((entry) => {
      if (entry.length === 0) return undefined;
      const [id, state, record, due, progress, cancelling, token] = entry;
      return {
        id,
        state,
        record,
        dueAt: instantOf(due),
        progress: progress === '' ? undefined : progress,
        cancelling: cancelling === '1',
        token: token === '' ? undefined : token,
      };
    });
  }

  /** For what may be the first write to a queue. */
  private async timetable(queue: string): Promise<RedisTimetable> {
    const access = this.access(queue);
    if (access.format === undefined) await this.checkFormat(access);
    return access.timetable;
  }

  /** A process that only works takes no job numbers, so nothing else has looked before its first write. */
  private async checkFormat(access: QueueAccess): Promise<void> {
    const { meta } = access.keys;
    const checked = this.opened()
      .command('hget', [meta, 'format'])
      .then((found) => {
        if (found !== null && found !== STORE_FORMAT) throw wrongFormat(meta, found as string);
      });
    await checked;
    access.format = checked;
  }

  /** @returns how many went back, and when the worker's lease ended before the first of them did */
  private async giveBackOrphans(
    k: QueueKeys,
    worker: string,
    held: readonly HeldJob[],
  ): Promise<{ released: number; expiry: string; fence: number }> {
    const keys = [k.meta, k.inflight, k.ready, k.priority, k.levels, k.idle, k.jobs, k.crashes, k.suspects];
    keys.push(k.cancelling, k.cancelled, k.waiters, k.workers);
    const { maxCrashes } = this.options;
    const heldIds = held.map(({ id }) => id);
    let expiry: string | undefined;
    let cursor = '0';
    let fence = '';
    let released = 0;
    do {
      const args = [worker, cursor, STEP, maxCrashes, fence, ...heldIds];
      const reply = await this.run<[string, string, number, string, string]>('reconcile', keys, args);
      [, cursor, , fence] = reply;
      released += reply[2];
      expiry ??= reply[4];
    } while (cursor !== '0');
    return { released, expiry, fence: Number(fence) };
  }

  private async lostOf(keys: QueueKeys, held: readonly HeldJob[]): Promise<string[]> {
    if (held.length === 0) return [];
    const tokens = (await this.opened().command('hmget', [keys.inflight, ...held.map(({ id }) => id)])) as (
      string | null
    )[];
    return held.filter(({ token }, index) => tokens[index] !== token).map(({ id }) => id);
  }

  /**
   * What the server has to be taught before the first call needs it: a script that is sent as text on its first use would
   * come after calls that were made behind it. Mostly nothing, because another process was there before.
   */
  private async unknownScripts(link: Link): Promise<Script[]> {
    const all = [...Object.values(this.scripts), ...Object.values(this.readers)];
    if (link.client.isCluster) return all; // the node that answers says nothing of the others
    const known = await link.command('script', ['EXISTS', ...all.map(({ sha }) => sha)]).catch(() => undefined);
    return Array.isArray(known) ? all.filter((_, index) => known[index] !== 1) : all;
  }
}

showMembers(RedisBroker);

function turnKeysOf(k: QueueKeys): string[] {
  return [
    ...[k.meta, k.jobs, k.ready, k.priority, k.scheduled, k.inflight, k.workers, k.idle, k.completed, k.cancelled],
    ...[k.dead, k.ids, k.levels, k.crashes, k.cancelling, k.waiters, k.notes, k.suspects, k.parked],
  ];
}

/** A map in either protocol: pairs in a row, or an object. */
function readPairs(reply: unknown): Map<string, string> {
  if (!Array.isArray(reply)) return new Map(Object.entries(reply as Record<string, string>));
  const pairs = new Map<string, string>();
  for (let index = 0; index + 1 < reply.length; index += 2) pairs.set(String(reply[index]), String(reply[index + 1]));
  return pairs;
}

function limitArgs(rule: RetentionRule): number[] {
  return rule === false ? [-1, 0, 0] : [rule.count, rule.ageMs, rule.bytes];
}

/** A line of `read-ends.lua`. */
function readEnd(line: string): JobEnd {
  const id = line.indexOf(' ');
  const seen = line.indexOf(' ', id + 1);
  const bytes = line.indexOf(' ', seen + 1);
  return {
    id: line.slice(0, id),
    seen: line.slice(id + 1, seen),
    bytes: Number(line.slice(seen + 1, bytes)),
    head: line.slice(bytes + 1),
  };
}

function instantOf(text: string): number | undefined {
  return text === '' ? undefined : Number(text);
}

function readSignal(message: string): QueueSignal | undefined {
  const space = message.indexOf(' ');
  const type = space < 0 ? message : message.slice(0, space);
  const rest = space < 0 ? '' : message.slice(space + 1);
  switch (type) {
    case 'paused':
    case 'resumed':
    case 'schedules':
      return { type };
    case 'cancel':
      return { type, id: rest };
    case 'parked':
      return { type, name: rest };
    default:
      return undefined; // a newer version may say more
  }
}

/** First line: the time; then one line per event, as `scripts/lib/news.lua` writes it. */
function readEvents(message: string): BrokerEvent[] {
  const [at, ...lines] = message.split('\n');
  return lines.map((line) => {
    const head = line.indexOf('\t');
    const detail = line.indexOf('\t', head + 1);
    const [event, id, durationMs] = line.slice(0, head).split(' ');
    return {
      event: event as BrokerEventName,
      at: Number(at),
      id,
      head: line.slice(head + 1, detail),
      detail: line.slice(detail + 1),
      durationMs: durationMs === '' ? undefined : Number(durationMs),
    };
  });
}
