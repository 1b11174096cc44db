import { RULES } from '../core/rules.js';
import { Deque } from './deque.js';
import { isSuspect, type KeptJob } from './kept-job.js';

/**
 * Ready jobs in the order they will run: higher priorities first, FIFO inside each; beside them the suspects, which run
 * alone. A job that is removed or cancelled leaves a hole here, which is skipped.
 */
export class ReadyLine {
  private readonly suspects = new Deque<KeptJob>();
  private readonly levels = Array.from({ length: RULES.highestPriority + 1 }, () => new Deque<KeptJob>());

  pushBack(job: KeptJob): void {
    job.level = job.priority;
    this.levels[job.level].pushBack(job);
  }

  pushFront(job: KeptJob): void {
    job.level = job.priority;
    this.levels[job.level].pushFront(job);
  }

  pushSuspect(job: KeptJob, end: 'back' | 'front'): void {
    if (end === 'back') this.suspects.pushBack(job);
    else this.suspects.pushFront(job);
  }

  /** @param fits whether the first one may go; one that may not stays in its place, and nothing is taken */
  takeSuspect(fits: (job: KeptJob) => boolean = always): KeptJob | undefined {
    return takeFitting(this.suspects, fits);
  }

  /** As {@link takeSuspect}. */
  take(fits: (job: KeptJob) => boolean = always): KeptJob | undefined {
    for (let level = RULES.highestPriority; level >= 0; level--) {
      dropHoles(this.levels[level]);
      if (this.levels[level].first !== undefined) return takeFitting(this.levels[level], fits);
    }
    return undefined;
  }

  /** In the order in which they run: the suspects, or all others. */
  *line(suspects: boolean): Generator<KeptJob> {
    const parts = suspects ? [this.suspects] : this.levels.toReversed();
    for (const part of parts) for (const job of part) if (isLive(job)) yield job;
  }

  /** The first jobs of each part: so many suspects and jobs without a priority, and one of each other priority. */
  firstOnes(count: number): KeptJob[] {
    const [plain, ...others] = this.levels;
    const parts: [Deque<KeptJob>, number][] = [[this.suspects, count], [plain, count], ...others.map(only)];
    return parts.flatMap(([part, most]) => {
      const found: KeptJob[] = [];
      for (const job of part) {
        if (found.length === most) break;
        if (isLive(job)) found.push(job);
      }
      return found;
    });
  }

  countSuspects(): number {
    let count = 0;
    for (const job of this.suspects) if (isLive(job)) count++;
    return count;
  }

  /** Where a ready job stands: `s` among the suspects, else the priority by which it was placed. */
  static partOf(job: KeptJob): string {
    return isSuspect(job) ? 's' : String(job.level);
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
    const top = place === undefined || place.part === 's' ? RULES.highestPriority : Number(place.part);
    for (let level = top; level >= 0; level--) {
      const anchor = place?.part === String(level) ? place.id : undefined;
      let isBehind = anchor === undefined || ![...this.levels[level]].some(({ id }) => id === anchor);
      for (const job of this.levels[level]) {
        if (isBehind && isLive(job)) yield job;
        else if (job.id === anchor) isBehind = true;
      }
    }
  }

  /**
   * The other way round, the newest first: jobs without a priority from the back of the line, then priorities from the lowest, then
   * suspects by their ids. Where a worker has taken the job of the place, it has taken all that are older.
   */
  *newestBehind(place: { part: string; id: string } | undefined, limit: number): Generator<KeptJob> {
    let left = limit;
    const from = place === undefined ? 0 : place.part === 's' ? RULES.highestPriority + 1 : Number(place.part);
    for (let level = from; level <= RULES.highestPriority; level++) {
      const anchor = place?.part === String(level) ? place.id : undefined;
      let isBehind = anchor === undefined;
      for (const job of [...this.levels[level]].reverse()) {
        if (isBehind && isLive(job)) {
          if (left-- === 0) return;
          yield job;
        } else if (job.id === anchor) isBehind = true;
      }
    }
    const suspects = [...this.suspects].filter((job) => isLive(job) && (place?.part !== 's' || job.id > place.id));
    yield* suspects.sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, left);
  }
}

const only = (part: Deque<KeptJob>): [Deque<KeptJob>, number] => [part, 1];
const always = (): boolean => true;

function takeFitting(line: Deque<KeptJob>, fits: (job: KeptJob) => boolean): KeptJob | undefined {
  dropHoles(line);
  return line.first !== undefined && fits(line.first) ? line.popFront() : undefined;
}

function dropHoles(line: Deque<KeptJob>): void {
  while (line.first !== undefined && !isLive(line.first)) line.popFront();
}

function isLive(job: KeptJob): boolean {
  return job.state === 'ready' && !job.gone;
}
