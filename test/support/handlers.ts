import { Injectable, type Type } from '@nestjs/common';
import { Processor, type Job, type ProcessorOptions } from 'nestjs-task-queue';

/** A provider whose one decorated method does this with the jobs of a queue. */
export function handlerOf<P = unknown>(
  queue: string,
  handle: (job: Job<P>) => unknown,
  options: ProcessorOptions = {},
): Type {
  @Injectable()
  class Work {
    @Processor(queue, options)
    run(job: Job<P>) {
      return handle(job);
    }
  }
  return Work;
}
