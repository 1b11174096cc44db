import type { Clock } from '../core/clock.js';
import { isSettled, type JobState, type SettledState } from '../core/job.js';
import type { BulkRecord } from '../core/ports/bulks.js';
import type { NewJob } from '../core/ports/intake.js';
import type { Announcer } from './announcer.js';
import { newKeptJob, type KeptJob, type KeyHolder } from './kept-job.js';
import { newAllowance, type Allowance, type LimitDeclarations } from './kept-limits.js';
import { Lanes } from './lanes.js';
import { Ranking } from './ranking.js';
import { RunHistory } from './run-history.js';

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
 * One queue: where each job is. A job is in exactly one place, and `counts` moves with it. Jobs move in the files of the
 * hooks, named as the parts of the scripts on Redis: `admit`, `place`, `take`, `leave`, `end-job`.
 */
export class MemoryQueue {
  readonly jobs = new Map<string, KeptJob>();
  readonly userIds = new Map<string, string>();
  /** By unique key, behind the name of its jobs. */
  readonly uniques = new Map<string, KeyHolder>();
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
  readonly history = new RunHistory();
  /** Bulk operations, in the order in which they began. */
  readonly bulks = new Map<string, BulkRecord>();
  /** Where ready jobs stand. */
  readonly lanes: Lanes;
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
  readonly allowance: Allowance;
  readonly rules: LimitDeclarations = { declared: '', declaredAt: 0, replaced: [], given: '' };
  /** Of the reclaim scan, in the clock's `movedMs`. */
  seenAt: number | undefined;
  /** Nothing was in flight then. */
  wasQuiet = false;
  graceUntil = 0;
  fence = 0;
  /** Who may let its jobs end to take a suspect alone, and until when. */
  suspectClaim: { worker: string; until: number } | undefined;
  /** Jobs that completed: the rank of the newest. */
  endings = 0;
  private lastId = 0;

  constructor(
    readonly name: string,
    readonly clock: Clock,
    readonly announcer: Announcer,
  ) {
    this.lanes = new Lanes(clock);
    this.allowance = newAllowance(clock);
  }

  now(): number {
    return this.clock.now();
  }

  /** By the store's number, else by a user's id: nobody chooses a number, and an id that looks like one takes no job over. */
  find(id: string): KeptJob | undefined {
    return this.jobs.get(id) ?? this.jobs.get(this.userIds.get(id) ?? '');
  }

  /** No job that is there has a higher number. */
  get highestNumber(): string {
    return numberText(this.lastId);
  }

  /** Takes a job into the store; the caller claims what is its own, and gives it its place at once. */
  add(newJob: NewJob): KeptJob {
    this.lastId = Math.max(this.lastId + 1, this.now() * 1000);
    const job = newKeptJob(numberText(this.lastId), newJob);
    this.jobs.set(job.id, job);
    this.counts.ready++;
    return job;
  }

  nextDueAt(): number | undefined {
    return this.scheduled.first()?.rank;
  }

  /** Active jobs of a worker, oldest first. */
  heldBy(worker: string): KeptJob[] {
    const held = [...this.active.values()].filter((job) => job.worker === worker);
    return held.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /**
   * Out of one place and its count, into the count of another; the caller puts it into the place itself. Only `leave` takes a
   * job out of `active`, before it moves.
   */
  move(job: KeptJob, state: JobState): void {
    this.takeOut(job);
    this.counts[state]++;
    job.state = state;
  }

  takeOut(job: KeptJob): void {
    this.counts[job.state]--;
    if (isSettled(job.state)) {
      const ended = this.ended[job.state];
      ended.order.delete(job);
      ended.bytes -= job.bytes;
      job.bytes = 0;
    } else if (job.state === 'scheduled') this.scheduled.delete(job);
    else if (job.state === 'parked') this.parked.delete(job);
    // It leaves a hole in its line, or was taken from it before.
    else if (job.state === 'ready') this.lanes.takeOut(job);
  }
}

function numberText(number: number): string {
  return number.toString(36).padStart(10, '0');
}
