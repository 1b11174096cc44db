import { Controller, HttpCode, Post } from '@nestjs/common';
import { QueueService } from 'nestjs-task-queue';
import { digestJob } from './digest.js';

@Controller('digest')
export class DigestController {
  constructor(private readonly queues: QueueService) {}

  /** However many ask while a digest waits or is written: there is one job, and all get its id. */
  @Post()
  @HttpCode(202)
  async ask(): Promise<{ id: string; created: boolean }> {
    const { id, created } = await this.queues.enqueue(digestJob, null, { unique: 'now' });
    return { id, created };
  }
}
