import { IntrinsicException } from '@nestjs/common';
import { CONTROL_FLOW, type ControlFlow } from '../core/handler.js';
import { parseDelay, type Duration } from '../core/duration.js';
import { InvalidValueError } from '../core/errors/option-errors.js';

// Nest logs every error that leaves a handler unless it is intrinsic: these three are answers, not accidents.

/** Throw it from a handler to end the job dead at once, whatever attempts are left. */
export class UnrecoverableError extends IntrinsicException {
  override readonly name = 'UnrecoverableError';
  readonly [CONTROL_FLOW]: ControlFlow = { kind: 'bury', reason: 'unrecoverable' };
  constructor(message = 'The handler gave the job up', options?: ErrorOptions) {
    super(message);
    if (options?.cause !== undefined) this.cause = options.cause;
  }
}

/** Throw it from a handler to run the job later without counting an attempt. */
export class SnoozeError extends IntrinsicException {
  override readonly name = 'SnoozeError';
  readonly [CONTROL_FLOW]: ControlFlow;
  /**
   * @param delay milliseconds or a text such as `'10s'`; 0, and a time that has passed, run it again at once, at the back of its
   *   queue
   * @throws InvalidValueError for what is no duration, with `message` as its cause: the run then fails of that
   */
  constructor(delay: Duration, message = 'The handler snoozed the job') {
    super(message);
    this[CONTROL_FLOW] = { kind: 'snooze', delayMs: delayOf(delay, message) };
  }
}

function delayOf(delay: Duration, message: string): number {
  try {
    return parseDelay(delay, 'snooze');
  } catch (error) {
    if (error instanceof InvalidValueError) error.cause = new Error(message);
    throw error;
  }
}

/** Throw it from a handler to end the job as cancelled; also what a handler may throw when its `signal` says so. */
export class CancelledError extends IntrinsicException {
  override readonly name = 'CancelledError';
  readonly [CONTROL_FLOW]: ControlFlow = { kind: 'cancel' };
  constructor(message = 'The job was cancelled') {
    super(message);
  }
}
