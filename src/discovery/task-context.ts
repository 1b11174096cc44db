import type { ArgumentsHost } from '@nestjs/common';

/** What `context.getType()` says around a handler. */
export const TASK_CONTEXT = 'task';

/**
 * Whether an enhancer runs around a job's handler, not around an HTTP request or a message. The `Job` is then
 * `context.getArgByIndex(0)`.
 */
export function isTaskContext(context: ArgumentsHost): boolean {
  return context.getType<string>() === TASK_CONTEXT;
}
