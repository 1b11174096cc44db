import type { Logger } from '@nestjs/common';
import type { Settlement } from '../core/broker.js';
import { newestErrorOf } from '../core/envelope.js';
import type { ErrorRecord } from '../core/job.js';
import { LogBudget } from '../core/log-budget.js';
import type { RunningJob } from './running-job.js';

/** Of the error that ended the job, as its history has it: masked and cut. */
function stackOf({ envelope }: Settlement & { op: 'bury' }): string | undefined {
  const newest = envelope === undefined ? '' : newestErrorOf(envelope);
  return newest === '' ? undefined : (JSON.parse(newest) as ErrorRecord).stack;
}

/** Says of each job that dies what killed it; of a mass death it shows the first ones of every second and counts the rest. */
export class DeathLog {
  private readonly budget = new LogBudget();

  constructor(
    private readonly queue: string,
    private readonly logger: Pick<Logger, 'error'>,
  ) {}

  tell(settlement: Settlement & { op: 'bury' }, job: RunningJob | undefined): void {
    const unsaid = this.budget.take(performance.now());
    if (unsaid === undefined) return;
    if (unsaid > 0) this.logger.error(`Queue "${this.queue}": ${unsaid} more jobs are dead`);
    const { reason, name, message } = JSON.parse(settlement.detail) as {
      reason: string;
      name: string;
      message: string;
    };
    const where =
      job === undefined ? '' : ` in ${job.plan.handler.label}, attempt ${job.attempt} of ${job.maxAttempts}`;
    this.logger.error(
      `Queue "${this.queue}": job "${job?.id ?? settlement.id}" is dead (${reason})${where}: ${name}: ${message}`,
      stackOf(settlement),
    );
  }
}
