import { Controller, Get, HttpCode, NotFoundException, Param, Post } from '@nestjs/common';
import { QueueService, type JobHandle } from 'nestjs-task-queue';
import { fileJob } from '../files/file.job.js';
import { reportJob } from '../reports/report.job.js';
import { publishJob } from './publishing.jobs.js';

const QUEUES = [publishJob.queue, fileJob.queue, reportJob.queue];

@Controller('dead')
export class DeadLettersController {
  constructor(private readonly queues: QueueService) {}

  @Get()
  async list(): Promise<JobHandle[]> {
    const pages = await Promise.all(QUEUES.map((queue) => this.queues.jobs(queue, { state: 'dead' })));
    return pages.flatMap(({ jobs }) => jobs);
  }

  @Post(':id/retry')
  @HttpCode(202)
  async retry(@Param('id') id: string): Promise<JobHandle> {
    for (const queue of QUEUES) {
      if (await this.queues.getJob(queue, id)) return this.queues.retry(queue, id);
    }
    throw new NotFoundException(`No job "${id}" is kept in ${QUEUES.join(', ')}.`);
  }
}
