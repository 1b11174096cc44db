import { Deque } from './deque.js';
import type { KeptJob } from './kept-job.js';

const LEVELS = 10;

/**
 * Ready jobs in the order they will run: higher priorities first, FIFO inside each; beside them the suspects, which run
 * alone. A job that is removed or cancelled leaves a hole here, which is skipped.
 */
export class ReadyLine {
  private readonly suspects = new Deque<KeptJob>();
  private readonly levels = Array.from({ length: LEVELS }, () => new Deque<KeptJob>());

  pushBack(job: KeptJob): void {
    this.levels[job.priority].pushBack(job);
  }

  pushFront(job: KeptJob): void {
    this.levels[job.priority].pushFront(job);
  }

  pushSuspect(job: KeptJob, end: 'back' | 'front'): void {
    if (end === 'back') this.suspects.pushBack(job);
    else this.suspects.pushFront(job);
  }

  takeSuspect(): KeptJob | undefined {
    return takeLive(this.suspects);
  }

  take(): KeptJob | undefined {
    for (let level = LEVELS - 1; level >= 0; level--) {
      const job = takeLive(this.levels[level]);
      if (job) return job;
    }
    return undefined;
  }

  countSuspects(): number {
    let count = 0;
    for (const job of this.suspects) if (isLive(job)) count++;
    return count;
  }

  /** Suspects, then priorities, then the rest: the order of a listing. */
  *[Symbol.iterator](): Iterator<KeptJob> {
    for (const job of this.suspects) if (isLive(job)) yield job;
    for (let level = LEVELS - 1; level >= 0; level--) {
      for (const job of this.levels[level]) if (isLive(job)) yield job;
    }
  }
}

function takeLive(line: Deque<KeptJob>): KeptJob | undefined {
  let job = line.popFront();
  while (job && !isLive(job)) job = line.popFront();
  return job;
}

function isLive(job: KeptJob): boolean {
  return job.state === 'ready' && !job.gone;
}
