import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Job } from '../core/job-view.js';
import { checkDecoratorCall } from './decorator-mode.js';
import { onHandlerParameter } from './handler-parameter.js';

/** An array of them in a batch handler. */
const jobOf = (context: ExecutionContext): Job | readonly Job[] => context.getArgByIndex<Job | readonly Job[]>(0);
const job = createParamDecorator((_data: unknown, context: ExecutionContext) => jobOf(context));
const signal = createParamDecorator((_data: unknown, context: ExecutionContext) => {
  const given = jobOf(context);
  return 'signal' in given ? given.signal : given.map((each) => each.signal);
});

/** The `Job` itself, beside other parameter decorators; in a batch handler the array of its jobs. */
export function JobRef(): ParameterDecorator {
  checkDecoratorCall('@JobRef', [...arguments], 0);
  return onHandlerParameter('@JobRef', job());
}

/** The job's `AbortSignal` (in a batch handler one for each job, by position), aborted when it is cancelled, times out, loses its lease, or the process shuts down. */
export function Signal(): ParameterDecorator {
  checkDecoratorCall('@Signal', [...arguments], 0);
  return onHandlerParameter('@Signal', signal());
}
