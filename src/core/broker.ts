import type { Durability } from './durability.js';
import type { EnqueueReceipt } from './enqueue-receipt.js';
import type { JobState, RetentionRule, SettledState } from './job.js';
import type { ScheduleBroker } from './schedule-broker.js';
import type { StoreFacts, StoreReport } from './store-report.js';

export type { EnqueueReceipt } from './enqueue-receipt.js';
export type * from './schedule-broker.js';
export type { StoreFacts } from './store-report.js';

/**
 * The port between the life of a job and the place where it is stored. `redis/` and `memory/` implement it, one contract
 * suite proves both. Every verb is atomic, survives a lost reply (it is repeated, and does nothing twice), and uses the store's
 * clock alone. One that writes and whose reply never comes rejects with `CallOutcomeUnknownError`, unless it says otherwise.
 * Queue names, user ids and sizes are checked before they come here.
 */
export interface Broker extends ScheduleBroker {
  /** What this store can do beyond the verbs; what it cannot is refused with `UnsupportedError`. */
  readonly capabilities: BrokerCapabilities;

  /** Connects and refuses a store that cannot keep the promises. @throws BrokerUnavailableError, IncompatibleStoreError */
  open(): Promise<StoreFacts>;
  /** Asks the store anew what it guarantees. Never fails for what it may not ask: that is `unknown`. */
  examine(): Promise<StoreReport>;
  /** Ends every connection; calls after it reject with `BrokerUnavailableError`. */
  close(): Promise<void>;
  /** Whether the store has told of the outage that a call failed with: then its caller adds no line to the log. */
  hasTold?(error: unknown): boolean;
  /** Best knowledge of the store's clock, ms since the epoch: for information and timers, never for decisions. */
  now(): number;

  /**
   * Stores all jobs or none. A user id that is kept already answers `created: false` with the id and state of the first.
   * Order in a priority is the order of calls of one process.
   * With a `durability` it resolves once that many servers have confirmed the jobs.
   * @throws BrokerUnavailableError (nothing stored), EnqueueOutcomeUnknownError, StoreFullError,
   *   DurabilityUnconfirmedError (stored, and too few servers confirmed it), UnsupportedError (nothing stored)
   */
  enqueue(queue: string, jobs: readonly NewJob[], durability?: Durability): Promise<EnqueueReceipt[]>;
  /**
   * Moves up to `limit` elements of a plain list (its tail first, as LPUSH fills it) into the queue, each as a job whose
   * payload is the element. Atomic: an element is in the list or a job, never neither.
   * @returns how many were moved
   */
  takeInbox(queue: string, inbox: string, limit: number): Promise<number>;
  /** Resolves once the list may hold something, or after `timeoutMs`. Takes nothing. */
  awaitInbox(inbox: string, timeoutMs: number): Promise<void>;

  /**
   * Ends runs and starts the next ones in one step: applies `settlements` whose token is still the newest, promotes what
   * is due, then reserves up to `want` jobs under the worker's lease. Repeated with the same `call`, it answers the same.
   */
  settleAndReserve(queue: string, turn: WorkerTurn): Promise<Reservation>;
  /** Renews the worker's lease. `lapsed` when it had run out: the worker must {@link reconcile}. */
  beat(queue: string, worker: string, leaseMs: number): Promise<BeatReply>;
  /** The app has started: from now on the connections of the store keep its process alive. */
  bootEnded?(): void;
  /**
   * Renews the leases of a worker that holds jobs from outside of its main loop, so that a handler which blocks the loop
   * does not lose them. Undefined where this store can not: then the worker calls {@link beat} itself.
   */
  startHeartbeat?(plan: HeartbeatPlan): Heartbeat | undefined;
  /**
   * Compares what a worker holds with what the store thinks it holds: releases what it does not hold, names what it lost.
   * The worker lives, so the crash that was counted for what it lost is taken back.
   */
  reconcile(queue: string, worker: string, held: readonly HeldJob[]): Promise<Reconciliation>;
  /** The worker leaves: its lease and registrations go; jobs it still holds are released to the front, no attempt burned. */
  leave(queue: string, worker: string): Promise<void>;
  /** Stores progress and log lines of running jobs whose token is still the newest; names those that lost it. */
  report(queue: string, reports: readonly RunReport[]): Promise<{ lost: string[] }>;

  /** Scheduled jobs that are due become ready, oldest first, at most `limit`. */
  promote(queue: string, limit: number): Promise<{ promoted: number; nextDueAt: number | undefined }>;
  /**
   * Returns the jobs of workers whose lease ran out: ready at the front, or dead as `poison` at the third crash.
   * A gap in scans of more than half a lease means the store was away: nothing is reclaimed for one lease.
   */
  reclaim(queue: string, leaseMs: number): Promise<ReclaimReply>;
  /** Trims settled jobs over their limits and forgets old call records, one bounded step. */
  trim(
    queue: string,
    retention: Record<SettledState, RetentionRule>,
  ): Promise<{ trimmed: number; trimmedDead: number; more: boolean }>;

  /**
   * What retention of one's own needs of the jobs that ended behind a place (of the page before, or of an earlier look), oldest
   * first. Without a place from the oldest on. One that ended in the millisecond of the place may come twice.
   */
  readEnds(queue: string, state: SettledState, place: string | undefined, limit: number): Promise<EndPage>;
  /** Deletes ended jobs, some 100 at most, that are still as they were read; nobody is told. @returns how many */
  dropEnds(queue: string, ends: readonly Pick<JobEnd, 'id' | 'seen'>[]): Promise<number>;

  /** The stored jobs of these ids (the store's own, or else a user's), in order; undefined where nothing is kept. */
  read(queue: string, ids: readonly string[]): Promise<(StoredJob | undefined)[]>;
  logs(queue: string, id: string): Promise<string[]>;
  /**
   * One page of a state: `ready` and `scheduled` next to run first, settled newest first. A page of `active` may hold a few
   * jobs more than `limit`, and a job that runs all the time may be met twice.
   */
  list(queue: string, state: JobState, cursor: string | undefined, limit: number): Promise<JobPage>;
  counts(queue: string): Promise<QueueCounts>;

  setPaused(queue: string, paused: boolean): Promise<void>;
  isPaused(queue: string): Promise<boolean>;
  /** Not started: cancelled at once. Active: a durable mark, and no further attempt. */
  cancel(queue: string, id: string): Promise<CancelAnswer | 'not-found'>;
  /** A dead job becomes ready with this envelope, if it is still the dead job that was read (`settledAt`). */
  retryDead(
    queue: string,
    id: string,
    settledAt: number,
    envelope: string,
  ): Promise<'retried' | 'changed' | 'not-found'>;
  /** A scheduled job is due now, and becomes ready at the back of its priority; of another job the state is answered. */
  promoteJob(queue: string, id: string): Promise<'promoted' | Exclude<JobState, 'scheduled'> | 'not-found'>;
  /**
   * Deletes a job that does not run.
   * @param seen how it looked when it was read, its state or the beginning of its settled line: one that changed since stays
   */
  remove(queue: string, id: string, seen?: string): Promise<'removed' | 'active' | 'changed' | 'not-found'>;
  /** Deletes up to `limit` (at most 1000) jobs of a state that does not run. */
  purge(queue: string, state: Exclude<JobState, 'active'>, limit: number): Promise<{ removed: number; more: boolean }>;

  /** Registers interest in a job's end for `ttlMs`, then reads it: either the answer is settled, or `onSettled` will be told. */
  awaitSettled(queue: string, id: string, ttlMs: number): Promise<StoredJob | undefined>;

  /**
   * Tells this worker that a queue may have work. Also called after every reconnect. With `handed`, the store has reserved
   * that job for it already: a turn that does not know its fence yet brings it again.
   */
  onWake(worker: string, listener: (queue: string, handed?: ReservedJob) => void): Promise<Unsubscribe>;
  onSignal(queue: string, listener: (signal: QueueSignal) => void): Promise<Unsubscribe>;
  /** Settled jobs somebody awaits; the record tells a result that is not kept, too. Resynced after a reconnect. */
  onSettled(queue: string, listener: (end: SettledNotice | 'resync') => void): Promise<Unsubscribe>;
  /** Live events, at most once; while nobody listens they are not made. */
  onEvents(queue: string, listener: (events: BrokerEvent[]) => void): Promise<Unsubscribe>;
}

export type Unsubscribe = () => Promise<void>;

export interface BrokerCapabilities {
  /** Other processes can use the same store. */
  shared: boolean;
  /** {@link Broker.startHeartbeat} will work: a handler that blocks the main loop keeps its jobs. */
  heartbeat: boolean;
  /** It would, if this process were permitted to start threads. */
  heartbeatForbidden?: boolean;
  /** {@link Broker.enqueue} can wait for confirmations; otherwise it refuses to. */
  durability: boolean;
}

export interface NewJob {
  envelope: string;
  userId?: string;
  /** Milliseconds from now, by the store's clock. */
  delayMs?: number;
  /** An instant in ms since the epoch; used where `delayMs` is absent. */
  runAt?: number;
  /** 0 (default) to 9, higher first. */
  priority?: number;
}

/** Proof of the newest lease on one job: `worker:fence`, with `:priority` behind it for a prioritised job. */
export type Token = string;

export interface HeldJob {
  id: string;
  token: Token;
}

/** What a finished run becomes. One exhaustive switch (worker/job-runner) makes them, one broker verb applies them. */
export type Settlement = SettlementOp & {
  /** How long the run took, where there was one: events tell it. */
  durationMs?: number | undefined;
};

type SettlementOp =
  /** `envelope`: the text the job was reserved with, where sending it back is cheaper than looking it up again. */
  | { op: 'complete'; id: string; token: Token; result: string; envelope?: string; keep: RetentionRule }
  /** Runs again after `delayMs` (0: at the back of the queue at once) with a new envelope, whose newest error is told. */
  | { op: 'retry'; id: string; token: Token; delayMs: number; envelope: string }
  | { op: 'snooze'; id: string; token: Token; delayMs: number; envelope: string | undefined }
  /** Back to the front, untouched. */
  | { op: 'release'; id: string; token: Token }
  /** No handler here knows the name. */
  | { op: 'park'; id: string; token: Token; name: string }
  | { op: 'cancel'; id: string; token: Token; keep: RetentionRule }
  /** `detail`: JSON with `reason` and `message`; `envelope` undefined keeps the stored text. */
  | { op: 'bury'; id: string; token: Token; detail: string; envelope: string | undefined; keep: RetentionRule };

export interface WorkerTurn {
  worker: string;
  /** A worker may have several turns under way, each in a lane of its own. Default 0. */
  lane?: number;
  /** Rises by one per new call of this worker's lane on this queue; the same number again asks for the same answer. */
  call: number;
  leaseMs: number;
  /** Jobs to reserve, 0 to 1000. */
  want: number;
  /** The worker may be registered as one that has room: this turn ends that first. Default true. */
  listed?: boolean;
  /** The worker may be handed a job by a wake-up. Default false. */
  takesHanded?: boolean;
  /** Fence of the last job that reached the worker by hand-over. Default 0. */
  handedFence?: number;
  /** The worker runs and holds nothing else: it may be given one suspect (a job that crashed twice), alone. */
  alone: boolean;
  /** Take parked jobs of these names, too (`'*'`: of any name). */
  adopt: readonly string[] | '*' | undefined;
  settlements: readonly Settlement[];
}

/** Under which the store remembers the last turn of a worker's lane. */
export function callerOf({ worker, lane }: Pick<WorkerTurn, 'worker' | 'lane'>): string {
  return lane ? `${worker}/${lane}` : worker;
}

export interface Reconciliation {
  /** Held jobs that a newer lease exists of, or that are gone. */
  lost: string[];
  released: number;
  /** What the worker was given up to this fence was looked at. */
  fence: number;
}

export interface ReservedJob {
  id: string;
  token: Token;
  /** The number in its token. */
  fence: number;
  envelope: string;
  /** Times a worker died while it held this job. */
  crashes: number;
  /** It was handed over before, and may have come by {@link Broker.onWake}, too. */
  handed?: boolean;
}

export interface Reservation {
  /** Store time, ms. */
  now: number;
  /** Rises with every reservation of the queue, also after a failover that lost the counter. */
  fence: number;
  jobs: ReservedJob[];
  /** Settlements refused because a newer lease exists, or the job is gone. */
  lost: string[];
  /** Own active jobs that somebody asked to cancel. */
  cancelling: string[];
  paused: boolean;
  /** Ready jobs were left behind. */
  backlog: boolean;
  /** A suspect waits for a worker that holds nothing. */
  suspects: boolean;
  /** Parked jobs exist. */
  parked: boolean;
  /** When the next scheduled job is due, store time in ms; only told when nothing was reserved. */
  nextDueAt: number | undefined;
  /** Dead letters that retention trimmed in this step: worth a warning. */
  trimmedDead: number;
}

export interface BeatReply {
  now: number;
  lapsed: boolean;
  /** Own active jobs that somebody asked to cancel. */
  cancelling: string[];
}

export interface HeartbeatPlan {
  worker: string;
  leases: readonly { queue: string; leaseMs: number }[];
  /** A main loop that stands still for longer than this loses its leases. */
  stallLimitMs: number;
  onBeat(queue: string, reply: BeatReply): void;
  /** The main loop stood still beyond the limit; told once it moves again. */
  onStalled(forMs: number): void;
  /** The heartbeat itself ended: beat from the main loop. */
  onFailure(error: Error): void;
}

export interface Heartbeat {
  /** Whether the worker holds jobs of this queue: only then is its lease renewed. */
  holds(queue: string, holding: boolean): void;
  stop(): Promise<void>;
}

export interface RunReport {
  id: string;
  token: Token;
  /** Encoded progress value, or undefined for no change. */
  progress: string | undefined;
  logs: readonly string[];
}

export interface ReclaimReply {
  now: number;
  reclaimed: number;
  /** Jobs that died as poison. */
  poisoned: string[];
  /** More expired workers wait for another step. */
  more: boolean;
  /** Jobs in flight, of any worker. */
  inflight: number;
  /** When the earliest lease in force ends. */
  nextExpiryAt: number | undefined;
  ready: number;
  nextDueAt: number | undefined;
  parked: number;
  /** When the next schedule of the queue is to be looked at. */
  nextLookAt: number | undefined;
}

export interface StoredJob {
  id: string;
  state: JobState;
  /** The record as stored: an envelope, behind its settled line where the job has ended. */
  record: string;
  /** When a scheduled job is due. */
  dueAt: number | undefined;
  progress: string | undefined;
  /** Its cancellation was asked for. */
  cancelling: boolean;
  /** Of an active job: its lease. */
  token: Token | undefined;
}

/** How many jobs are in each state, and whether the queue is paused. */
export type QueueCounts = Record<JobState, number> & { paused: boolean };

export interface JobPage {
  jobs: StoredJob[];
  /** Pass it on for the next page; undefined at the end. */
  cursor: string | undefined;
}

/** An ended job without its payload. */
export interface JobEnd {
  id: string;
  /** The beginning of its settled line, letter and instant: a job that was retried since has another. */
  seen: string;
  /** Of its record. */
  bytes: number;
  /** First line of its envelope without its errors, which `readHead` reads. */
  head: string;
}

export interface EndPage {
  /** Store time, ms. */
  now: number;
  ends: JobEnd[];
  /** Behind this page; undefined where none has ended yet. */
  place: string | undefined;
  /** Further ones wait for the next call. */
  more: boolean;
}

export type CancelAnswer = 'cancelled' | 'requested' | 'finished';

export type QueueSignal =
  | { type: 'paused' }
  | { type: 'resumed' }
  | { type: 'cancel'; id: string }
  | { type: 'parked'; name: string }
  /** A schedule is to be looked at earlier than any was before. */
  | { type: 'schedules' }
  /** The subscription was interrupted: anything may have been missed. */
  | { type: 'resync' };

export interface SettledNotice {
  id: string;
  /** As in `SettledLine`. */
  line: string;
}

export const BROKER_EVENT_NAMES = [
  'enqueued',
  'scheduled',
  'active',
  'completed',
  'retrying',
  'snoozed',
  'released',
  'parked',
  'cancelled',
  'dead',
  'reclaimed',
  'promoted',
  'removed',
  'progress',
  'paused',
  'resumed',
] as const;

export type BrokerEventName = (typeof BROKER_EVENT_NAMES)[number];

export interface BrokerEvent {
  event: BrokerEventName;
  /** Store time, ms. */
  at: number;
  /** Empty for events of the queue itself. */
  id: string;
  /** First line of the job's envelope without its errors, which {@link readHead} reads; '' where it is not known. */
  head: string;
  /** Result text, progress text, detail JSON of an end, or JSON of an error, by event; '' otherwise. */
  detail: string;
  /** How long the run took that ended, where one did and its worker was asked in time. */
  durationMs: number | undefined;
}
