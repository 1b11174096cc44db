import { TaskQueueError } from '../../core/errors/task-queue-error.js';

/** No schedule of that name is stored in the queue: it never was, was removed, or lives in each process (`scope: 'instance'`). */
export class ScheduleNotFoundError extends TaskQueueError {
  override readonly name = 'ScheduleNotFoundError';
  readonly code = 'TASK_QUEUE_SCHEDULE_NOT_FOUND';
  constructor(
    readonly queue: string,
    readonly schedule: string,
  ) {
    super(
      `No schedule "${schedule}" is stored in queue "${queue}". Is it in another queue? Pass { queue: "…" }. What decorators ` +
        "declare is stored at the end of the start, behind every onApplicationBootstrap; with scope: 'instance' it never is.",
    );
  }
}

/** The name belongs to a schedule of another origin: one that code declares, or one that was made at run time. */
export class ScheduleConflictError extends TaskQueueError {
  override readonly name = 'ScheduleConflictError';
  readonly code = 'TASK_QUEUE_SCHEDULE_CONFLICT';
  constructor(
    readonly queue: string,
    readonly schedule: string,
  ) {
    super(
      `Schedule "${schedule}" of queue "${queue}" is declared by a decorator: change it there or under schedules in forRoot, ` +
        'or choose another name for the one that is made at run time.',
    );
  }
}

/**
 * The stored rule cannot be read, or changed under every attempt: a newer version or another process works on it. Or it
 * cannot be resumed, because the code declares it no more.
 */
export class ScheduleStateError extends TaskQueueError {
  override readonly name = 'ScheduleStateError';
  readonly code = 'TASK_QUEUE_SCHEDULE_STATE';
  constructor(
    readonly queue: string,
    readonly schedule: string,
    why: string,
  ) {
    super(`Schedule "${schedule}" of queue "${queue}" ${why}.`);
  }
}
