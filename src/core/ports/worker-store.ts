import type { RetentionRule } from '../job.js';
import type { Unsubscribe } from './connection.js';

/** What workers need: sessions, and the heartbeat that keeps their leases. */
export interface WorkerStore extends TurnVerbs {
  /** The turns of one worker on one queue. */
  openSession(plan: SessionPlan): WorkerSession;
  /**
   * Renews the leases of a worker that holds jobs from outside of its main loop, so that a handler which blocks the loop
   * does not lose them. Undefined where this store can not: then the worker beats by its session.
   */
  startHeartbeat?(plan: HeartbeatPlan): Heartbeat | undefined;
}

/** What sessions are made of, call by call. Workers do not use it: the contract suite proves it on every store. */
export interface TurnVerbs {
  /**
   * Ends runs and starts the next ones in one step: applies `settlements` whose token is still the newest, promotes what
   * is due, then reserves up to `want` jobs under the worker's lease. Repeated with the same `call`, it answers the same.
   */
  settleAndReserve(queue: string, turn: WorkerTurn): Promise<Reservation>;
  /** Renews the worker's lease. `lapsed` when it had run out: the worker must {@link reconcile}. */
  beat(queue: string, worker: string, leaseMs: number): Promise<BeatReply>;
  /**
   * Compares what a worker holds with what the store thinks it holds: releases what it does not hold, names what it lost.
   * The worker lives, so the crash that was counted for what it lost is taken back.
   */
  reconcile(queue: string, worker: string, held: readonly HeldJob[]): Promise<Reconciliation>;
  /** The worker leaves: its lease and registrations go; jobs it still holds are released to the front, no attempt burned. */
  leave(queue: string, worker: string): Promise<void>;
  /** Stores progress and log lines of running jobs whose token is still the newest; names those that lost it. */
  report(queue: string, reports: readonly RunReport[]): Promise<{ lost: string[] }>;
  /**
   * Tells this worker that a queue may have work. Also called after every reconnect. With `handed`, the store has reserved
   * that job for it already: a turn that does not know its fence yet brings it again.
   */
  onWake(worker: string, listener: (queue: string, handed?: ReservedJob) => void): Promise<Unsubscribe>;
}

/**
 * The turns of one worker on one queue. How a store is called, and what is done about lost replies, outages, refused requests and
 * jobs that come twice, is the session's; when a turn goes out is the worker's.
 */
export interface WorkerSession {
  /** Listens to wake-ups. Resolves when none is missed any more. */
  listen(): Promise<void>;
  /**
   * The end of a run: the next turns carry it.
   * @param stored the envelope that the store has of the job
   */
  settle(settlement: Settlement, stored: string): void;
  /** Settlements wait for a turn. */
  readonly hasUnsettled: boolean;
  /** More jobs may come without a turn: no slot that becomes free needs one. */
  readonly hasRegisteredRoom: boolean;
  /** Most jobs that one turn may ask for. */
  readonly mostJobs: number;
  /**
   * Whether so many settlements wait that a turn should go out before the tick ends.
   * @param capacity jobs that the worker may run and hold
   */
  hasFullBatch(capacity: number): boolean;
  /** Whether a turn may go out now, beside those under way, for what waits. */
  isWorthATurn(need: TurnNeed): boolean;
  /**
   * Settles what ended, promotes what is due, reserves. Repeats the call until the store answers.
   * @returns undefined where the session ended first
   */
  turn(request: TurnRequest): Promise<TurnAnswer | undefined>;
  /**
   * Compares what the worker holds with what the store thinks it holds; {@link SessionPlan.onLost} names what is lost. Never
   * beside a turn: what the store hands out just then would look like something that the worker does not hold.
   */
  reconcile(held: readonly HeldJob[]): Promise<void>;
  /** Stores progress and log lines of running jobs whose token is still the newest; names those that lost it. */
  report(reports: readonly RunReport[]): Promise<{ lost: string[] }>;
  /** Renews the worker's lease. `lapsed` when it had run out: the worker must {@link reconcile}. */
  beat(): Promise<BeatReply>;
  /** The worker takes no more jobs: none is handed over to it from the next turn on. */
  stopReserving(): void;
  /** Ends every repetition at once. Resolves when nothing is listened to any more. */
  close(): Promise<void>;
  /** The worker leaves: its lease and registrations go; jobs it still holds are released to the front, no attempt burned. */
  leave(): Promise<void>;
}

/** What waits for a turn beside settlements. */
export interface TurnNeed {
  /** Work may wait in the store. */
  hungry: boolean;
  /** Somebody wants to know whether the store answers. */
  probing: boolean;
  /** Jobs that the worker may run and hold. */
  capacity: number;
}

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
  /** The store reserved something, so the worker's lease began anew at {@link now}. */
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
  /** When to look again, store time in ms: the next scheduled job is due, or a rate permits the next start. Undefined where the turn got all it asked for. */
  nextDueAt: number | undefined;
  /** The queue has limits: a job that is held starts nowhere else. */
  limited: boolean;
  /** Dead letters that retention trimmed in this step: worth a warning. */
  trimmedDead: number;
}

/** Whom a session serves, and what it calls when something happens outside of a turn. */
export interface SessionPlan {
  queue: string;
  worker: string;
  leaseMs: number;
  /** How dead jobs are kept where their settlement does not say. */
  deadRetention: RetentionRule;
  logger: SessionLogger;
  /** There may be work. Also called after every reconnect. */
  onWake: () => void;
  /** Jobs were reserved for this worker, each once, at this time of the store, ms. */
  onJobs: (jobs: readonly ReservedJob[], reservedAt: number) => void;
  /** Nobody wakes this worker any more: a turn registers it again, where it has room. */
  onUnregistered: () => void;
  /** Settlements have waited for others long enough: a turn is worth it. */
  onSettlementsDue: () => void;
  /** What the worker holds and what the store says may differ: {@link WorkerSession.reconcile}, and then a turn. */
  onDoubt: () => void;
  /** Newer leases exist on these jobs. */
  onLost: (lost: readonly HeldJob[]) => void;
  /** The store refused the end of a job for its size: the job is dead instead. */
  onBuried: (settlement: Settlement & { op: 'bury' }) => void;
  /** Whether the worker neither runs nor holds a job. */
  holdsNothing: () => boolean;
}

export interface SessionLogger {
  log(line: string): void;
  warn(line: string): void;
  error(line: string): void;
}

/** Proof of the newest lease on one job: `worker:fence`. */
export type Token = string;

export interface HeldJob {
  id: string;
  token: Token;
}

/** What a finished run becomes. One exhaustive switch (worker/job-runner) makes them, one call of {@link TurnVerbs.settleAndReserve} applies them. */
export type Settlement = SettlementOp & {
  /** How long the run took, where there was one: events tell it. */
  durationMs?: number | undefined;
};

type SettlementOp =
  /** `envelope`: the text the job was reserved with, where sending it back is cheaper than looking it up again. */
  | { op: 'complete'; id: string; token: Token; result: string; envelope?: string; keep: RetentionRule }
  /** Runs again after `delayMs` (0: at the back of the queue at once) with a new envelope, whose newest error is in the event. */
  | { op: 'retry'; id: string; token: Token; delayMs: number; envelope: string }
  | { op: 'snooze'; id: string; token: Token; delayMs: number; envelope: string | undefined }
  /** Back to the front, untouched. */
  | { op: 'release'; id: string; token: Token }
  /** Back to the front, and nothing of the queue, or of its group, starts for `forMs`. */
  | { op: 'limit'; id: string; token: Token; forMs: number; scope?: 'group' }
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
  /** Its first line alone where there is a {@link payload}. */
  envelope: string;
  /** A payload that the store keeps apart: what settles the job brings an envelope without it, too. */
  payload?: string;
  /** Times a worker died while it held this job. */
  crashes: number;
  /** It was handed over before, and may have come by {@link TurnVerbs.onWake}, too. */
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
  /** When to look again, store time in ms: the next scheduled job is due, or a rate permits the next start. Undefined where the turn got all it asked for. */
  nextDueAt: number | undefined;
  /** The queue has limits. */
  limited: boolean;
  /** Somebody may await results of the queue: its settlements are not held back for long. */
  awaited: boolean;
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
  /** The main loop stood still beyond the limit; called once it moves again. */
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
