import { Bag } from '../core/bag.js';
import type { HeldJob, ReservedJob, Settlement } from '../core/ports/worker-store.js';
import type { WorkerSession } from '../core/ports/worker-store.js';
import { RULES } from '../core/rules.js';
import type { HeldJobs, WaitingJob } from './held-jobs.js';
import { isSettlement, JobRunner, type RunnerContext } from './job-runner.js';
import type { Prefetcher } from './prefetcher.js';
import { Reporter } from './reporter.js';
import type { RunObserver } from './run-observer.js';
import type { AbortReason, RunningJob } from './running-job.js';
import { release } from './settlements.js';
import { TimeoutSweeper } from './timeout-sweeper.js';

/** What runs need, whichever jobs they are of. */
export interface RunContext extends Omit<RunnerContext, 'sink' | 'observer'> {
  session: WorkerSession;
  observer: RunObserver;
  /** Largest encoded progress in bytes. */
  payloadLimit: number;
}

export interface DispatcherContext {
  concurrency: number;
  held: HeldJobs;
  prefetcher: Prefetcher;
  /** Jobs ended without a run. */
  onRefused: () => void;
  /** A run ended, and what fits in its place has started. */
  onEnd: () => void;
  /** Newer leases exist on jobs that reported something. */
  onLost: (lost: readonly HeldJob[]) => void;
}

/** Starts held jobs as far as concurrency goes, and ends their runs. */
export class Dispatcher {
  protected readonly running = new Bag<RunningJob>();
  protected readonly runner: JobRunner;
  private readonly reporter: Reporter;
  private readonly timeouts = new TimeoutSweeper((job) => this.timeOut(job));
  private starting = false;
  /** A suspect runs: nothing else may run beside it. */
  protected quarantined = false;

  protected readonly onEnd = (job: RunningJob, settlement: Settlement): void => this.finish(job, settlement);

  constructor(
    protected readonly run: RunContext,
    protected readonly context: DispatcherContext,
  ) {
    const { codec, logger, payloadLimit, queue, redactor, session } = run;
    this.reporter = new Reporter(session, queue, codec, payloadLimit, redactor, context.onLost, logger);
    this.runner = this.createRunner({ ...run, sink: this.reporter });
  }

  /** How many jobs run. */
  get size(): number {
    return this.running.size;
  }

  /** How many jobs may run. */
  get room(): number {
    return this.context.concurrency;
  }

  /** How much of the room is taken. */
  get taken(): number {
    return this.running.size;
  }

  get isQuarantined(): boolean {
    return this.quarantined;
  }

  /** How many of the slots that `concurrency` gives are taken. */
  get slotsBusy(): number {
    return this.running.size;
  }

  /** The longest first. */
  get runs(): RunningJob[] {
    return [...this.running].sort((a, b) => a.startedAt - b.startedAt);
  }

  list(): HeldJob[] {
    return [...this.runsByNumber().values()].map(({ number, token }) => ({ id: number, token }));
  }

  /** Starts what fits; handlers that end at once make room while this goes on. */
  startHeld(): void {
    if (this.starting) return; // a handler that ended at once: the loop below sees the room it made
    this.starting = true;
    try {
      this.startWhatFits();
    } finally {
      this.starting = false;
    }
  }

  /** @returns those of the jobs that do not run here */
  cancel(numbers: readonly string[]): string[] {
    const runs = this.runsByNumber();
    for (const number of numbers) runs.get(number)?.abort('cancelled');
    return numbers.filter((number) => !runs.has(number));
  }

  /** Newer leases exist on these jobs: their runs here learn it, and count for nothing. */
  lose(lost: readonly HeldJob[]): void {
    const runs = this.runsByNumber();
    for (const { id: number, token } of lost) {
      const job = runs.get(number);
      // An answer about an older run says nothing about the one that runs now.
      if (job?.token !== token) continue;
      job.ended = true;
      job.abort('lease-lost');
      this.forget(job);
      this.run.observer.lost([number], job.name);
    }
  }

  /** Signals are aborted, and what still runs goes back to the queue, no attempt burned. */
  releaseAll(reason: AbortReason): void {
    for (const job of this.runs) {
      if (job.ended) continue;
      job.abort(reason);
      if (job.ended) continue; // an Observable settles in its abort
      job.ended = true;
      this.finish(job, release(job.number, job.token));
    }
  }

  /** Sends what ended runs have reported: after their settlement they may not write any more. */
  flushReports(): void {
    this.reporter.flush();
  }

  stop(): void {
    this.timeouts.stop();
    this.reporter.close();
  }

  /** Those of the dispatcher's jobs that have not started leave it: they go back to the queue. */
  takeWaiting(): readonly WaitingJob[] {
    return [];
  }

  /** What waits for other jobs starts without them. */
  startWaiting(): void {}

  protected createRunner(context: RunnerContext): JobRunner {
    return new JobRunner(context);
  }

  protected startWhatFits(): void {
    const { concurrency, held } = this.context;
    while (held.size > 0 && this.running.size < concurrency && !this.quarantined) {
      const reserved = held.next();
      if (reserved === undefined) return;
      const prepared = this.runner.prepare(reserved);
      if (isSettlement(prepared)) this.refuse(reserved, prepared);
      else this.start(prepared);
    }
  }

  /** A job that ends, or is parked, without a run. */
  protected refuse(reserved: ReservedJob, settlement: Settlement): void {
    const { observer, session } = this.run;
    session.settle(settlement, reserved.envelope);
    observer.ended(settlement, undefined);
    this.context.onRefused();
  }

  protected start(job: RunningJob): void {
    this.add(job);
    this.runner.run(job, this.onEnd);
  }

  protected add(job: RunningJob): void {
    this.running.add(job);
    if (isSuspect(job)) this.quarantined = true;
    const timeoutMs = timeoutOf(job);
    if (timeoutMs !== undefined) this.timeouts.watch(job, timeoutMs);
  }

  /** A run took this long. */
  protected observe(_job: RunningJob, ms: number): void {
    this.context.prefetcher.observe(ms);
  }

  private finish(job: RunningJob, settlement: Settlement): void {
    const { onEnd } = this.context;
    const { observer, session } = this.run;
    this.forget(job);
    settlement.durationMs = performance.now() - job.startedAt;
    this.observe(job, settlement.durationMs);
    observer.ended(settlement, job);
    session.settle(settlement, job.envelopeText);
    if (settlement.op === 'limit') this.context.held.giveBack();
    this.startHeld();
    onEnd();
  }

  protected forget(job: RunningJob): void {
    this.running.delete(job);
    this.timeouts.forget(job);
    if (isSuspect(job)) this.quarantined = false;
  }

  private timeOut(job: RunningJob): void {
    if (job.ended) return;
    job.abort('timeout');
    if (job.ended) return;
    job.ended = true;
    this.finish(job, this.runner.failures.timedOut(job, timeoutOf(job) ?? 0));
  }

  /** By the number of their jobs: the newest run of each, should the lease of an older one have run out unnoticed. */
  private runsByNumber(): Map<string, RunningJob> {
    const runs = new Map<string, RunningJob>();
    for (const job of this.running) {
      const other = runs.get(job.number);
      if (other === undefined || job.fence > other.fence) runs.set(job.number, job);
    }
    return runs;
  }
}

/** A job that crashed its worker twice runs alone. */
export function isSuspect({ crashes }: RunningJob): boolean {
  return crashes >= RULES.maxCrashes - 1;
}

function timeoutOf({ envelope, plan }: RunningJob): number | undefined {
  return envelope.header.t ?? plan.settings.timeoutMs;
}
