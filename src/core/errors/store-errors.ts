import { TaskQueueError } from './task-queue-error.js';

/** The store could not be reached and nothing was sent: the jobs are not stored. */
export class BrokerUnavailableError extends TaskQueueError {
  override readonly name = 'BrokerUnavailableError';
  readonly code = 'TASK_QUEUE_BROKER_UNAVAILABLE';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** A call that changes what is stored, other than an enqueue, was sent and its reply never came: it may be done. */
export class CallOutcomeUnknownError extends TaskQueueError {
  override readonly name = 'CallOutcomeUnknownError';
  readonly code = 'TASK_QUEUE_CALL_OUTCOME_UNKNOWN';
  constructor(
    readonly queue: string,
    /** What was called: the name of its script, such as `cancel` or `retry-dead`. */
    readonly call: string,
    /**
     * Calling again does nothing twice. False for calls on a job, whose id may be another job's by then, and for a schedule that
     * is run by hand: look first, then call again.
     */
    readonly safeToRepeat: boolean,
    options?: ErrorOptions,
  ) {
    super(
      `The reply to ${call} on queue "${queue}" was lost: it may be done. ` +
        (safeToRepeat
          ? 'It is safe to call it again: nothing is done twice, and what is done already is answered as such.'
          : call === 'run-schedule'
            ? 'Look at the history of the schedule, and call it again only if it has not run: that may run it twice.'
            : 'Look at the state of the job, and call it again if it is not done: another job may have that id by now.'),
      options,
    );
  }
}

/** The store answered and refused: full, read-only, not permitted, misconfigured. */
export class BrokerRefusedError extends TaskQueueError {
  override readonly name: string = 'BrokerRefusedError';
  readonly code: string = 'TASK_QUEUE_BROKER_REFUSED';
  constructor(
    /** First word of the server's answer, such as `OOM` or `NOPERM`. */
    readonly reply: string,
    readonly remedy: string,
    /** `index`: of jobs that were refused together because the request is too large, the place of the largest. */
    { index, ...options }: ErrorOptions & { index?: number } = {},
  ) {
    super(`The store refused the call (${reply}): ${remedy}`, options);
    if (index !== undefined) this.index = index;
  }
}

/** The store is out of memory: nothing was stored; running jobs still settle. */
export class StoreFullError extends BrokerRefusedError {
  override readonly name = 'StoreFullError';
  override readonly code: string = 'TASK_QUEUE_STORE_FULL';
  constructor(options?: ErrorOptions) {
    super(
      'OOM',
      'Redis is at maxmemory. Raise maxmemory, lower retention, or wait until the backlog is worked off.',
      options,
    );
  }
}

/** The store cannot do what was asked, and says so instead of pretending. */
export class UnsupportedError extends TaskQueueError {
  override readonly name = 'UnsupportedError';
  readonly code = 'TASK_QUEUE_UNSUPPORTED';
}

/** The store speaks another format, or is not what this package needs. */
export class IncompatibleStoreError extends TaskQueueError {
  override readonly name = 'IncompatibleStoreError';
  readonly code = 'TASK_QUEUE_INCOMPATIBLE_STORE';
}
