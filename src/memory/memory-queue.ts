import type { StoreEventName } from '../core/ports/notices.js';
import type { Token } from '../core/ports/worker-store.js';
import type { Clock } from '../core/clock.js';
import { encodeSettledLine } from '../core/envelope.js';
import { isSettled, type JobState, type RetentionRule, type SettledState } from '../core/job.js';
import type { Announcer } from './announcer.js';
import { isSuspect, newKeptJob, type KeptJob } from './kept-job.js';
import { Ranking } from './ranking.js';
import { ReadyLine } from './ready-line.js';

export interface Lease {
  /** In the clock's `movedMs`. */
  endsAt: number;
  /** A test ended it: neither a heartbeat nor an outage grace brings it back. */
  killed: boolean;
}

/** What a worker was answered last, in case it asks again. */
export interface CallRecord {
  call: number;
  at: number;
  fence: number;
  lost: string[];
  ids: string[];
}

/** The settled jobs of one kind, oldest end first. */
export interface EndedJobs {
  order: Ranking<KeptJob>;
  bytes: number;
}

/**
 * One queue: where each job is, and the steps from place to place that every verb is made of. A job is in exactly one
 * place, and `counts` moves with it.
 */
export class MemoryQueue {
  readonly jobs = new Map<string, KeptJob>();
  readonly userIds = new Map<string, string>();
  readonly counts: Record<JobState, number> = {
    scheduled: 0,
    ready: 0,
    active: 0,
    parked: 0,
    blocked: 0,
    completed: 0,
    cancelled: 0,
    dead: 0,
  };
  readonly ready = new ReadyLine();
  readonly scheduled = new Ranking<KeptJob>();
  readonly active = new Map<string, KeptJob>();
  readonly parked = new Set<KeptJob>();
  readonly ended: Record<SettledState, EndedJobs> = {
    completed: { order: new Ranking<KeptJob>(), bytes: 0 },
    cancelled: { order: new Ranking<KeptJob>(), bytes: 0 },
    dead: { order: new Ranking<KeptJob>(), bytes: 0 },
  };
  readonly leases = new Map<string, Lease>();
  /** Workers that found nothing: the next ready job wakes the one that waits longest. */
  readonly idle = new Set<string>();
  readonly calls = new Map<string, CallRecord>();
  /** Id → until when somebody awaits its end. */
  readonly waiters = new Map<string, number>();
  paused = false;
  /** Of the reclaim scan, in the clock's `movedMs`. */
  seenAt: number | undefined;
  /** Nothing was in flight then. */
  wasQuiet = false;
  graceUntil = 0;
  fence = 0;
  /** Who may let its jobs end to take a suspect alone, and until when. */
  suspectClaim: { worker: string; until: number } | undefined;
  private lastId = 0;
  private endings = 0;

  constructor(
    readonly name: string,
    readonly clock: Clock,
    private readonly announcer: Announcer,
  ) {}

  now(): number {
    return this.clock.now();
  }

  nextFence(): number {
    this.fence = Math.max(this.fence + 1, this.now() * 1000);
    return this.fence;
  }

  /** By the store's number, else by a user's id: nobody chooses a number, and an id that looks like one takes no job over. */
  find(id: string): KeptJob | undefined {
    return this.jobs.get(id) ?? this.jobs.get(this.userIds.get(id) ?? '');
  }

  /** Its worker was only slow: one crash less. A suspect stays one until it has run alone. */
  forgive(id: string): void {
    const job = this.jobs.get(id);
    if (job !== undefined && job.crashes > 0 && !isSuspect(job)) job.crashes--;
  }

  /** Takes a job into the store; the caller gives it its place at once. */
  add(envelope: string, userId: string | undefined, priority: number): KeptJob {
    this.lastId = Math.max(this.lastId + 1, this.now() * 1000);
    const job = newKeptJob(this.lastId.toString(36).padStart(10, '0'), envelope, userId, priority);
    this.jobs.set(job.id, job);
    if (userId !== undefined) this.userIds.set(userId, job.id);
    this.counts.ready++;
    return job;
  }

  makeReady(job: KeptJob, end: 'back' | 'front'): void {
    this.place(job, 'ready');
    if (end === 'back') this.ready.pushBack(job);
    else this.ready.pushFront(job);
  }

  /** It runs alone next time: what took two workers with it must not take neighbours. */
  makeSuspect(job: KeptJob): void {
    this.place(job, 'ready');
    this.ready.pushSuspect(job, 'back');
  }

  /** An unfinished run goes back to the front; a suspect that goes back is still one. */
  giveBack(job: KeptJob): void {
    if (!isSuspect(job)) this.makeReady(job, 'front');
    else {
      this.place(job, 'ready');
      this.ready.pushSuspect(job, 'front');
    }
  }

  schedule(job: KeptJob, dueAt: number): void {
    this.place(job, 'scheduled');
    job.rank = dueAt;
    this.scheduled.add(job);
  }

  activate(job: KeptJob, worker: string, token: Token): void {
    this.place(job, 'active');
    job.worker = worker;
    job.token = token;
    this.active.set(job.id, job);
  }

  park(job: KeptJob, name: string): void {
    this.place(job, 'parked');
    job.parkedAs = name;
    this.parked.add(job);
  }

  /** Due jobs go to the back of their priority, in the order of their due times. */
  promoteDue(limit: number): number {
    const now = this.now();
    let promoted = 0;
    for (let job = this.scheduled.first(); job && job.rank <= now && promoted < limit; job = this.scheduled.first()) {
      this.makeReady(job, 'back');
      this.tell('promoted', job, '');
      promoted++;
    }
    return promoted;
  }

  nextDueAt(): number | undefined {
    return this.scheduled.first()?.rank;
  }

  /**
   * Ends a job for good and tells whoever awaits it.
   * @param keep undefined leaves the limits to `trim`
   * @returns how many older ends the limits pushed out
   */
  end(job: KeptJob, state: SettledState, detail: string, keep: RetentionRule | undefined): number {
    const now = this.now(); // once: the line and the place must tell the same instant
    const line = encodeSettledLine(state, now, detail);
    this.tellWaiter(job.id, line);
    this.tell(state, job, detail);
    if (keep === false) {
      this.delete(job);
      return 0;
    }
    this.place(job, state);
    job.crashes = 0;
    job.cancelling = false;
    job.record = `${line}\n${job.record}`;
    job.bytes = Buffer.byteLength(job.record);
    // Completed jobs in the order of their ends; of the others, those of one millisecond in the order of their ids.
    job.rank = state === 'completed' ? ++this.endings : now;
    const ended = this.ended[state];
    ended.order.add(job);
    ended.bytes += job.bytes;
    return keep === undefined ? 0 : this.trimEnded(ended, keep);
  }

  private trimEnded(ended: EndedJobs, keep: { count: number; bytes: number }): number {
    let trimmed = 0;
    while (ended.order.size > keep.count || ended.bytes > keep.bytes) {
      const oldest = ended.order.first();
      if (!oldest) break;
      this.delete(oldest);
      trimmed++;
    }
    return trimmed;
  }

  /** A dead job's way back: its old end is forgotten. */
  revive(job: KeptJob, envelope: string, priority: number): void {
    job.priority = priority;
    this.makeReady(job, 'back');
    job.record = envelope;
    job.bytes = 0;
  }

  /** Deletes a job and everything kept beside it; its user id is free again. */
  delete(job: KeptJob): void {
    this.leavePlace(job);
    this.counts[job.state]--;
    job.gone = true;
    this.jobs.delete(job.id);
    if (job.userId !== undefined && this.userIds.get(job.userId) === job.id) this.userIds.delete(job.userId);
  }

  /** Wakes one idle worker; those that nobody listens for are skipped. */
  wake(): void {
    if (this.paused) return;
    for (const worker of this.idle) {
      this.idle.delete(worker);
      if (this.announcer.wakes.publish(worker, this.name)) return;
    }
  }

  wakeAll(): void {
    for (const worker of this.idle) this.announcer.wakes.publish(worker, this.name);
    this.idle.clear();
  }

  /** As scripts/lib/witness.lua: after a gap in which nobody looked, no lease counts for a whole one. */
  witness(leaseMs: number): void {
    const { movedMs } = this.clock;
    const longest = this.wasQuiet ? (leaseMs * 3) / 4 : leaseMs / 2;
    const wasAway = this.seenAt === undefined || movedMs - this.seenAt > longest;
    if (this.active.size > 0 && wasAway) this.graceUntil = movedMs + leaseMs;
    this.seenAt = movedMs;
    this.wasQuiet = this.active.size === 0;
  }

  /** Active jobs of a worker, oldest first. */
  heldBy(worker: string): KeptJob[] {
    const held = [...this.active.values()].filter((job) => job.worker === worker);
    return held.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** @param job undefined for what happens to the queue itself */
  tell(event: StoreEventName, job: KeptJob | undefined, detail: string): void {
    this.announcer.event(this.name, event, this.now(), job, detail);
  }

  signal(signal: Parameters<Announcer['signals']['publish']>[1]): void {
    this.announcer.signals.publish(this.name, signal);
  }

  tellWaiter(id: string, line: string): void {
    const until = this.waiters.get(id);
    if (until === undefined) return;
    this.waiters.delete(id);
    if (until >= this.now()) this.announcer.ends.publish(this.name, { id, line });
  }

  private place(job: KeptJob, state: JobState): void {
    this.leavePlace(job);
    this.counts[job.state]--;
    this.counts[state]++;
    job.state = state;
  }

  private leavePlace(job: KeptJob): void {
    if (isSettled(job.state)) {
      const ended = this.ended[job.state];
      ended.order.delete(job);
      ended.bytes -= job.bytes;
    } else if (job.state === 'scheduled') this.scheduled.delete(job);
    else if (job.state === 'active') this.active.delete(job.id);
    else if (job.state === 'parked') this.parked.delete(job);
    // A ready job leaves a hole in the line, or was taken from it before.
  }
}
