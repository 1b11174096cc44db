import type {
  BeatReply,
  CancelAnswer,
  EnqueueReceipt,
  HeldJob,
  NewJob,
  NewSchedule,
  ReclaimReply,
  Reservation,
  RunReport,
  ScheduleFire,
  Settlement,
  StoredSchedule,
  WorkerTurn,
} from '../../src/core/broker.js';
import { decodeEnvelope, encodeSettledLine, jobNameOf } from '../../src/core/envelope.js';
import { isSettled, JOB_STATES, type JobState, type RetentionRule, type SettledState } from '../../src/core/job.js';

/** Where a job is and everything that may be told of it. Fields of other states than its own mean nothing. */
export interface ModelJob {
  id: string;
  userId: string | undefined;
  envelope: string;
  state: JobState;
  priority: number;
  /** Ready: its place in the line. */
  place: number;
  /** Scheduled. */
  dueAt: number;
  /** Active: by whom, and the proof; '' until the store has given one. */
  worker: string;
  token: string;
  crashes: number;
  cancelling: boolean;
  /** Settled; `end` counts the ends. */
  settledAt: number;
  detail: string;
  end: number;
  progress: string | undefined;
  logs: string[];
}

/** A turn as it was answered: what the same call must be answered again. */
export interface MadeTurn {
  turn: WorkerTurn;
  at: number;
  fence: number;
  lost: string[];
  held: HeldJob[];
}

const MAX_CRASHES = 3;
const LOG_LINES = 100;
const CANCELLED = '{"reason":"cancelled"}';

const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
const isSuspect = (job: ModelJob) => job.crashes >= MAX_CRASHES - 1;
const nameOf = (job: ModelJob) => jobNameOf(decodeEnvelope(job.envelope));
const parkedKeyOf = (job: ModelJob) => `${nameOf(job)} ${job.id}`;
const newestEnd = (a: ModelJob, b: ModelJob) => b.settledAt - a.settledAt || byText(b.id, a.id);

/** The order in which a listing tells the jobs of a state: for those that wait, the order in which they run. */
const ORDERS: Record<JobState, (a: ModelJob, b: ModelJob) => number> = {
  scheduled: (a, b) => a.dueAt - b.dueAt || byText(a.id, b.id),
  ready(a, b) {
    if (isSuspect(a) !== isSuspect(b)) return isSuspect(a) ? -1 : 1;
    return (isSuspect(a) ? 0 : b.priority - a.priority) || a.place - b.place;
  },
  active: (a, b) => byText(a.id, b.id),
  parked: (a, b) => byText(parkedKeyOf(a), parkedKeyOf(b)),
  blocked: () => 0,
  completed: (a, b) => b.end - a.end,
  cancelled: newestEnd,
  dead: newestEnd,
};

/**
 * What a queue is, said as plainly as possible: one set of jobs, each with one state; every order is a sort, every verb
 * a walk over all of them. Nothing here is fast, and nothing is shared with the brokers that are measured by it.
 */
export class QueueModel {
  readonly jobs = new Map<string, ModelJob>();
  /** Ids of all jobs that ever were, in the order in which they came. */
  readonly known = new Set<string>();
  readonly leases = new Map<string, number>();
  readonly turns = new Map<string, MadeTurn[]>();
  /** The number of each worker's last call. */
  readonly calls = new Map<string, number>();
  /** Every lease that was ever given out, the newest of a job among them. */
  readonly issued: (HeldJob & { worker: string })[] = [];
  readonly rules = new Map<string, Omit<StoredSchedule, 'tick'> & { tick: number | undefined }>();
  readonly inbox: string[] = [];
  paused = false;
  fence = 0;
  /** Completed jobs that retention may have taken, as many as it likes, since the last look. */
  mayTrimTo: number | undefined;
  largestTurn = 0;
  /** A job left the line where it waited: a store may count its place until it comes to it. */
  mayHaveHoles = false;
  private seenAt: number | undefined;
  private graceUntil = 0;
  private places = 0;
  private ends = 0;

  constructor(public now: number) {}

  // ---------------------------------------------------------------- read

  inState(state: JobState): ModelJob[] {
    return [...this.jobs.values()].filter((job) => job.state === state).sort(ORDERS[state]);
  }

  counts(): Record<JobState, number> {
    return Object.fromEntries(JOB_STATES.map((state) => [state, this.inState(state).length])) as Record<
      JobState,
      number
    >;
  }

  /** By a user's id, else by the store's. */
  find(id: string): ModelJob | undefined {
    return [...this.jobs.values()].find(({ userId }) => userId === id) ?? this.jobs.get(id);
  }

  heldBy(worker: string): ModelJob[] {
    return this.inState('active').filter((job) => job.worker === worker);
  }

  nextDueAt(): number | undefined {
    return this.inState('scheduled')[0]?.dueAt;
  }

  private suspects(): ModelJob[] {
    return this.inState('ready').filter(isSuspect);
  }

  private ordinary(): ModelJob[] {
    return this.inState('ready').filter((job) => !isSuspect(job));
  }

  private cancellingOf(worker: string): string[] {
    return this.heldBy(worker)
      .filter(({ cancelling }) => cancelling)
      .map(({ id }) => id);
  }

  // ---------------------------------------------------------------- enqueue

  /** @param minted the id that the store gave each job, should it be a new one */
  enqueue(jobs: readonly NewJob[], minted: readonly string[]): EnqueueReceipt[] {
    return jobs.map((job, index) => {
      const first = job.userId === undefined ? undefined : this.find(job.userId);
      if (first !== undefined && first.userId === job.userId)
        return { id: first.id, created: false, state: first.state };
      const dueAt = job.delayMs === undefined ? (job.runAt ?? 0) : this.now + job.delayMs;
      const added = this.add(minted[index], job);
      if (dueAt > this.now) Object.assign(added, { state: 'scheduled', dueAt });
      return { id: added.id, created: true, state: added.state };
    });
  }

  add(id: string, { envelope, userId, priority = 0 }: NewJob): ModelJob {
    const job: ModelJob = {
      ...{ id, userId, envelope, priority, state: 'ready', place: ++this.places, dueAt: 0, worker: '', token: '' },
      ...{ crashes: 0, cancelling: false, settledAt: 0, detail: '', end: 0, progress: undefined, logs: [] },
    };
    this.jobs.set(id, job);
    this.known.add(id);
    return job;
  }

  // ---------------------------------------------------------------- turns

  /** Tokens and fence are the store's to choose: {@link grant} takes them in. */
  turn(turn: WorkerTurn): Omit<Reservation, 'fence' | 'jobs'> & { ids: string[] } {
    const last = this.turns.get(turn.worker)?.at(-1);
    if (last !== undefined && last.turn.call >= turn.call) return this.repeat(turn, last);
    const { lost, trimmedDead } = this.settle(turn.settlements);
    this.promote(Infinity);
    const chosen = this.paused ? [] : this.choose(turn);
    for (const job of chosen) Object.assign(job, { state: 'active', worker: turn.worker, token: '' });
    if (chosen.length > 0) this.leases.set(turn.worker, this.now + turn.leaseMs);
    const cancelling = this.cancellingOf(turn.worker);
    return { ...this.answer(turn, chosen), lost, trimmedDead, cancelling };
  }

  grant(turn: WorkerTurn, reply: Reservation): void {
    this.fence = reply.fence;
    for (const { id, token } of reply.jobs) {
      const job = this.jobs.get(id);
      if (job !== undefined) job.token = token;
      this.issued.push({ id, token, worker: turn.worker });
    }
    const held = reply.jobs.map(({ id, token }) => ({ id, token }));
    const made = this.turns.get(turn.worker) ?? [];
    this.turns.set(turn.worker, [...made, { turn, at: this.now, fence: reply.fence, lost: reply.lost, held }]);
  }

  /** The same call again: the same answer, less what was lost meanwhile. An older one: nothing. */
  private repeat(turn: WorkerTurn, last: MadeTurn) {
    const same = last.turn.call === turn.call;
    const held = same ? last.held : [];
    const still = held.flatMap(({ id, token }) => {
      const job = this.jobs.get(id);
      return job?.state === 'active' && job.token === token ? [job] : [];
    });
    return { ...this.answer(turn, still), lost: same ? last.lost : [], cancelling: [], trimmedDead: 0 };
  }

  private answer(turn: WorkerTurn, jobs: readonly ModelJob[]) {
    return {
      now: this.now,
      ids: jobs.map(({ id }) => id),
      paused: this.paused,
      backlog: this.ordinary().length > 0,
      suspects: this.suspects().length > 0,
      parked: this.inState('parked').length > 0,
      nextDueAt: jobs.length < turn.want ? this.nextDueAt() : undefined,
    };
  }

  private choose({ want, alone, adopt }: WorkerTurn): ModelJob[] {
    const suspects = this.suspects();
    if (alone && want > 0 && suspects.length > 0) return suspects.slice(0, 1);
    const parked = this.inState('parked');
    const adopted =
      adopt === '*' ? parked : (adopt ?? []).flatMap((name) => parked.filter((job) => nameOf(job) === name));
    return [...this.ordinary(), ...adopted].slice(0, want);
  }

  private settle(settlements: readonly Settlement[]): { lost: string[]; trimmedDead: number } {
    const lost: string[] = [];
    const released: ModelJob[] = [];
    const completed: ModelJob[] = [];
    let trimmedDead = 0;
    for (const settlement of settlements) {
      const job = this.jobs.get(settlement.id);
      if (job?.state !== 'active' || job.token !== settlement.token) {
        lost.push(settlement.id);
        continue;
      }
      job.token = '';
      if (settlement.op === 'release') released.push(job);
      else if (settlement.op === 'complete') completed.push(job);
      trimmedDead += this.apply(job, settlement);
    }
    this.largestTurn = Math.max(this.largestTurn, completed.length);
    // The first of them is the first to run again.
    for (const job of released.reverse()) this.giveBack(job);
    return { lost, trimmedDead };
  }

  /** @returns how many dead letters had to go */
  private apply(job: ModelJob, settlement: Settlement): number {
    switch (settlement.op) {
      case 'complete':
        return this.end(job, 'completed', settlement.result, settlement.keep);
      case 'cancel':
        this.end(job, 'cancelled', CANCELLED, settlement.keep);
        return 0;
      case 'bury':
        job.envelope = settlement.envelope ?? job.envelope;
        return this.end(job, 'dead', settlement.detail, settlement.keep);
      case 'retry':
      case 'snooze':
        job.envelope = settlement.envelope ?? job.envelope;
        if (this.endIfCancelling(job)) return 0;
        job.crashes = 0;
        if (settlement.delayMs > 0) Object.assign(job, { state: 'scheduled', dueAt: this.now + settlement.delayMs });
        else this.makeReady(job, 'back');
        return 0;
      case 'park':
        if (!this.endIfCancelling(job)) job.state = 'parked';
        return 0;
      case 'release':
        return 0;
      default:
        throw new Error(`No such settlement: ${JSON.stringify(settlement satisfies never)}`);
    }
  }

  private makeReady(job: ModelJob, end: 'front' | 'back'): void {
    Object.assign(job, { state: 'ready', place: end === 'back' ? ++this.places : -++this.places });
  }

  private giveBack(job: ModelJob): void {
    if (!this.endIfCancelling(job)) this.makeReady(job, 'front');
  }

  private endIfCancelling(job: ModelJob): boolean {
    if (!job.cancelling) return false;
    this.end(job, 'cancelled', CANCELLED, undefined);
    return true;
  }

  private end(job: ModelJob, state: SettledState, detail: string, keep: RetentionRule | undefined): number {
    Object.assign(job, { state, detail, settledAt: this.now, end: ++this.ends, crashes: 0, cancelling: false });
    if (keep === false) this.jobs.delete(job.id);
    if (keep === false || keep === undefined) return 0;
    if (state === 'completed') {
      this.mayTrimTo = Math.min(this.mayTrimTo ?? Infinity, keep.count);
      return 0;
    }
    return this.trimState(state, { ...keep, ageMs: Infinity });
  }

  // ---------------------------------------------------------------- leases

  beat(worker: string, leaseMs: number): BeatReply {
    const lapsed = (this.leases.get(worker) ?? 0) <= this.now;
    this.leases.set(worker, this.now + leaseMs);
    return { now: this.now, lapsed, cancelling: this.cancellingOf(worker) };
  }

  reconcile(worker: string, held: readonly HeldJob[]): { lost: string[]; released: number } {
    const lost = held.filter(({ id, token }) => {
      const job = this.jobs.get(id);
      return job?.state !== 'active' || job.token !== token;
    });
    const orphans = this.heldBy(worker).filter(({ id }) => held.every((each) => each.id !== id));
    // The oldest ends at the very front.
    for (const job of orphans.reverse()) this.giveBack(job);
    return { lost: lost.map(({ id }) => id), released: orphans.length };
  }

  leave(worker: string): void {
    this.reconcile(worker, []);
    this.leases.delete(worker);
  }

  report(reports: readonly RunReport[]): { lost: string[] } {
    const lost: string[] = [];
    for (const { id, token, progress, logs } of reports) {
      const job = this.jobs.get(id);
      if (job?.state === 'active' && job.token === token) {
        job.progress = progress ?? job.progress;
        job.logs = [...job.logs, ...logs].slice(-LOG_LINES);
      } else lost.push(id);
    }
    return { lost };
  }

  promote(limit: number): { promoted: number; nextDueAt: number | undefined } {
    const due = this.inState('scheduled').filter(({ dueAt }) => dueAt <= this.now);
    const promoted = due.slice(0, limit);
    for (const job of promoted) this.makeReady(job, 'back');
    return { promoted: promoted.length, nextDueAt: this.nextDueAt() };
  }

  /** One step: the worker whose lease ran out first. */
  reclaim(leaseMs: number): ReclaimReply {
    const running = this.inState('active').length > 0;
    const wasAway = this.seenAt === undefined || this.now - this.seenAt > leaseMs / 2;
    if (running && wasAway) this.graceUntil = this.now + leaseMs;
    this.seenAt = this.now;
    const [worker] = this.expired();
    const poisoned: string[] = [];
    let reclaimed = 0;
    if (worker !== undefined) {
      for (const job of this.heldBy(worker).reverse()) {
        if (this.endIfCancelling(job)) continue;
        job.crashes++;
        if (job.crashes < MAX_CRASHES) {
          reclaimed++;
          this.makeReady(job, isSuspect(job) ? 'back' : 'front');
        } else {
          poisoned.push(job.id);
          const message = `Its worker died ${MAX_CRASHES} times while it ran.`;
          this.end(job, 'dead', JSON.stringify({ reason: 'poison', message }), undefined);
        }
      }
      this.leases.delete(worker);
    }
    const { active: inflight, ready, parked } = this.counts();
    const nextExpiryAt = this.leases.size === 0 ? undefined : Math.min(...this.leases.values());
    const more = this.expired().length > 0;
    return {
      now: this.now,
      reclaimed,
      poisoned,
      more,
      inflight,
      nextExpiryAt,
      ready,
      nextDueAt: this.nextDueAt(),
      parked,
    };
  }

  private expired(): string[] {
    if (this.now < this.graceUntil) return [];
    const expired = [...this.leases].filter(([, endsAt]) => endsAt <= this.now);
    return expired.sort(([a, x], [b, y]) => x - y || byText(a, b)).map(([worker]) => worker);
  }

  // ---------------------------------------------------------------- curate

  cancel(id: string): CancelAnswer {
    const job = this.find(id);
    if (job === undefined) return 'not-found';
    if (isSettled(job.state)) return 'finished';
    if (job.state === 'ready') this.mayHaveHoles = true;
    if (job.state !== 'active') {
      this.end(job, 'cancelled', CANCELLED, undefined);
      return 'cancelled';
    }
    job.cancelling = true;
    return 'requested';
  }

  retryDead(id: string, settledAt: number, envelope: string): 'retried' | 'changed' | 'not-found' {
    const job = this.find(id);
    if (job === undefined) return 'not-found';
    if (job.state !== 'dead' || job.settledAt !== settledAt) return 'changed';
    job.envelope = envelope;
    job.priority = decodeEnvelope(envelope).header.p ?? 0;
    this.makeReady(job, 'back');
    return 'retried';
  }

  remove(id: string): 'removed' | 'active' | 'not-found' {
    const job = this.find(id);
    if (job === undefined) return 'not-found';
    if (job.state === 'active') return 'active';
    if (job.state === 'ready') this.mayHaveHoles = true;
    this.jobs.delete(job.id);
    return 'removed';
  }

  /** The first of the line, the oldest end. @param count how many the store says it removed */
  purge(state: JobState, count: number): void {
    const line = this.inState(state);
    if (isSettled(state)) line.reverse();
    for (const { id } of line.slice(0, count)) this.jobs.delete(id);
  }

  /** Of what is completed, a store may keep a few more than asked for: {@link takeTrimmed} sees which went. */
  trim(retention: Record<SettledState, RetentionRule>): { trimmedCancelled: number; trimmedDead: number } {
    const { completed } = retention;
    const young = this.inState('completed').filter(
      ({ settledAt }) => this.now - settledAt <= (completed ? completed.ageMs : 0),
    );
    this.mayTrimTo = completed ? Math.min(completed.count, young.length) : 0;
    const trimmedCancelled = this.trimState('cancelled', retention.cancelled);
    return { trimmedCancelled, trimmedDead: this.trimState('dead', retention.dead) };
  }

  private trimState(state: 'cancelled' | 'dead', keep: RetentionRule): number {
    let trimmed = 0;
    for (;;) {
      const kept = this.inState(state);
      const oldest = kept.at(-1);
      if (oldest === undefined) return trimmed;
      const bytes = kept.reduce((sum, job) => sum + bytesOf(job), 0);
      const age = this.now - oldest.settledAt;
      if (keep && kept.length <= keep.count && bytes <= keep.bytes && age <= keep.ageMs) return trimmed;
      this.jobs.delete(oldest.id);
      trimmed++;
    }
  }

  /** @returns the ids that went, oldest end first; throws where the store took what it had to keep */
  takeTrimmed(kept: ReadonlySet<string>): string[] {
    const gone = this.inState('completed').filter(({ id }) => !kept.has(id));
    const left = this.inState('completed').length - gone.length;
    if (gone.length > 0 && left < (this.mayTrimTo ?? Infinity)) {
      throw new Error(
        `${gone.length} completed jobs vanished, ${left} are left, retention may leave ${this.mayTrimTo}`,
      );
    }
    this.mayTrimTo = undefined;
    const oldest = this.inState('completed').reverse().slice(0, gone.length);
    if (oldest.some(({ id }) => kept.has(id))) throw new Error('Retention took others than the oldest completed jobs');
    for (const { id } of oldest) this.jobs.delete(id);
    return oldest.map(({ id }) => id);
  }

  // ---------------------------------------------------------------- schedules

  register({ name, specHash, spec, nextTick }: NewSchedule): 'created' | 'unchanged' | 'replaced' {
    const stored = this.rules.get(name);
    if (stored?.specHash === specHash) return 'unchanged';
    this.rules.set(name, { name, specHash, spec, tick: nextTick, lastTick: stored?.lastTick });
    return stored === undefined ? 'created' : 'replaced';
  }

  coming(): StoredSchedule[] {
    const coming = [...this.rules.values()].filter((rule): rule is StoredSchedule => rule.tick !== undefined);
    return coming.sort((a, b) => a.tick - b.tick || byText(a.name, b.name));
  }

  /** Its job, where it has one that is not kept yet, is for the caller to {@link add}. */
  fire({ name, specHash, tick, nextTick, job }: ScheduleFire): { answer: 'fired' | 'stale' | 'early'; adds: boolean } {
    const rule = this.rules.get(name);
    if (rule?.specHash !== specHash || rule.tick !== tick) return { answer: 'stale', adds: false };
    if (this.now < tick) return { answer: 'early', adds: false };
    Object.assign(rule, { tick: nextTick, lastTick: job === undefined ? rule.lastTick : tick });
    return { answer: 'fired', adds: job !== undefined && this.find(job.userId ?? '') === undefined };
  }
}

/** Bytes of the record of a settled job. */
export function bytesOf(job: ModelJob): number {
  const line = encodeSettledLine(job.state as SettledState, job.settledAt, job.detail);
  return Buffer.byteLength(`${line}\n${job.envelope}`);
}
