import { parseDelay, type Duration } from '../core/duration.js';
import { UnreadableEnvelopeError, type SettledLine } from '../core/envelope.js';
import {
  JobCancelledError,
  JobDeadError,
  JobNotFoundError,
  ResultTimeoutError,
  UnreadableRecordError,
} from '../core/errors/job-errors.js';
import { refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import { DEFAULTS } from '../options/defaults.js';
import { readEndDetail, type JobRecord } from './job-record.js';
import type { QueueScope } from './queue-scope.js';
import type { WaitEnd } from './result-waiter.js';

export interface ResultOptions {
  /** Default 30 s. */
  timeout?: Duration;
}

/** The job whose result is asked for. */
export interface AwaitedJob {
  id: string;
  number: string;
  record: JobRecord;
  /** How it ended, where that is known and stays so. */
  end: SettledLine | undefined;
}

/** @throws as `JobHandle.result` does */
export async function awaitResult(scope: QueueScope, job: AwaitedJob, options: ResultOptions): Promise<unknown> {
  requireObject(options, 'options of result', 'pass an object such as { timeout: "5s" }');
  refuseUnknownKeys(options, ['timeout'], 'result');
  const timeoutMs = options.timeout === undefined ? DEFAULTS.resultTimeoutMs : parseDelay(options.timeout, 'timeout');
  const end = job.end ?? (await waitFor(scope, job, timeoutMs));
  if (end === 'timeout') throw new ResultTimeoutError(scope.queue, job.id, timeoutMs);
  if (end === 'gone') throw new JobNotFoundError(scope.queue, job.id);
  return resultOf(scope.queue, job, end);
}

async function waitFor({ queue, waiter }: QueueScope, { id, number }: AwaitedJob, timeoutMs: number): Promise<WaitEnd> {
  try {
    return await waiter.wait(number, timeoutMs);
  } catch (error) {
    if (error instanceof UnreadableEnvelopeError) {
      throw new UnreadableRecordError(queue, id, 'envelope', { cause: error });
    }
    throw error;
  }
}

function resultOf(queue: string, { id, record }: AwaitedJob, end: SettledLine): unknown {
  if (end.state === 'cancelled') {
    const removed = readEndDetail(end.detail).reason === 'removed';
    throw removed ? new JobNotFoundError(queue, id) : new JobCancelledError(queue, id);
  }
  if (end.state === 'dead') {
    const { reason, name, message } = readEndDetail(end.detail);
    const lastError = message === undefined ? undefined : { name: name ?? 'Error', message };
    throw new JobDeadError(queue, id, reason, lastError);
  }
  if (end.detail === '') return undefined;
  try {
    return record.decode(end.detail, 'result');
  } catch (error) {
    throw new UnreadableRecordError(queue, id, 'result', { cause: error });
  }
}
