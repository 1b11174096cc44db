import type { HeldJob, ReservedJob } from '../core/ports/worker-store.js';
import type { WorkerSession } from '../core/ports/worker-store.js';
import type { Prefetcher } from './prefetcher.js';
import { release } from './settlements.js';

/** Held jobs that none of the running ones made room for within this go back to the queue. */
const STALE_HOLD_MS = 25;

export interface HeldJobsContext {
  /** A number of jobs, or `auto`: the prefetcher decides. */
  prefetch: 'auto' | number;
  prefetcher: Prefetcher;
  session: Pick<WorkerSession, 'settle'>;
  /** Takes back the jobs that the dispatcher has and has not started. */
  takeWaiting: () => readonly WaitingJob[];
  /** Jobs went back to the queue: a turn has to carry that. */
  onGivenBack: () => void;
}

/** A job that has not started, and its stored text. */
export type WaitingJob = Pick<ReservedJob, 'id' | 'token' | 'envelope'>;

/** Jobs that are reserved for this worker and have not started. */
export class HeldJobs {
  private jobs: ReservedJob[] = [];
  private staleTimer: NodeJS.Timeout | undefined;
  /** The first of the held jobs when the timer was set. */
  private staleMark: ReservedJob | undefined;

  constructor(private readonly context: HeldJobsContext) {}

  get size(): number {
    return this.jobs.length;
  }

  add(jobs: readonly ReservedJob[]): void {
    for (const job of jobs) this.jobs.push(job);
    this.context.prefetcher.weigh(jobs);
  }

  next(): ReservedJob | undefined {
    return this.jobs.shift();
  }

  /** Those with the same text stand together, where the first of them stands. */
  gather(textOf: (job: ReservedJob) => string): void {
    if (this.jobs.length < 3) return;
    const together = new Map<string, ReservedJob[]>();
    for (const job of this.jobs) {
      const text = textOf(job);
      const others = together.get(text);
      if (others === undefined) together.set(text, [job]);
      else others.push(job);
    }
    this.jobs = [...together.values()].flat();
  }

  /** What does not fit now is the next one again. */
  putBack(job: ReservedJob): void {
    this.jobs.unshift(job);
  }

  list(): HeldJob[] {
    return this.jobs.map(({ id, token }) => ({ id, token }));
  }

  /** All that have not started go back to the front of the queue. */
  giveBack(): void {
    this.release(this.context.takeWaiting());
    this.giveBackHeld();
  }

  private giveBackHeld(): void {
    const { jobs } = this;
    this.jobs = [];
    this.release(jobs);
  }

  /** A held job that somebody cancelled: the store turns the release of a marked job into its cancellation. */
  cancel(id: string): void {
    this.release(this.take((job) => job.id === id));
  }

  /** A newer lease exists on this job. */
  lose({ id, token }: HeldJob): void {
    this.take((job) => job.id === id && job.token === token);
  }

  /** Held jobs behind handlers that turned out slow go back to the front, where another worker finds them. */
  watch(): void {
    if (this.jobs.length === 0 || this.context.prefetch !== 'auto' || this.staleTimer !== undefined) return;
    [this.staleMark] = this.jobs;
    this.staleTimer = setTimeout(() => {
      this.staleTimer = undefined;
      if (this.jobs.length > 0 && this.jobs[0] === this.staleMark) {
        this.context.prefetcher.distrust(STALE_HOLD_MS);
        this.giveBackHeld();
      } else {
        this.watch();
      }
    }, STALE_HOLD_MS);
  }

  stop(): void {
    clearTimeout(this.staleTimer);
  }

  private take(isMeant: (job: ReservedJob) => boolean): ReservedJob[] {
    const taken = this.jobs.filter(isMeant);
    if (taken.length > 0) this.jobs = this.jobs.filter((job) => !taken.includes(job));
    return taken;
  }

  private release(jobs: readonly WaitingJob[]): void {
    if (jobs.length === 0) return;
    for (const { id, token, envelope } of jobs) this.context.session.settle(release(id, token), envelope);
    this.context.onGivenBack();
  }
}
