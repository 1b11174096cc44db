import type { ReservedJob } from '../../core/ports/worker-store.js';

/**
 * Jobs that the store reserved for a worker outside of a turn. Each comes by a message, which may be lost, and in the answer of
 * every turn that did not know of it. This decides which of these the worker is given: each job once.
 */
export class HandOver {
  /** Answers have named everything that the worker was given up to this fence. */
  private answeredFence = 0;
  private newestFence = 0;
  /** Fences of jobs that a turn under way may bring again. */
  private readonly fences = new Set<number>();
  /** Messages that came during a reconcile. */
  private waiting: ReservedJob[] = [];

  /** Fence of the newest job that came by hand-over: a turn names it, and is answered with those behind it. */
  get lastFence(): number {
    return this.newestFence;
  }

  /** What an answer did not bring up to its fence is not the worker's any more. */
  isPast({ fence }: ReservedJob): boolean {
    return fence <= this.answeredFence;
  }

  /** Whether the job comes for the first time. */
  isNew({ fence }: ReservedJob): boolean {
    if (this.fences.has(fence)) return false;
    this.fences.add(fence);
    this.newestFence = Math.max(this.newestFence, fence);
    return true;
  }

  /** How many of those that came were reserved above this fence. */
  countAbove(fence: number): number {
    let count = 0;
    for (const each of this.fences) if (each > fence) count++;
    return count;
  }

  /** A turn was answered. @returns its jobs without those that came before */
  admit(jobs: ReservedJob[], fence: number): ReservedJob[] {
    this.answeredFence = Math.max(this.answeredFence, fence);
    return jobs.some(({ handed }) => handed) ? jobs.filter((job) => !job.handed || this.isNew(job)) : jobs;
  }

  /** @param named fences that the turns under way named to the store: no answer brings a job again up to the lowest of them */
  forget(named: readonly number[]): void {
    if (this.fences.size === 0) return;
    const known = Math.min(this.newestFence, ...named);
    for (const fence of this.fences) if (fence <= known) this.fences.delete(fence);
  }

  /** A job came during a reconcile: the store may be giving it back as one that the worker does not hold. */
  postpone(handed: ReservedJob): void {
    this.waiting.push(handed);
  }

  /** A reconcile looked at everything up to this fence, with no turn under way. After a failover it may be a lower one. */
  startFrom(fence: number): void {
    this.answeredFence = this.newestFence = fence;
  }

  /** @returns what came during the reconcile */
  takePostponed(): ReservedJob[] {
    const { waiting } = this;
    this.waiting = [];
    return waiting;
  }
}
