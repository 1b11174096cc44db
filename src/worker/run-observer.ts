import type { Logger } from '@nestjs/common';
import type { Settlement } from '../core/ports/worker-store.js';
import type { ErrorRecord } from '../core/job.js';
import { DeathLog } from './death-log.js';
import { FailureLog } from './failure-log.js';
import type { RunningJob } from './running-job.js';

/** Job names of which a warning is remembered. */
const MOST_PARKED_NAMES = 1000;

/** The one place that every end and every failure of a run passes. Today it writes them to the log. */
export class RunObserver {
  private readonly deaths: DeathLog;
  private readonly failures: FailureLog;
  private readonly parkedNames = new Set<string>();

  constructor(
    private readonly queue: string,
    private readonly logger: Pick<Logger, 'warn' | 'error' | 'debug'>,
  ) {
    this.deaths = new DeathLog(queue, logger);
    this.failures = new FailureLog(queue, logger);
  }

  /** @param job undefined where the job ended without a run */
  ended(settlement: Settlement, job: RunningJob | undefined): void {
    if (settlement.op === 'bury') this.deaths.log(settlement, job);
    else if (settlement.op === 'park') this.parked(settlement.name);
  }

  /** An attempt failed, and the job is tried again. */
  failed(job: RunningJob, record: ErrorRecord, delayMs: number): void {
    this.failures.log(job, record, delayMs);
  }

  /** Other workers have these jobs by now: the outcome of their runs here was not stored. */
  lost(numbers: readonly string[]): void {
    if (numbers.length === 0) return;
    const shown = numbers.slice(0, 5).join(', ');
    this.logger.warn(
      `Queue "${this.queue}": the lease on ${numbers.length} job(s) was lost (${shown}${numbers.length > 5 ? ', …' : ''}); ` +
        'what their runs here did was not stored, another run decides',
    );
  }

  trimmedDead(count: number): void {
    if (count > 0) this.logger.warn(`Queue "${this.queue}": retention trimmed ${count} dead letters`);
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
