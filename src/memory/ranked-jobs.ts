import type { KeptJob } from './kept-job.js';

/** Jobs by rank, then id, lowest first: what a sorted set is to Redis. */
export class RankedJobs {
  private jobs: KeptJob[] = [];
  private head = 0;

  get size(): number {
    return this.jobs.length - this.head;
  }

  first(): KeptJob | undefined {
    return this.jobs[this.head];
  }

  add(job: KeptJob): void {
    const last = this.jobs.at(-1);
    // Nearly everything comes in order.
    if (last === undefined || this.size === 0 || isBefore(last, job)) this.jobs.push(job);
    else this.jobs.splice(this.positionOf(job), 0, job);
  }

  delete(job: KeptJob): void {
    const position = this.positionOf(job);
    if (this.jobs[position] !== job) return;
    if (position !== this.head) {
      this.jobs.splice(position, 1);
      return;
    }
    this.head++;
    if (this.head > 1024 && this.head * 2 > this.jobs.length) {
      this.jobs = this.jobs.slice(this.head);
      this.head = 0;
    }
  }

  slice(from: number, to: number): KeptJob[] {
    return this.jobs.slice(this.head + from, this.head + to);
  }

  /** Highest first. */
  sliceFromEnd(from: number, to: number): KeptJob[] {
    const end = this.jobs.length - from;
    return this.jobs.slice(Math.max(this.head, this.jobs.length - to), Math.max(this.head, end)).reverse();
  }

  private positionOf(job: KeptJob): number {
    let low = this.head;
    let high = this.jobs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBefore(this.jobs[middle], job)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function isBefore(a: KeptJob, b: KeptJob): boolean {
  return a.rank < b.rank || (a.rank === b.rank && a.id < b.id);
}
