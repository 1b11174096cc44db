import { IntrinsicException } from '@nestjs/common';
import { CONTROL_FLOW, type ControlFlow } from '../core/handler.js';
import { parseDelay, type Duration } from '../core/duration.js';
import { InvalidValueError, UnknownOptionError } from '../core/errors/option-errors.js';
import { readOneOf, refuseUnknownKeys, requireObject } from '../core/option-checks.js';

// Nest logs every error that leaves a handler unless it is intrinsic: these are answers, not accidents.

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
    this[CONTROL_FLOW] = { kind: 'snooze', delayMs: causedBy(message, () => parseDelay(delay, 'snooze')) };
  }
}

export interface LimitedErrorOptions {
  /**
   * How long nothing of the queue starts: milliseconds or a text such as `'30s'`, at most 7 days. 0, and a computed time that has
   * passed, hold nothing back.
   */
  for: Duration;
  /** What waits: the whole `'queue'` (default), or the `'group'` of the job; of a job without a group the whole queue waits in any case. */
  scope?: 'queue' | 'group';
}

/** Longer ones are instants, or seconds that were taken for milliseconds. */
const LONGEST_LIMIT_MS = 7 * 86_400_000;

/**
 * Throw it from a handler that met somebody else's limit, such as HTTP 429: its job goes back to its place, with no attempt
 * counted, and no job of the queue, or of its group, starts for so long, in any process.
 */
export class LimitedError extends IntrinsicException {
  override readonly name = 'LimitedError';
  readonly [CONTROL_FLOW]: ControlFlow;
  /** @throws InvalidValueError, UnknownOptionError for wrong options, with `message` as the cause: the run then fails of that */
  constructor(options: LimitedErrorOptions, message = 'The handler met a limit') {
    super(message);
    this[CONTROL_FLOW] = causedBy(message, () => flowOf(options));
  }
}

function flowOf(options: LimitedErrorOptions): ControlFlow {
  const forMs = waitOf(options);
  const scope = readOneOf(options.scope, ['queue', 'group'], 'scope of LimitedError');
  return { kind: 'limit', forMs, ...(scope === 'group' && { scope }) };
}

function waitOf(options: LimitedErrorOptions): number {
  requireObject(options, 'options of LimitedError', "pass { for: '30s' }");
  refuseUnknownKeys(options, ['for', 'scope'], 'LimitedError', ['scope']);
  if (options.for === undefined)
    throw new InvalidValueError('for of LimitedError', undefined, "say how long, such as { for: '30s' }");
  const forMs = parseDelay(options.for, 'for of LimitedError');
  if (forMs <= LONGEST_LIMIT_MS) return forMs;
  throw new InvalidValueError(
    'for of LimitedError',
    options.for,
    'use at most 7 days; is it an instant, or are the units others?',
  );
}

/** What the handler wanted to say is the cause of an error about how it says it. */
function causedBy<T>(message: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof InvalidValueError || error instanceof UnknownOptionError) error.cause = new Error(message);
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
