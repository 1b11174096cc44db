import { Injectable, Logger } from '@nestjs/common';
import { LimitedError, Processor, QueueService, UnrecoverableError, type Job } from 'nestjs-task-queue';
import { Noticeboard } from './noticeboard.js';
import { announceJob, publishJob, type FinishedReport } from './publishing.jobs.js';

/** Part of the demo: no defect. */
export const NOT_APPROVED = 'Nobody has approved the report yet (the demo lets this job die on purpose)';

/** Two job names of one queue, each with a handler of its own. */
@Injectable()
export class Publisher {
  private readonly logger = new Logger(Publisher.name);

  constructor(
    private readonly queues: QueueService,
    private readonly board: Noticeboard,
  ) {}

  @Processor(announceJob)
  announce(job: Job<FinishedReport>): { announced: string; attempts: number } {
    if (job.attempt <= 2) {
      const message = `The mail server is busy (attempt ${job.attempt} of ${job.maxAttempts})`;
      this.logger.warn(message);
      throw new Error(message);
    }
    this.logger.log(`Report ${job.payload.report} is announced, at attempt ${job.attempt}`);
    return { announced: job.payload.report, attempts: job.attempt };
  }

  /**
   * Dead at its first run: its retry by `POST /dead/:id/retry` is the approval, and the history tells of it.
   *
   * The limits are what the noticeboard is known to take from all processes together. They hold for the whole queue. Where it
   * says itself that it has had enough, the queue waits as long as it asks for, and the job loses no attempt.
   */
  @Processor(publishJob, { limits: { concurrency: 4, rate: { limit: 20, per: '1s' } } })
  async publish(job: Job<FinishedReport>): Promise<{ published: string }> {
    const history = (await this.queues.getJob(publishJob, job.id))?.errors ?? [];
    if (history.length === 0) {
      this.logger.warn(`Report ${job.payload.report} waits for approval: POST /dead/${job.id}/retry`);
      throw new UnrecoverableError(NOT_APPROVED);
    }
    const answer = await this.board.post(job.payload.report);
    if (answer.status === 429) {
      job.log(`The noticeboard answers 429: again in ${answer.retryAfterMs} ms`);
      throw new LimitedError({ for: answer.retryAfterMs });
    }
    this.logger.log(`Report ${job.payload.report} is published`);
    return { published: job.payload.report };
  }
}
