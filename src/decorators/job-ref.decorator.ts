import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Job } from '../core/job-view.js';
import { checkDecoratorCall } from './decorator-mode.js';
import { onHandlerParameter } from './handler-parameter.js';

const jobOf = (context: ExecutionContext): Job => context.getArgByIndex<Job>(0);
const job = createParamDecorator((_data: unknown, context: ExecutionContext) => jobOf(context));
const signal = createParamDecorator((_data: unknown, context: ExecutionContext) => jobOf(context).signal);

/** The `Job` itself, beside other parameter decorators. */
export function JobRef(): ParameterDecorator {
  checkDecoratorCall('@JobRef', [...arguments], 0);
  return onHandlerParameter('@JobRef', job());
}

/** The job's `AbortSignal`, aborted when it is cancelled, times out, loses its lease, or the process shuts down. */
export function Signal(): ParameterDecorator {
  checkDecoratorCall('@Signal', [...arguments], 0);
  return onHandlerParameter('@Signal', signal());
}
