import type { GroupHold, GroupRule, GroupView } from '../core/groups.js';
import type { GroupLimits } from '../core/limits.js';
import { isSettled } from '../core/job.js';
import { RULES } from '../core/rules.js';
import type { KeptJob } from './kept-job.js';
import { RateWindow } from './rate-window.js';
import { ReadyLine } from './ready-line.js';

/** The ready jobs of one group, or those without a group: they take turns with the other lanes of their queue. */
export class Lane {
  readonly line = new ReadyLine();
  /** Jobs of the line. */
  waiting = 0;
  /** Jobs of the group in flight. */
  running = 0;
  rule: GroupRule | undefined;
  /** Ms before which nothing of it starts: a handler met a limit that is not ours. */
  gate = 0;
  /** What has started of it, in units of its share: where it stands among the lanes that wait. */
  rank = 0;
  /** When it joined those that may start: of equals, the first one is first. */
  id = '';
  /** What holds it back until a time, or undefined where it may start or only an event can change that. */
  closedUntil: number | undefined;
  private holder: KeptJob | undefined;
  /** How long its jobs run. */
  private meanMs: number | undefined;
  private readonly window: RateWindow;

  constructor(
    readonly key: string,
    private readonly clock: { now(): number },
    private limits: GroupLimits | undefined,
  ) {
    this.window = new RateWindow(clock);
    this.applyRate();
  }

  limit(limits: GroupLimits | undefined): void {
    this.limits = limits;
    this.applyRate();
  }

  setRule(rule: GroupRule | undefined): void {
    this.rule = rule;
    this.gate = 0; // whoever decides by hand opens what a handler has closed, too
    this.applyRate();
  }

  place(job: KeptJob, end: 'back' | 'front'): void {
    // The group waits for this one: behind the others it would never start.
    if (job === this.holder) this.line.pushFirst(job);
    else this.line.push(job, end);
    this.waiting++;
  }

  /** Why this job may not start; without one, why its next job may not. */
  holdOf(job: KeptJob | undefined = this.line.first): GroupHold | undefined {
    if (this.key === '') return undefined;
    if (this.rule?.paused) return { by: 'paused' };
    const { now, orderedBy } = { now: this.clock.now(), orderedBy: this.liveHolder() };
    if (orderedBy !== undefined && job !== orderedBy && job?.ordered !== false) {
      return { by: 'order', holder: orderedBy.id };
    }
    const most = this.rule?.running ?? this.limits?.running;
    if (most !== undefined && this.running >= most) return { by: 'concurrency' };
    if (this.gate > now) return { by: 'gate', until: this.gate };
    const until = this.window.opensAt(job?.cost ?? 1);
    return until === undefined ? undefined : { by: 'rate', until };
  }

  /** A worker reserves this job of the group. */
  start(job: KeptJob): void {
    this.running++;
    this.window.charge(job.cost);
    if (job.ordered && this.liveHolder() === undefined) this.holder = job;
  }

  /** Its turn: the lanes that have taken less are before it now. */
  pay(job: KeptJob): void {
    job.charged = this.limits?.byTime ? Math.max(this.meanMs ?? RULES.firstRunMs, 1) : undefined;
    this.rank += (job.charged ?? 1) / this.weight;
  }

  /** A job left the worker that had it, after a run of so long if there was one. */
  leave(job: KeptJob, ranMs: number | undefined): void {
    this.running--;
    const { charged } = job;
    job.charged = undefined;
    if (ranMs === undefined) return;
    const tookMs = Math.max(ranMs, 1);
    this.meanMs = this.meanMs === undefined ? tookMs : this.meanMs + (tookMs - this.meanMs) / RULES.runsOfMean;
    if (charged !== undefined) this.rank += (tookMs - charged) / this.weight;
  }

  /** A job ended: it holds the group no more. */
  end(job: KeptJob): void {
    if (this.holder === job) this.holder = undefined;
  }

  /** Somebody decided about it, or a job of it waits or runs. */
  get isShown(): boolean {
    return this.key !== '' && (this.rule !== undefined || this.waiting > 0 || this.running > 0);
  }

  /** It remembers nothing that counts once the queue has served others so far. */
  isForgotten(virtual: number): boolean {
    const isIdle = !this.isShown && this.liveHolder() === undefined;
    return isIdle && this.rank <= virtual && this.gate <= this.clock.now() && this.window.isEmpty;
  }

  view(): GroupView {
    const { key, waiting, running, rule } = this;
    return { key, waiting, running, rule: rule && { ...rule }, hold: this.holdOf() };
  }

  private get weight(): number {
    return this.rule?.weight ?? 1;
  }

  /** A holder that has ended or is gone holds nothing. */
  private liveHolder(): KeptJob | undefined {
    const { holder } = this;
    return holder === undefined || holder.gone || isSettled(holder.state) ? undefined : holder;
  }

  private applyRate(): void {
    this.window.use(this.key === '' ? undefined : (this.rule?.rate ?? this.limits?.rate));
  }
}
