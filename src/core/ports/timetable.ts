import type { BrokerRefusedError } from '../errors/store-errors.js';
import type { EnqueueReceipt } from './intake.js';

/** A paused or ended schedule has no tick to come; only `active` ones fire. */
export type ScheduleStatus = 'active' | 'paused' | 'ended';

/**
 * - `user`: somebody paused it.
 * - `failure`: one of its last runs died, and it asked to be paused then.
 * - `removed`: no live instance of its app declares it any more.
 */
export type PauseReason = 'user' | 'failure' | 'removed';

/**
 * What a tick does while the last job of its schedule has not settled: runs beside it, is passed over, or waits, and all
 * ticks that come meanwhile become one job.
 */
export type Overlap = 'allow' | 'skip' | 'queue-one';

/**
 * Schedules: rules, their next ticks, and what became of the last ones. Any instance may fire any schedule; the store compares
 * and sets (rule, tick), so that each tick is fired once. Instants are ms since the epoch, and only the store's clock decides
 * whether one has come.
 */
export interface Timetable {
  /** Stores a rule. The same rule again writes nothing, so that restarts never postpone a tick. */
  register(queue: string, schedule: NewSchedule): Promise<RegisterAnswer>;
  /**
   * A process with declared schedules says that it lives and which rules it holds, at most 100 a call, every 20 s or so.
   * Pauses what nobody of this app announced for 60 s, if the app itself was announced without a gap all that time: so
   * neither scaling to zero nor an outage pauses anything.
   */
  announce(queue: string, app: string, schedules: readonly AnnouncedSchedule[]): Promise<Announcement>;
  /** Up to `limit` schedules to be looked at now, earliest first. Big specs make a page shorter. */
  due(queue: string, limit: number): Promise<DueSchedules>;
  /**
   * Each fire by itself is all or nothing, and repeated it is `stale`. At most 50 a call, at most 500 jobs and 4 MiB of
   * envelopes in one fire: a scheduler that has more to make up for fires a part, with the first tick left out as `nextTick`.
   * @returns one answer per fire, in order; an error for one that the server refuses by itself, mostly for its size
   * @throws StoreFullError, BrokerUnavailableError: of a long call some may have been fired, all others keep their ticks
   */
  fire(queue: string, fires: readonly ScheduleFire[]): Promise<(FireAnswer | BrokerRefusedError)[]>;
  /** Until somebody resumes it, whatever a deployment says. An ended one stays ended. @returns whether it exists */
  pause(queue: string, name: string): Promise<boolean>;
  /**
   * Goes on from `next`, which counts from now: a pause backfills nothing. One that is not paused stays as it is, and so
   * does one that was removed from the code: nobody would ever pause it again.
   */
  resume(queue: string, name: string, specHash: string, next: ComingTick): Promise<ResumeAnswer>;
  /**
   * Enqueues a job of this schedule beside its ticks, also while it is paused. It is in the history and counts as an
   * unsettled job for `overlap`, but neither as fired nor for a limit. Its user id makes a repeated call harmless. Where another
   * job has its unique key, that one is answered with `conflict: 'kept'`, and nothing changes.
   */
  runNow(
    queue: string,
    name: string,
    specHash: string,
    job: ScheduledJob,
  ): Promise<EnqueueReceipt | 'changed' | 'not-found'>;
  /** In the order of the names; undefined where there is none. */
  read(queue: string, names: readonly string[]): Promise<(StoredSchedule | undefined)[]>;
  /**
   * One page in no particular order. Whatever exists all the while is met, perhaps twice where others are made or removed
   * meanwhile; a page may hold some more than `limit` (at most 500).
   */
  list(queue: string, cursor: string | undefined, limit: number): Promise<SchedulePage>;
  /** The last runs, newest first, at most 10; none for a schedule that does not exist. */
  history(queue: string, name: string, limit: number): Promise<ScheduleRun[]>;
  /** Deletes rule, tick and history; jobs stay. @returns whether it existed */
  remove(queue: string, name: string): Promise<boolean>;
}

export interface ComingTick {
  /** First tick after now; undefined: none is left, and the schedule is stored as ended. */
  nextTick: number | undefined;
  /** When to fire it: the tick and its jitter. Default: at the tick. */
  lookAt?: number;
}

export interface NewSchedule extends ComingTick {
  name: string;
  /** Hash of everything in `spec`, without spaces and commas: equal hashes are the same rule. */
  specHash: string;
  /** The rule and its options, opaque to the store. */
  spec: string;
  /** The app whose code declares it; undefined: made at run time, so nobody announces it. */
  app?: string;
  /** Replaces a rule also where `due` would be the answer: a tick that has come and is not fired is lost. Default false. */
  losesTick?: boolean;
}

/**
 * - `replaced`: it goes on from `nextTick`, with counts of its own; one that was paused by a user or a failure stays so.
 *   Also answered where the same rule was paused as `removed` and is declared again.
 * - `outdated`: this rule was replaced by another that a live instance announced within the last 60 s. Nothing changed.
 * - `conflict`: the name belongs to a schedule made at run time and this one is declared by code, or the other way round;
 *   or to another app that declared it within the last 60 s. Nothing changed.
 * - `due`: a tick of the rule that would be replaced has come and is not fired, or `nextTick` was fired meanwhile. Nothing
 *   changed: fire what is due, count from now, and register again.
 */
export type RegisterAnswer = 'created' | 'unchanged' | 'replaced' | 'outdated' | 'conflict' | 'due';

export interface AnnouncedSchedule {
  name: string;
  specHash: string;
}

/** Names by what has to be done; those that were announced as they are stored are in none of them. */
export interface Announcement {
  /** A newer deployment replaced their rule and lives: leave it. */
  outdated: string[];
  /**
   * Register them again: the store does not know them (any more), the rule that is stored has no live instance left, or
   * another app declared them last.
   */
  unknown: string[];
  /** Paused now, because no instance declares them any more: worth a warning. */
  removed: string[];
}

export interface DueSchedules {
  /** Store time, ms. */
  now: number;
  due: DueSchedule[];
  /** The earliest look-at time of a schedule that is not in `due`; not later than `now` where the page was too short. */
  nextLookAt: number | undefined;
}

export interface DueSchedule {
  name: string;
  specHash: string;
  spec: string;
  /** The stored next tick. */
  tick: number;
  /** Jobs that ticks of this rule were given so far. */
  fired: number;
}

export interface ScheduledJob {
  envelope: string;
  /** Makes a second job of one tick impossible. */
  userId: string;
  /** 0 (default) to 9, higher first. */
  priority?: number;
  /** As of any new job: a tick gets no job while another one has the key. */
  uniqueKey?: string;
  freeWhileRunning?: boolean;
  /** As of any new job. */
  group?: string;
  ordered?: boolean;
  /** The tick it stands for. */
  scheduledFor: number;
}

export interface ScheduleFire extends ComingTick {
  name: string;
  /** It and `tick` are compared with what is stored. */
  specHash: string;
  tick: number;
  /** Oldest first; none passes the tick over. With an `overlap` other than `allow` only the newest is enqueued. */
  jobs: readonly ScheduledJob[];
  /** Ticks that came and get no job of their own, for the history of the newest job. */
  missed: number;
  overlap: Overlap;
  /** Pauses the schedule instead, if one of its last 10 runs died since it was resumed last. */
  pauseOnFailure: boolean;
  /** Jobs that ticks of this rule get in all its life: with the last of them it ends. */
  limit: number | undefined;
  /** A tick that has come does not wait for its jitter: its rule is about to be replaced. Default false. */
  atOnce?: boolean;
}

/**
 * - `fired`: done, with or without a job.
 * - `stale`: fired by another instance, replaced or removed.
 * - `early`: by the store's clock its time to be looked at has not come.
 * - `held`: `queue-one`, and the last job has not settled: the same tick is due again in a second.
 * - `overlapped`: `skip`, and the last job has not settled, or another job has the unique key of each job: the tick was passed over.
 * - `paused`, `ended`: it is, or has become so by this fire, and got no job.
 */
export type FireAnswer = 'fired' | 'stale' | 'early' | 'held' | 'overlapped' | 'paused' | 'ended';

/** `changed`: another rule is stored meanwhile. `removed`: only code that declares it again lets it go on. */
export type ResumeAnswer = 'resumed' | 'removed' | 'changed' | 'not-found';

export interface StoredSchedule {
  name: string;
  specHash: string;
  spec: string;
  app: string | undefined;
  status: ScheduleStatus;
  /** Only of a paused one. */
  pauseReason: PauseReason | undefined;
  /** Only of an active one. */
  nextTick: number | undefined;
  /** The last tick that was given a job. */
  lastTick: number | undefined;
  /** Jobs that ticks of this rule were given. */
  fired: number;
  /** Fires of this rule that gave no job: too late, overlapping, or while another job had their unique key. */
  skipped: number;
  createdAt: number;
  /** When an instance declared it last; undefined for one made at run time, and for one that was removed. */
  announcedAt: number | undefined;
}

export interface SchedulePage {
  schedules: StoredSchedule[];
  /** Pass it on for the next page; undefined at the end. */
  cursor: string | undefined;
}

export interface ScheduleRun {
  /** The tick its job stands for. */
  tick: number;
  firedAt: number;
  /** Ticks that came before it and got no job. */
  missed: number;
  jobId: string;
}
