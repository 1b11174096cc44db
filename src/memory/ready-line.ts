import { RULES } from '../core/rules.js';
import { Deque } from './deque.js';
import { isSuspect, type KeptJob } from './kept-job.js';

/** Above all priorities: the job that holds an ordered group. */
const FIRST = RULES.highestPriority + 1;

/**
 * Ready jobs in the order they will run: higher priorities first, FIFO inside each. A job that is removed or cancelled leaves a
 * hole here, which is skipped.
 */
export class ReadyLine {
  private readonly levels: (Deque<KeptJob> | undefined)[] = [];

  push(job: KeptJob, end: 'back' | 'front'): void {
    job.level = job.priority;
    const line = (this.levels[job.level] ??= new Deque());
    if (end === 'back') line.pushBack(job);
    else line.pushFront(job);
  }

  /** Before all others, whatever their priority. */
  pushFirst(job: KeptJob): void {
    job.level = FIRST;
    (this.levels[FIRST] ??= new Deque()).pushFront(job);
  }

  /** The job that runs next. */
  get first(): KeptJob | undefined {
    return this.firstLine()?.first;
  }

  /** The first jobs of each priority: so many of those without one, and one of each other. */
  firstOnes(count: number): KeptJob[] {
    return this.levels.flatMap((line, level) => {
      const found: KeptJob[] = [];
      for (const job of line ?? []) {
        if (found.length === (level === 0 ? count : 1)) break;
        if (isLive(job)) found.push(job);
      }
      return found;
    });
  }

  take(): KeptJob | undefined {
    return this.firstLine()?.popFront();
  }

  *[Symbol.iterator](): Generator<KeptJob> {
    for (let level = FIRST; level >= 0; level--) for (const job of this.levels[level] ?? []) if (isLive(job)) yield job;
  }

  /**
   * What stands behind a job, in the order in which they run. A job that left by a listing's own doing stays as a hole; one that a
   * worker took went with all that stood before it.
   * @param level of that job; without its id: from the first of that level on
   */
  *behind(level: number, id: string | undefined): Generator<KeptJob> {
    for (let at = Math.min(level, FIRST); at >= 0; at--) {
      const line = [...(this.levels[at] ?? [])];
      const anchor = at === level ? line.findIndex((job) => job.id === id) : -1;
      yield* line.slice(anchor + 1).filter(isLive);
    }
  }

  /** The other way round: what stands before a job, the last one first. Where a worker has taken it, nothing of its level does. */
  *before(level: number, id: string | undefined): Generator<KeptJob> {
    for (let at = Math.max(level, 0); at <= FIRST; at++) {
      const line = [...(this.levels[at] ?? [])];
      const isAnchored = at === level && id !== undefined;
      const anchor = isAnchored ? line.findIndex((job) => job.id === id) : line.length;
      yield* line.slice(0, Math.max(anchor, 0)).reverse().filter(isLive);
    }
  }

  private firstLine(): Deque<KeptJob> | undefined {
    for (let level = FIRST; level >= 0; level--) {
      const line = this.levels[level];
      if (line === undefined) continue;
      while (line.first !== undefined && !isLive(line.first)) line.popFront();
      if (line.first !== undefined) return line;
    }
    return undefined;
  }
}

/** Jobs that took two workers with them: each waits to run alone. */
export class Suspects {
  private jobs: KeptJob[] = [];

  push(job: KeptJob, end: 'back' | 'front'): void {
    this.jobs = end === 'back' ? [...this.live(), job] : [job, ...this.live()];
  }

  /** The first one that may start. */
  first(mayStart: (job: KeptJob) => boolean): KeptJob | undefined {
    return this.live().find(mayStart);
  }

  delete(job: KeptJob): void {
    this.jobs = this.jobs.filter((one) => one !== job);
  }

  /** In the order in which they run. */
  live(): KeptJob[] {
    return this.jobs.filter((job) => isLive(job) && isSuspect(job));
  }
}

function isLive(job: KeptJob): boolean {
  return job.state === 'ready' && !job.gone;
}
