import { TaskQueueError } from './task-queue-error.js';

/** An operation of a JSON Patch cannot be applied to the payload of the job; nothing was changed. */
export class InvalidPatchError extends TaskQueueError {
  override readonly name = 'InvalidPatchError';
  readonly code = 'TASK_QUEUE_INVALID_PATCH';
  constructor(
    /** Of the operation in the patch, from 0. */
    readonly operation: number,
    /** Its JSON Pointer, `path` or `from`; '' where it has none. */
    readonly path: string,
    problem: string,
  ) {
    super(`Invalid patch: operation ${operation}${path === '' ? '' : ` at "${path}"`} ${problem}`);
  }
}
