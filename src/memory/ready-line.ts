import { Deque } from './deque.js';
import { isSuspect, type KeptJob } from './kept-job.js';

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

  /** Where a ready job stands: `s` among the suspects, else its priority. */
  static partOf(job: KeptJob): string {
    return isSuspect(job) ? 's' : String(job.priority);
  }

  /**
   * In the order of a listing, suspects by their ids, then priorities, then the rest: what stands behind a place. A job that
   * left by a listing's own doing stays as a hole; one that a worker took went with all that stood before it.
   */
  *behind(place: { part: string; id: string } | undefined): Generator<KeptJob> {
    if (place === undefined || place.part === 's') {
      const suspects = [...this.suspects].filter((job) => isLive(job) && (place === undefined || job.id > place.id));
      yield* suspects.sort((a, b) => (a.id < b.id ? -1 : 1));
    }
    const top = place === undefined || place.part === 's' ? LEVELS - 1 : Number(place.part);
    for (let level = top; level >= 0; level--) {
      const anchor = place?.part === String(level) ? place.id : undefined;
      let isBehind = anchor === undefined || ![...this.levels[level]].some(({ id }) => id === anchor);
      for (const job of this.levels[level]) {
        if (isBehind && isLive(job)) yield job;
        else if (job.id === anchor) isBehind = true;
      }
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
