import { setImmediate } from 'node:timers/promises';
import type { NewJob } from '../core/ports/intake.js';
import { BulkTooLargeError, InvalidPayloadError } from '../core/errors/enqueue-errors.js';
import { InvalidValueError } from '../core/errors/option-errors.js';
import { TaskQueueError, withItemIndex } from '../core/errors/task-queue-error.js';
import { readBoolean, refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import { DEFAULTS } from '../options/defaults.js';
import { readEnqueueOptions, type BulkJob } from './enqueue-options.js';
import type { PreparedJob } from './job-composer.js';
import type { JobDefinition } from './job-definition.js';
import type { JobHandle } from './job-handle.js';
import { prepareJob, storeJobs } from './job-producer.js';
import type { QueueScope } from './queue-scope.js';

export interface EnqueueManyOptions {
  /**
   * Split a call over 1000 jobs or 4 MiB into several, each atomic by itself, and report per chunk. Everything is
   * checked before the first chunk is stored. Default false: such a call is refused.
   */
  chunk?: boolean;
}

/**
 * What became of the jobs from index `from` up to, not including, `to`. After a chunk that failed the rest is skipped, so
 * that order holds and a store in trouble is left alone.
 */
export type BulkChunk<P = unknown, R = unknown> = { readonly from: number; readonly to: number } & (
  | { readonly outcome: 'stored'; readonly jobs: JobHandle<P, R>[] }
  | { readonly outcome: 'failed'; readonly error: Error }
  | { readonly outcome: 'skipped' }
);

/** One span of a bulk call. */
interface Span {
  from: number;
  to: number;
}

/** Checks the second argument of `enqueueMany`. @throws UnknownOptionError, InvalidValueError */
export function readChunk(options: EnqueueManyOptions | undefined): boolean {
  if (options === undefined) return false;
  requireObject(options, 'options of enqueueMany', 'pass { chunk: true }, and the options of a job beside its payload');
  refuseUnknownKeys(options, ['chunk'], 'enqueueMany (the options of a job stand beside its payload)');
  return readBoolean(options.chunk, 'chunk') ?? false;
}

/** Checks and encodes every job before any is stored, without holding up the process for longer than one batch. */
export async function prepareBulk(
  scope: QueueScope,
  definition: JobDefinition | undefined,
  items: readonly BulkJob<unknown>[],
): Promise<PreparedJob[]> {
  if (!Array.isArray(items))
    throw new InvalidValueError('jobs of enqueueMany', items, 'pass an array of { payload, …options }');
  const jobs: PreparedJob[] = [];
  for (const [index, item] of (items as readonly BulkJob<unknown>[]).entries()) {
    if (index > 0 && index % DEFAULTS.bulk.jobs === 0) await setImmediate();
    try {
      const place = `enqueueMany("${scope.queue}")[${index}]`;
      const request = readEnqueueOptions(item, place, scope.backoffNames, 'bulk');
      const job = prepareJob(scope, definition, item.payload, request);
      jobs.push(job instanceof Promise ? await job : job);
    } catch (error) {
      throw withItemIndex(error instanceof InvalidPayloadError ? atIndex(error, index) : error, index, 'enqueueMany');
    }
  }
  return jobs;
}

function atIndex(error: InvalidPayloadError, index: number): InvalidPayloadError {
  const issues = error.issues.map(({ path, message }) => ({
    path: path === '' ? `[${index}]` : `[${index}].${path}`,
    message,
  }));
  return new InvalidPayloadError(error.queue, error.jobName, issues);
}

/** @throws BulkTooLargeError when one atomic call may not carry them */
export function refuseLargeBulk(jobs: readonly NewJob[]): void {
  const limit = DEFAULTS.bulk;
  let bytes = 0;
  for (const { envelope } of jobs) bytes += envelope.length * 3;
  if (jobs.length <= 1 || (jobs.length <= limit.jobs && bytes <= limit.bytes)) return;
  bytes = 0;
  for (const { envelope } of jobs) bytes += Buffer.byteLength(envelope);
  if (jobs.length > limit.jobs || bytes > limit.bytes) throw new BulkTooLargeError(limit, { jobs: jobs.length, bytes });
}

/** Cuts a bulk into spans that one atomic call may carry, in order. */
function planChunks(jobs: readonly NewJob[]): Span[] {
  const limit = DEFAULTS.bulk;
  const spans: Span[] = [];
  let from = 0;
  let bytes = 0;
  for (let index = 0; index < jobs.length; index++) {
    const size = Buffer.byteLength(jobs[index].envelope);
    if (index > from && (index - from === limit.jobs || bytes + size > limit.bytes)) {
      spans.push({ from, to: index });
      from = index;
      bytes = 0;
    }
    bytes += size;
  }
  if (jobs.length > from) spans.push({ from, to: jobs.length });
  return spans;
}

/** Stores chunk after chunk; never rejects for what the store answers. */
export async function storeChunks<P, R>(scope: QueueScope, jobs: readonly PreparedJob[]): Promise<BulkChunk<P, R>[]> {
  const report: BulkChunk<P, R>[] = [];
  let failed = false;
  for (const { from, to } of planChunks(jobs)) {
    if (failed) {
      report.push({ from, to, outcome: 'skipped' });
      continue;
    }
    try {
      report.push({ from, to, outcome: 'stored', jobs: await storeJobs<P, R>(scope, jobs.slice(from, to)) });
    } catch (error) {
      failed = true;
      // The call counts from its own first job.
      if (error instanceof TaskQueueError && error.index !== undefined) error.index += from;
      report.push({ from, to, outcome: 'failed', error: error instanceof Error ? error : new Error(String(error)) });
    }
  }
  return report;
}
