import { TaskQueueError } from './task-queue-error.js';

/** As many bulk operations of the queue run as may. */
export class TooManyBulksError extends TaskQueueError {
  override readonly name = 'TooManyBulksError';
  readonly code = 'TASK_QUEUE_TOO_MANY_BULKS';
  constructor(
    readonly queue: string,
    /** How many may run at once. */
    readonly limit: number,
  ) {
    super(
      `${limit} bulk operations of queue "${queue}" run, and no more may at once. Wait until one has ended, or cancel one: ` +
        'bulks() lists them.',
    );
  }
}

/** No operation of that id is kept: it never was, or later ones that ended have taken its place. */
export class BulkNotFoundError extends TaskQueueError {
  override readonly name = 'BulkNotFoundError';
  readonly code = 'TASK_QUEUE_BULK_NOT_FOUND';
  constructor(
    readonly queue: string,
    readonly id: string,
    /** How many operations that ended are kept. */
    kept: number,
  ) {
    super(
      `No bulk operation "${id}" is kept in queue "${queue}": it was never started, or ${kept} others have ended since.`,
    );
  }
}
