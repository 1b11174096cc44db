import { JOB_STATES, type JobState, type RetentionRule, type SettledState } from '../../src/core/job.js';
import type { NewJob } from '../../src/core/ports/intake.js';
import { bytesOf, isSuspect, newModelJob, ORDERS, type ModelJob } from './model-job.js';

export const CANCELLED = '{"reason":"cancelled"}';

/** The jobs of a queue, each with one state, and the steps from state to state. Every order is a sort. */
export class ModelState {
  readonly jobs = new Map<string, ModelJob>();
  /** Ids of all jobs that ever were, in the order in which they came. */
  readonly known = new Set<string>();
  /** Completed jobs that retention has to leave, where it may have taken others since the last look. */
  mayTrimTo: number | undefined;
  /** A job left the line where it waited: a store may count its place until it comes to it. */
  mayHaveHoles = false;
  private places = 0;
  private ends = 0;

  constructor(public now: number) {}

  inState(state: JobState): ModelJob[] {
    return [...this.jobs.values()].filter((job) => job.state === state).sort(ORDERS[state]);
  }

  counts(): Record<JobState, number> {
    return Object.fromEntries(JOB_STATES.map((state) => [state, this.inState(state).length])) as Record<
      JobState,
      number
    >;
  }

  /** By the store's number, else by a user's id. */
  find(id: string): ModelJob | undefined {
    return this.jobs.get(id) ?? this.findByUserId(id);
  }

  findByUserId(id: string): ModelJob | undefined {
    return [...this.jobs.values()].find(({ userId }) => userId === id);
  }

  heldBy(worker: string): ModelJob[] {
    return this.inState('active').filter((job) => job.worker === worker);
  }

  nextDueAt(): number | undefined {
    return this.inState('scheduled')[0]?.dueAt;
  }

  /** In the order of a listing: suspects by their ids. */
  listed(state: JobState): ModelJob[] {
    if (state !== 'ready') return this.inState(state);
    return [...this.suspects().sort((a, b) => (a.id < b.id ? -1 : 1)), ...this.ordinary()];
  }

  protected suspects(): ModelJob[] {
    return this.inState('ready').filter(isSuspect);
  }

  protected ordinary(): ModelJob[] {
    return this.inState('ready').filter((job) => !isSuspect(job));
  }

  protected cancellingOf(worker: string): string[] {
    return this.heldBy(worker)
      .filter(({ cancelling }) => cancelling)
      .map(({ id }) => id);
  }

  // ---------------------------------------------------------------- step

  add(id: string, job: NewJob): ModelJob {
    const added = { ...newModelJob(id, job), place: ++this.places };
    this.jobs.set(id, added);
    this.known.add(id);
    return added;
  }

  protected makeReady(job: ModelJob, end: 'front' | 'back'): void {
    Object.assign(job, { state: 'ready', level: job.priority, place: end === 'back' ? ++this.places : -++this.places });
  }

  protected giveBack(job: ModelJob): void {
    if (!this.endIfCancelling(job)) this.makeReady(job, 'front');
  }

  protected endIfCancelling(job: ModelJob): boolean {
    if (!job.cancelling) return false;
    this.end(job, 'cancelled', CANCELLED, undefined);
    return true;
  }

  protected end(job: ModelJob, state: SettledState, detail: string, keep: RetentionRule | undefined): number {
    Object.assign(job, { state, detail, settledAt: this.now, end: ++this.ends, crashes: 0, cancelling: false });
    if (keep === false) this.jobs.delete(job.id);
    if (keep === false || keep === undefined) return 0;
    if (state === 'completed') {
      this.mayTrimTo = Math.min(this.mayTrimTo ?? Infinity, keep.count);
      return 0;
    }
    return this.trimState(state, { ...keep, ageMs: Infinity });
  }

  protected trimState(state: 'cancelled' | 'dead', keep: RetentionRule): number {
    let trimmed = 0;
    for (;;) {
      const kept = this.inState(state);
      const oldest = kept.at(-1);
      if (oldest === undefined) return trimmed;
      const bytes = kept.reduce((sum, job) => sum + bytesOf(job), 0);
      const age = this.now - oldest.settledAt;
      if (keep && kept.length <= keep.count && bytes <= keep.bytes && age <= keep.ageMs) return trimmed;
      this.jobs.delete(oldest.id);
      trimmed++;
    }
  }

  /** @returns the ids that went, oldest end first; throws where the store took what it had to keep */
  takeTrimmed(kept: ReadonlySet<string>): string[] {
    const gone = this.inState('completed').filter(({ id }) => !kept.has(id));
    const left = this.inState('completed').length - gone.length;
    if (gone.length > 0 && left < (this.mayTrimTo ?? Infinity)) {
      throw new Error(
        `${gone.length} completed jobs vanished, ${left} are left, retention may leave ${this.mayTrimTo}`,
      );
    }
    this.mayTrimTo = undefined;
    const oldest = this.inState('completed').reverse().slice(0, gone.length);
    if (oldest.some(({ id }) => kept.has(id))) throw new Error('Retention took others than the oldest completed jobs');
    for (const { id } of oldest) this.jobs.delete(id);
    return oldest.map(({ id }) => id);
  }
}
