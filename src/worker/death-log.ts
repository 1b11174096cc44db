import type { Logger } from '@nestjs/common';
import type { Settlement } from '../core/ports/worker-store.js';
import { newestErrorOf } from '../core/envelope.js';
import type { ErrorRecord } from '../core/job.js';
import { LogBudget } from '../core/log-budget.js';
import { LogLine } from '../core/log-line.js';
import type { RunningJob } from './running-job.js';

const DROPPED = '{"reason":"dropped"';

/** The stack of the error that ended the job, as its history has it: masked and cut. */
function stackOf({ envelope }: Settlement & { op: 'bury' }): string | undefined {
  const newest = envelope === undefined ? '' : newestErrorOf(envelope);
  return newest === '' ? undefined : (JSON.parse(newest) as ErrorRecord).stack;
}

/** Logs each job that dies, with the error. Of many deaths it logs the first ones of each second and counts the rest. */
export class DeathLog {
  private readonly budget = new LogBudget();

  constructor(
    private readonly queue: string,
    private readonly logger: Pick<Logger, 'error'>,
  ) {}

  log(settlement: Settlement & { op: 'bury' }, job: RunningJob | undefined): void {
    if (settlement.detail.startsWith(DROPPED)) return; // as its producer asked for
    const unsaid = this.budget.take(performance.now());
    if (unsaid === undefined) return;
    const { queue } = this;
    if (unsaid > 0)
      this.logger.error(
        new LogLine('error', `Queue "${queue}": ${unsaid} more jobs are dead`, { queue, jobs: unsaid }),
      );
    const { reason, name, message } = JSON.parse(settlement.detail) as {
      reason: string;
      name: string;
      message: string;
    };
    const jobId = job?.id ?? settlement.id;
    const error = `${name}: ${message}`;
    const where =
      job === undefined ? '' : ` in ${job.plan.handler.label}, attempt ${job.attempt} of ${job.maxAttempts}`;
    const run =
      job === undefined
        ? {}
        : {
            jobName: job.name,
            handler: job.plan.handler.label,
            attempt: job.attempt,
            maxAttempts: job.maxAttempts,
          };
    this.logger.error(
      new LogLine(
        'error',
        `Queue "${queue}": job "${jobId}" is dead (${reason})${where}: ${error}`,
        { queue, jobId, number: settlement.id, ...run, reason, error },
        stackOf(settlement),
      ),
    );
  }
}
