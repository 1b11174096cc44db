import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Job } from '../core/job-view.js';

const jobOf = (context: ExecutionContext): Job => context.getArgByIndex<Job>(0);

/** The `Job` itself, beside other parameter decorators. */
export const JobRef: () => ParameterDecorator = createParamDecorator((_data: unknown, context: ExecutionContext) =>
  jobOf(context),
);

/** The job's `AbortSignal`, aborted when it is cancelled, times out, loses its lease, or the process shuts down. */
export const Signal: () => ParameterDecorator = createParamDecorator(
  (_data: unknown, context: ExecutionContext) => jobOf(context).signal,
);
