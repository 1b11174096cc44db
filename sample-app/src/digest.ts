import { Injectable, Logger } from '@nestjs/common';
import { Cron, CronExpression, defineJob, Processor, QueueService } from 'nestjs-task-queue';
import { fileJob } from './files/file.job.js';
import { publishJob } from './publishing/publishing.jobs.js';
import { reportJob } from './reports/report.job.js';

/** A digest that somebody asks for between two minutes. */
export const digestJob = defineJob<null, string>({ queue: 'digests', name: 'digest' });

@Injectable()
export class Digest {
  private readonly logger = new Logger(Digest.name);

  constructor(private readonly queues: QueueService) {}

  @Processor(digestJob)
  writeNow(): Promise<string> {
    return this.write();
  }

  /** Once a minute in the whole cluster, however many processes run. */
  @Cron(CronExpression.EVERY_MINUTE, { name: 'digest' })
  async write(): Promise<string> {
    const lines = await Promise.all(
      [reportJob, fileJob, publishJob].map(async ({ queue }) => {
        const { ready, active, completed, dead } = await this.queues.counts(queue);
        return `${queue}: ${ready} ready, ${active} active, ${completed} completed, ${dead} dead`;
      }),
    );
    const digest = lines.join('; ');
    this.logger.log(digest);
    return digest;
  }
}
