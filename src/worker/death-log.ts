import type { Logger } from '@nestjs/common';
import type { Settlement } from '../core/broker.js';
import type { RunningJob } from './running-job.js';

const MOST_A_SECOND = 10;

/** Says of each job that dies what killed it; of a mass death it shows the first ones of every second and counts the rest. */
export class DeathLog {
  private second = 0;
  private said = 0;
  private unsaid = 0;

  constructor(
    private readonly queue: string,
    private readonly logger: Pick<Logger, 'error'>,
  ) {}

  tell(settlement: Settlement & { op: 'bury' }, job: RunningJob | undefined): void {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.second) {
      if (this.unsaid > 0) this.logger.error(`Queue "${this.queue}": ${this.unsaid} more jobs are dead`);
      this.second = second;
      this.said = 0;
      this.unsaid = 0;
    }
    if (this.said++ >= MOST_A_SECOND) {
      this.unsaid++;
      return;
    }
    const { reason, name, message } = JSON.parse(settlement.detail) as {
      reason: string;
      name: string;
      message: string;
    };
    const where =
      job === undefined ? '' : ` in ${job.plan.handler.label}, attempt ${job.attempt} of ${job.maxAttempts}`;
    this.logger.error(
      `Queue "${this.queue}": job "${job?.id ?? settlement.id}" is dead (${reason})${where}: ${name}: ${message}`,
    );
  }
}
