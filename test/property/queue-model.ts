import type { CancelAnswer, RetryAnswer } from '../../src/core/ports/curation.js';
import type { ReclaimReply } from '../../src/core/ports/duties.js';
import type { EnqueueReceipt, NewJob } from '../../src/core/ports/intake.js';
import {
  callerOf,
  type BeatReply,
  type HeldJob,
  type Reservation,
  type RunReport,
  type Settlement,
  type WorkerTurn,
} from '../../src/core/ports/worker-store.js';
import { decodeEnvelope } from '../../src/core/envelope.js';
import { isSettled, type JobState, type RetentionRule, type SettledState } from '../../src/core/job.js';
import { KeyModel, type Claim } from './key-model.js';
import { byText, isSuspect, MAX_CRASHES, nameOf, type ModelJob } from './model-job.js';
import { CANCELLED, ModelState } from './model-state.js';
import { RuleModel } from './rule-model.js';

/** A turn as it was answered: what the same call must be answered again. */
export interface MadeTurn {
  turn: WorkerTurn;
  at: number;
  fence: number;
  lost: string[];
  held: HeldJob[];
  /** Tokens of those that had been handed over before. */
  handed: string[];
  /** Jobs that may be handed over. */
  room: number;
}

/** What was handed over to a worker and has not arrived as far as its turns say. */
export interface HandedJobs {
  at: number;
  jobs: HeldJob[];
}

/** A worker is handed jobs for so long after a turn; stores count whole seconds. */
const FRESH_MS = 2000;
const MOST_HANDED = 8;
const LOG_LINES = 100;

/**
 * What a queue is, said as plainly as possible: one set of jobs, each with one state; every order is a sort, every verb
 * a walk over all of them. Nothing here is fast, and nothing is shared with the stores that are measured by it.
 */
export class QueueModel extends ModelState {
  readonly leases = new Map<string, number>();
  /** By caller: a lane of a worker. */
  readonly turns = new Map<string, MadeTurn[]>();
  readonly handed = new Map<string, HandedJobs>();
  /** By worker: jobs that may be handed over before its next turn. */
  readonly rooms = new Map<string, number>();
  /** The number of each caller's last call. */
  readonly calls = new Map<string, number>();
  /** Every lease that was ever given out, the newest of a job among them. */
  readonly issued: (HeldJob & { worker: string })[] = [];
  readonly rules = new RuleModel(this, (job) => this.keys.meet(job));
  readonly inbox: string[] = [];
  paused = false;
  fence = 0;
  largestTurn = 0;
  private readonly keys = new KeyModel(this);
  private seenAt: number | undefined;
  private wasQuiet = false;
  private graceUntil = 0;

  // ---------------------------------------------------------------- enqueue

  /** @param minted the id that the store gave each job, should it be a new one */
  enqueue(jobs: readonly NewJob[], minted: readonly string[]): EnqueueReceipt[] {
    return jobs.map((job, index) => {
      const first = job.userId === undefined ? undefined : this.findByUserId(job.userId);
      if (first !== undefined && first.userId === job.userId)
        return { id: first.id, created: false, state: first.state };
      const met = this.keys.meet(job);
      if ('id' in met) return met;
      const added = this.add(minted[index], job);
      this.keys.claim(added, met.claim);
      if (met.dueAt > this.now) Object.assign(added, { state: 'scheduled', dueAt: met.dueAt });
      return { id: added.id, created: true, state: added.state };
    });
  }

  /** A tick's job, whose key no other job has. */
  adopt(id: string, job: NewJob): void {
    this.keys.claim(this.add(id, job));
  }

  claims(): Map<string, Claim> {
    return this.keys.claims();
  }

  // ---------------------------------------------------------------- turns

  /** Tokens and fence are the store's to choose: {@link grant} takes them in. */
  turn(turn: WorkerTurn): Omit<Reservation, 'fence' | 'jobs' | 'awaited'> & { ids: string[]; handed: HeldJob[] } {
    const last = this.turns.get(callerOf(turn))?.at(-1);
    if (last !== undefined && last.turn.call >= turn.call) return this.repeat(turn, last);
    const { lost, trimmedDead } = this.settle(turn.settlements);
    this.promote(Infinity);
    const handed = this.notArrived(turn);
    const want = Math.max(turn.want - handed.length, 0);
    const chosen = this.paused ? [] : this.choose({ ...turn, want, alone: turn.alone && handed.length === 0 });
    for (const job of chosen) Object.assign(job, { state: 'active', worker: turn.worker, token: '' });
    if (chosen.length + handed.length > 0) this.leases.set(turn.worker, this.now + turn.leaseMs);
    const cancelling = this.cancellingOf(turn.worker);
    return { ...this.answer(turn, [...handed, ...chosen]), handed: leasesOf(handed), lost, trimmedDead, cancelling };
  }

  /** Jobs that were handed over and whose messages were lost. */
  private notArrived({ worker, handedFence = 0 }: WorkerTurn): ModelJob[] {
    const newer = (this.handed.get(worker)?.jobs ?? []).filter(({ token }) => fenceOf(token) > handedFence);
    const jobs = this.stillActive(newer);
    if (jobs.length === 0) this.handed.delete(worker);
    else this.handed.set(worker, { at: this.now, jobs: leasesOf(jobs) });
    return jobs;
  }

  private stillActive(leases: readonly HeldJob[]): ModelJob[] {
    return leases.flatMap(({ id, token }) => {
      const job = this.jobs.get(id);
      return job?.state === 'active' && job.token === token ? [job] : [];
    });
  }

  /** The store reserved new jobs for a worker that waited. Throws where it had to leave them in the line. */
  handOver(worker: string, handed: readonly HeldJob[], added: readonly string[]): void {
    const last = this.turns.get(worker)?.at(-1);
    const behind = this.ordinary().filter(({ id }) => !added.includes(id));
    const onTheirWay = this.handed.get(worker)?.jobs ?? [];
    const refusal =
      (this.paused && 'the queue is paused') ||
      (last === undefined && 'the worker took no turn') ||
      (last !== undefined && this.now - last.at > FRESH_MS && 'the worker took no turn lately') ||
      ((this.rooms.get(worker) ?? 0) < handed.length && 'the worker has no room') ||
      (onTheirWay.length + handed.length > MOST_HANDED && 'these are too many') ||
      (behind.length > 0 && 'others are ready') ||
      undefined;
    if (refusal !== undefined) throw new Error(`Jobs were handed over to ${worker}, though ${refusal}`);
    for (const { id, token } of handed) {
      const job = this.jobs.get(id);
      if (job?.state !== 'ready') throw new Error(`Job ${id} was handed over, though it is ${job?.state}`);
      Object.assign(job, { state: 'active', worker, token });
      this.issued.push({ id, token, worker });
      if (fenceOf(token) <= this.fence) throw new Error(`The fence of ${token} is not above ${this.fence}`);
      this.fence = fenceOf(token);
    }
    this.handed.set(worker, { at: this.now, jobs: [...onTheirWay, ...handed] });
    this.rooms.set(worker, (this.rooms.get(worker) ?? 0) - handed.length);
    if (last !== undefined) this.leases.set(worker, this.now + last.turn.leaseMs);
  }

  grant(turn: WorkerTurn, reply: Reservation): void {
    this.fence = reply.fence;
    for (const { id, token } of reply.jobs) {
      const job = this.jobs.get(id);
      if (job !== undefined) job.token = token;
      this.issued.push({ id, token, worker: turn.worker });
    }
    const held = reply.jobs.map(({ id, token }) => ({ id, token }));
    const suspect = turn.alone && reply.jobs.some(({ crashes }) => crashes >= MAX_CRASHES - 1);
    const room = turn.takesHanded && !suspect ? turn.want - held.length : 0;
    this.rooms.set(turn.worker, Math.max(room, 0));
    const handed = reply.jobs.flatMap((job) => (job.handed ? [job.token] : []));
    const { fence, lost } = reply;
    const made = this.turns.get(callerOf(turn)) ?? [];
    this.turns.set(callerOf(turn), [...made, { turn, at: this.now, fence, lost, held, handed, room }]);
  }

  /** The same call again: the same answer, less what was lost meanwhile. An older one: nothing. */
  private repeat(turn: WorkerTurn, last: MadeTurn) {
    const same = last.turn.call === turn.call;
    const still = this.stillActive(same ? last.held : []);
    const handed = leasesOf(still.filter(({ token }) => last.handed.includes(token)));
    return { ...this.answer(turn, still), handed, lost: same ? last.lost : [], cancelling: [], trimmedDead: 0 };
  }

  private suspectClaim = { worker: '', until: 0 };

  /** One worker at a time is told of suspects. */
  private claimSuspects({ worker, leaseMs }: WorkerTurn): boolean {
    if (this.suspectClaim.worker !== worker && this.suspectClaim.until > this.now) return false;
    this.suspectClaim = { worker, until: this.now + 4 * leaseMs };
    return true;
  }

  private answer(turn: WorkerTurn, jobs: readonly ModelJob[]) {
    return {
      now: this.now,
      ids: jobs.map(({ id }) => id),
      paused: this.paused,
      backlog: this.ordinary().length > 0,
      suspects: this.suspects().length > 0 && this.claimSuspects(turn),
      parked: this.inState('parked').length > 0,
      nextDueAt: jobs.length < turn.want ? this.nextDueAt() : undefined,
      limited: false,
    };
  }

  private choose({ want, alone, adopt }: WorkerTurn): ModelJob[] {
    const suspects = this.suspects();
    if (alone && want > 0 && suspects.length > 0) return suspects.slice(0, 1);
    const parked = this.inState('parked');
    const adopted =
      adopt === '*' ? parked : (adopt ?? []).flatMap((name) => parked.filter((job) => job.parkedAs === name));
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
        if (!this.endIfCancelling(job)) Object.assign(job, { state: 'parked', parkedAs: nameOf(job) });
        return 0;
      case 'release':
      case 'limit':
        return 0;
      default:
        throw new Error(`No such settlement: ${JSON.stringify(settlement satisfies never)}`);
    }
  }

  // ---------------------------------------------------------------- leases

  beat(worker: string, leaseMs: number): BeatReply {
    this.updateGrace(leaseMs);
    const lapsed = (this.leases.get(worker) ?? 0) <= this.now;
    this.leases.set(worker, this.now + leaseMs);
    return { now: this.now, lapsed, cancelling: this.cancellingOf(worker) };
  }

  reconcile(worker: string, held: readonly HeldJob[]): { lost: string[]; released: number } {
    const lost = held.filter(({ id, token }) => {
      const job = this.jobs.get(id);
      return job?.state !== 'active' || job.token !== token;
    });
    for (const { id } of lost) {
      const job = this.jobs.get(id);
      if (job !== undefined && job.crashes > 0 && job.crashes < MAX_CRASHES - 1) job.crashes--;
    }
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

  private updateGrace(leaseMs: number): void {
    const running = this.inState('active').length > 0;
    const longest = this.wasQuiet ? (leaseMs * 3) / 4 : leaseMs / 2;
    const wasAway = this.seenAt === undefined || this.now - this.seenAt > longest;
    if (running && wasAway) this.graceUntil = this.now + leaseMs;
    this.seenAt = this.now;
    this.wasQuiet = !running;
  }

  /** One step: the worker whose lease ran out first. */
  reclaim(leaseMs: number): ReclaimReply {
    this.updateGrace(leaseMs);
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
      nextLookAt: this.rules.nextLookAt(),
      hasBulks: false,
      parked,
    };
  }

  private expired(): string[] {
    if (this.now < this.graceUntil) return [];
    const expired = [...this.leases].filter(([, endsAt]) => endsAt <= this.now);
    return expired.sort(([a, x], [b, y]) => x - y || byText(a, b)).map(([worker]) => worker);
  }

  // ---------------------------------------------------------------- curate

  cancel(id: string): CancelAnswer | 'not-found' {
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

  retryDead(id: string, settledAt: number, envelope: string): RetryAnswer {
    const job = this.find(id);
    if (job === undefined) return 'not-found';
    if (job.state !== 'dead' || job.settledAt !== settledAt) return 'changed';
    const holder = this.keys.holderOf(job.uniqueKey);
    if (holder !== undefined && holder !== job) return `conflict ${holder.id}`;
    this.keys.reclaim(job);
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
}

function leasesOf(jobs: readonly ModelJob[]): HeldJob[] {
  return jobs.map(({ id, token }) => ({ id, token }));
}

function fenceOf(token: string): number {
  return Number(token.split(':')[1]);
}
