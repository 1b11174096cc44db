import { TaskQueueError } from './task-queue-error.js';

/** No job of that id is kept: it never was, was removed, or was trimmed by retention. */
export class JobNotFoundError extends TaskQueueError {
  override readonly name = 'JobNotFoundError';
  readonly code = 'TASK_QUEUE_JOB_NOT_FOUND';
  constructor(
    readonly queue: string,
    readonly id: string,
  ) {
    super(`No job "${id}" is kept in queue "${queue}": it was never stored, was removed, or left by retention.`);
  }
}

/** The job is in a state in which the call makes no sense, such as removing an active job. */
export class JobStateError extends TaskQueueError {
  override readonly name = 'JobStateError';
  readonly code = 'TASK_QUEUE_JOB_STATE';
  constructor(
    readonly queue: string,
    readonly id: string,
    readonly state: string,
    readonly verb: string,
    remedy: string,
    /** Of a retry: the live job that holds the unique key of the dead one. */
    readonly holder?: string,
  ) {
    super(`Cannot ${verb} job "${id}" of queue "${queue}": it is ${state}. ${remedy}`);
  }
}

/** `result()` waited its time; the job goes on. */
export class ResultTimeoutError extends TaskQueueError {
  override readonly name = 'ResultTimeoutError';
  readonly code = 'TASK_QUEUE_RESULT_TIMEOUT';
  constructor(
    readonly queue: string,
    readonly id: string,
    readonly timeoutMs: number,
  ) {
    super(
      `Job "${id}" of queue "${queue}" did not settle within ${timeoutMs} ms. It is not cancelled; ask again or pass a longer timeout.`,
    );
  }
}

/** `result()` of a job that ended dead: carries what its last run threw. */
export class JobDeadError extends TaskQueueError {
  override readonly name = 'JobDeadError';
  readonly code = 'TASK_QUEUE_JOB_DEAD';
  constructor(
    readonly queue: string,
    readonly id: string,
    readonly reason: string,
    readonly lastError: { name: string; message: string } | undefined,
  ) {
    super(
      `Job "${id}" of queue "${queue}" is dead (${reason})` +
        (lastError ? `: ${lastError.name}: ${lastError.message}` : '.'),
    );
  }
}

/** `result()` of a job that was cancelled. */
export class JobCancelledError extends TaskQueueError {
  override readonly name = 'JobCancelledError';
  readonly code = 'TASK_QUEUE_JOB_CANCELLED';
  constructor(
    readonly queue: string,
    readonly id: string,
  ) {
    super(`Job "${id}" of queue "${queue}" was cancelled.`);
  }
}

/** Aborts a run's `signal`: the lease was lost, the job was cancelled, timed out, or the process shuts down. */
export class RunAbortedError extends TaskQueueError {
  override readonly name = 'RunAbortedError';
  readonly code = 'TASK_QUEUE_RUN_ABORTED';
  constructor(readonly reason: 'cancelled' | 'timeout' | 'lease-lost' | 'shutdown') {
    super(`The run was aborted: ${reason}`);
  }
}

/** What is stored of a job, or its result, cannot be decoded: another codec, key or program wrote it. */
export class UnreadableRecordError extends TaskQueueError {
  override readonly name = 'UnreadableRecordError';
  readonly code = 'TASK_QUEUE_UNREADABLE_RECORD';
  constructor(
    readonly queue: string,
    readonly id: string,
    readonly field: 'envelope' | 'result',
    options?: ErrorOptions,
  ) {
    super(
      `The stored ${field} of job "${id}" of queue "${queue}" cannot be decoded. Check the codec and its keys.`,
      options,
    );
  }
}
