import { guardLogger } from './guarded-logger.js';
import { Logger } from '@nestjs/common';
import { controlFlowOf } from '../core/handler.js';
import type { Job } from '../core/job-view.js';
import { LogBudget } from '../core/log-budget.js';
import { isError, read, stackOfThrown } from '../core/thrown-reader.js';

const logger = guardLogger(new Logger('TaskQueueModule'));
const budget = new LogBudget();
/** Errors behind an error are looked at this deep. */
const DEEPEST_CAUSE = 10;
/** Errors that hold another one already. */
const joined = new WeakSet<object>();

/** Remembers what the handler itself threw, while interceptors around it may put something else in its place. */
export class OwnFailure {
  private thrown: { error: unknown } | undefined;

  constructor(private readonly call: () => Promise<unknown>) {}

  readonly next = async (): Promise<unknown> => {
    try {
      return await this.call();
    } catch (error) {
      this.thrown = { error };
      throw error;
    }
  };

  /**
   * What to keep of a run whose interceptors ended with `error`. They may map errors on purpose; one that stumbles over a
   * request that is not there does not, and what the handler threw is what its user must see.
   */
  beside(error: unknown): unknown {
    if (this.thrown === undefined) return error;
    const { error: own } = this.thrown;
    if (own === error || controlFlowOf(error) !== undefined || isCausedBy(error, own)) return error;
    return isStumble(error) ? withErrors(own, error) : withErrors(error, own);
  }
}

/**
 * What to keep of a run whose filter failed over the error of the job: that error, and the filter's beside it. A filter
 * that decides (snooze, bury, cancel), or that names the error as the cause of its own, has the last word.
 */
export function besideOwn(own: unknown, failure: unknown, { queue, name }: Job): unknown {
  if (failure === own || controlFlowOf(failure) !== undefined || isCausedBy(failure, own)) return failure;
  const unsaid = budget.take(performance.now());
  if (unsaid !== undefined) {
    const more = unsaid > 0 ? ` (${unsaid} times more since the last such line)` : '';
    logger.error(
      `An exception filter failed around a job of "${queue}/${name}"${more}. The job keeps its own error. Around jobs ` +
        'host.getType() is "task", and there is no request and no response: ask isTaskContext(host) first.',
      stackOfThrown(failure),
    );
  }
  return withErrors(own, failure);
}

/**
 * `error`, with `other` among its `errors`, where those are read as inner errors are. The thrown one is its user's: what is
 * frozen or no error stays as it is, and one that is thrown again and again gets this once.
 */
function withErrors(error: unknown, other: unknown): unknown {
  try {
    if (!isError(error) || joined.has(error)) return error;
    const held: unknown = (error as { errors?: unknown }).errors;
    const errors = [...(Array.isArray(held) ? (held as unknown[]) : []), other];
    Object.defineProperty(error, 'errors', { value: errors, writable: true, configurable: true });
    joined.add(error);
  } catch {
    // It is frozen, or throws when it is looked at.
  }
  return error;
}

function isCausedBy(error: unknown, own: unknown): boolean {
  try {
    let cause: unknown = error;
    for (let depth = 0; depth < DEEPEST_CAUSE && typeof cause === 'object' && cause !== null; depth++) {
      cause = (cause as { cause?: unknown }).cause;
      if (cause !== undefined && cause === own) return true;
    }
  } catch {
    // An error that throws when it is looked at is caused by nothing.
  }
  return false;
}

/** What the engine throws at code that reads what is not there. */
function isStumble(error: unknown): boolean {
  return isError(error) && ['TypeError', 'ReferenceError'].includes(String(read(error, 'name')));
}
