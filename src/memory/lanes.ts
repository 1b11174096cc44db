import type { GroupHold, GroupRule } from '../core/groups.js';
import type { GroupLimits } from '../core/limits.js';
import { isSuspect, type KeptJob } from './kept-job.js';
import { Lane } from './lane.js';
import { Ranking } from './ranking.js';
import { Suspects } from './ready-line.js';

/**
 * The ready jobs of a queue, by group; those without a group are one lane. Start-time fair queueing: a turn takes a job from the lane
 * that has taken least for its weight, and a lane that comes back begins where the others are.
 */
export class Lanes {
  /** Jobs without a group. */
  readonly own: Lane;
  readonly suspects = new Suspects();
  private readonly groups = new Map<string, Lane>();
  /** Those that may start. */
  private readonly turns = new Ranking<Lane>();
  /** Those that wait for a time. */
  private readonly closed = new Set<Lane>();
  /** Those with a limit in a rule of their own. */
  private readonly limited = new Set<Lane>();
  /** Where the lane stood that was served last. */
  private virtual = 0;
  private joined = 0;
  private limits: GroupLimits | undefined;

  constructor(private readonly clock: { now(): number }) {
    this.own = new Lane('', clock, undefined);
  }

  /** The lane of a group; it is there from now on. */
  of(key: string | undefined): Lane {
    if (key === undefined) return this.own;
    let lane = this.groups.get(key);
    if (lane === undefined) this.groups.set(key, (lane = new Lane(key, this.clock, this.limits)));
    return lane;
  }

  /** Groups in the order of their keys. */
  inOrder(): Lane[] {
    return [...this.groups.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  limit(limits: GroupLimits | undefined): void {
    this.limits = limits;
    for (const lane of [this.own, ...this.groups.values()]) {
      lane.limit(limits);
      this.refresh(lane);
    }
  }

  place(job: KeptJob, end: 'back' | 'front'): void {
    if (isSuspect(job)) {
      this.suspects.push(job, end);
      return;
    }
    const lane = this.of(job.group);
    job.inLane = true;
    lane.place(job, end);
    this.refresh(lane);
  }

  /** A ready job leaves its place, by whatever way. */
  takeOut(job: KeptJob): void {
    if (!job.inLane) return;
    const lane = this.of(job.group);
    job.inLane = false;
    lane.waiting--;
    this.refresh(lane);
  }

  /** The first jobs of each part: so many suspects and jobs without a group, and of groups what runs next. */
  firstOnes(count: number): KeptJob[] {
    const nextOnes = [...this.groups.values()].flatMap(({ line }) => line.first ?? []);
    return [...this.suspects.live().slice(0, count), ...this.own.line.firstOnes(count), ...nextOnes];
  }

  /** Whether something may start. */
  get hasTurn(): boolean {
    return this.next() !== undefined;
  }

  /** Whether a rule limits some group. */
  get hasLimitedGroup(): boolean {
    return this.limited.size > 0;
  }

  /** Lanes that may start something. */
  get startable(): number {
    return this.turns.size;
  }

  /** When the first of those that wait for a time may start. */
  get opensAt(): number | undefined {
    this.open();
    return earliest([...this.closed].map(({ closedUntil }) => closedUntil));
  }

  /** The lane whose turn it is. */
  next(): Lane | undefined {
    this.open();
    return this.turns.first();
  }

  /** Takes the next job of the lane whose turn it is. */
  take(lane: Lane): KeptJob {
    const job = lane.line.take();
    if (job === undefined) throw new Error(`The lane "${lane.key}" has a turn, and no job`);
    job.inLane = false;
    lane.waiting--;
    this.turns.delete(lane);
    this.virtual = Math.max(this.virtual, lane.rank);
    lane.pay(job);
    if (lane.waiting > 0) this.turns.add(lane); // it stands where its rank says, also before the one that was served last
    this.start(job);
    return job;
  }

  /** A worker reserves a job that stands in no lane, or was taken from one. */
  start(job: KeptJob): void {
    const lane = this.of(job.group);
    lane.start(job);
    this.refresh(lane);
  }

  /** The lease of a job ends. */
  leave(job: KeptJob, ranMs: number | undefined): void {
    const lane = this.of(job.group);
    // One that stands among the turns stays there, as in take.
    const isStanding = this.turns.has(lane);
    this.turns.delete(lane);
    lane.leave(job, ranMs);
    if (isStanding) this.turns.add(lane);
    this.refresh(lane);
  }

  /** A job ended or is gone. */
  end(job: KeptJob): void {
    const lane = this.groups.get(job.group ?? '');
    if (lane === undefined) return;
    lane.end(job);
    this.refresh(lane);
  }

  /** Nothing of a group starts before. */
  close(key: string, until: number): void {
    const lane = this.of(key);
    lane.gate = Math.max(lane.gate, until);
    this.refresh(lane);
  }

  /** @param rule undefined: none */
  setRule(key: string, rule: GroupRule | undefined): void {
    const lane = this.of(key);
    lane.setRule(rule);
    if (rule?.paused || rule?.running !== undefined || rule?.rate !== undefined) this.limited.add(lane);
    else this.limited.delete(lane);
    this.refresh(lane);
  }

  /** Whatever decides about a lane has changed. */
  refresh(lane: Lane): void {
    const hold = lane.waiting > 0 ? lane.holdOf() : undefined;
    lane.closedUntil = hold?.until;
    if (hold?.until === undefined) this.closed.delete(lane);
    else this.closed.add(lane);
    const mayStart = lane.waiting > 0 && hold === undefined;
    if (!mayStart) this.retire(lane);
    else if (!this.turns.has(lane)) this.join(lane);
  }

  /** Why the group of a job that stands in no lane holds it back. */
  holdOf(job: KeptJob): GroupHold | undefined {
    return job.group === undefined ? undefined : this.of(job.group).holdOf(job);
  }

  /** Jobs that their groups hold back. */
  countBlocked(): number {
    this.open();
    let blocked = 0;
    for (const lane of this.groups.values()) if (!this.turns.has(lane)) blocked += lane.waiting;
    return blocked;
  }

  /** Forgets lanes that are as new ones would be. */
  sweep(): void {
    const lanes = [this.own, ...this.groups.values()];
    // Nobody waits, so nobody has a claim against anybody: all begin anew where the last one stands.
    if (lanes.every(({ waiting, running }) => waiting + running === 0)) {
      this.virtual = Math.max(...lanes.map(({ rank }) => rank), this.virtual);
    }
    for (const lane of this.groups.values()) if (lane.isForgotten(this.virtual)) this.groups.delete(lane.key);
  }

  /** Times have passed. */
  private open(): void {
    if (this.closed.size === 0) return;
    const now = this.clock.now();
    for (const lane of this.closed) if ((lane.closedUntil ?? 0) <= now) this.refresh(lane);
  }

  /** It begins where the others are, or where it was if that is behind them. */
  private join(lane: Lane): void {
    lane.rank = Math.max(lane.rank, this.virtual);
    if (lane.id === '') lane.id = String(++this.joined).padStart(16, '0');
    this.turns.add(lane);
  }

  private retire(lane: Lane): void {
    this.turns.delete(lane);
    lane.id = '';
  }
}

export function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
