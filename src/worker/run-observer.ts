import type { Logger } from '@nestjs/common';
import type { Settlement } from '../core/ports/worker-store.js';
import type { ErrorRecord } from '../core/job.js';
import type { Outcome } from '../core/run-counts.js';
import type { RunTally } from '../core/run-tally.js';
import { DeathLog } from './death-log.js';
import { FailureLog } from './failure-log.js';
import type { RunningJob } from './running-job.js';

/** Job names of which a warning is remembered. */
const MOST_PARKED_NAMES = 1000;

/** What does not run is no end of a run. */
const OUTCOME_OF: Readonly<Record<Settlement['op'], Outcome | undefined>> = {
  complete: 'completed',
  retry: 'retried',
  snooze: 'snoozed',
  release: 'released',
  limit: 'released',
  park: undefined,
  cancel: 'cancelled',
  bury: 'dead',
};

/** The one place that every end and every failure of a run passes. It writes them to the log, and counts them. */
export class RunObserver {
  private readonly deaths: DeathLog;
  private readonly failures: FailureLog;
  private readonly parkedNames = new Set<string>();
  /** performance.now() until which a handler holds the queue back. */
  private limitedUntil = 0;

  constructor(
    private readonly queue: string,
    private readonly logger: Pick<Logger, 'warn' | 'error' | 'debug'>,
    /** Counts what is seen here; undefined: nobody does. */
    private readonly tally: RunTally | undefined,
    /** Store time, ms. */
    private readonly now: () => number,
  ) {
    this.deaths = new DeathLog(queue, logger);
    this.failures = new FailureLog(queue, logger);
  }

  /** @param job undefined where the job ended without a run */
  ended(settlement: Settlement, job: RunningJob | undefined): void {
    if (this.tally !== undefined) this.count(this.tally, settlement, job);
    if (settlement.op === 'bury') this.deaths.log(settlement, job);
    else if (settlement.op === 'park') this.parked(settlement.name);
    else if (settlement.op === 'limit') this.limited(settlement.forMs);
  }

  /** An attempt failed, and the job is tried again. */
  failed(job: RunningJob, record: ErrorRecord, delayMs: number): void {
    this.failures.log(job, record, delayMs);
  }

  /**
   * Other workers have these jobs by now: the outcome of their runs here was not stored.
   * @param name of the jobs, where it is known
   */
  lost(numbers: readonly string[], name?: string): void {
    if (numbers.length === 0) return;
    this.tally?.count(name, 'lost', numbers.length);
    const shown = numbers.slice(0, 5).join(', ');
    this.logger.warn(
      `Queue "${this.queue}": the lease on ${numbers.length} job(s) was lost (${shown}${numbers.length > 5 ? ', …' : ''}); ` +
        'what their runs here did was not stored, another run decides',
    );
  }

  private count(tally: RunTally, { op, durationMs = 0 }: Settlement, job: RunningJob | undefined): void {
    const outcome = OUTCOME_OF[op];
    if (outcome === undefined) return;
    if (job === undefined) tally.count(undefined, outcome);
    else tally.ended(job.name, outcome, waitOf(job, this.now() - durationMs), durationMs);
  }

  trimmedDead(count: number): void {
    if (count > 0) this.logger.warn(`Queue "${this.queue}": retention trimmed ${count} dead letters`);
  }

  /** Once for each time that the queue is held back, whatever the jobs that meet the limit meanwhile. */
  private limited(forMs: number): void {
    const until = performance.now() + forMs;
    const isTold = this.limitedUntil > performance.now();
    this.limitedUntil = Math.max(this.limitedUntil, until);
    if (isTold || forMs === 0) return;
    this.logger.warn(`Queue "${this.queue}": a handler met a limit; no job of it starts for ${forMs} ms`);
  }

  /** Once a name: a schedule without a handler parks a job at every tick. */
  private parked(name: string): void {
    if (this.parkedNames.has(name)) return;
    if (this.parkedNames.size < MOST_PARKED_NAMES) this.parkedNames.add(name);
    this.logger.warn(
      `Queue "${this.queue}": no handler here knows job name "${name}"; the job is parked until a worker knows it`,
    );
  }
}

/** When a job that has failed before was due is not known. */
function waitOf({ envelope: { enqueuedAt, header } }: RunningJob, startedAt: number): number | undefined {
  const dueAt = Math.max(enqueuedAt, header.s ?? 0);
  return header.a !== undefined || dueAt === 0 ? undefined : Math.max(0, startedAt - dueAt);
}
