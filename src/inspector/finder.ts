import { InvalidValueError } from '../core/errors/option-errors.js';
import { isSettled } from '../core/job.js';
import { readCount, readOneOf, refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import type { StoredJob } from '../core/ports/curation.js';
import { seenOf } from '../core/record-head.js';
import type { Redactor } from '../core/redactor.js';
import { JobHandle } from '../queue/job-handle.js';
import type { QueueScope } from '../queue/queue-scope.js';
import { walkMatches, type WalkOptions } from './match-walk.js';
import { readWhere } from './where/where-reader.js';
import type { Where } from './where/where.js';

export interface FindOptions {
  /** Ends after so many jobs. Default: all that fit. */
  limit?: number;
  /** Ends the search: the iteration throws the reason of the signal. */
  signal?: AbortSignal;
  /** `replica`: looks through a replica, which may be a moment behind; only the jobs that it finds are read on the primary. */
  on?: 'primary' | 'replica';
}

/** Jobs that are read again together. */
const READ_STEP = 50;
const MOST = 1_000_000;

/**
 * Looks for jobs, newest first; nothing is asked of the store before the first one is asked for.
 * @throws WhereSyntaxError, RedactedFieldError, InvalidValueError, UnknownOptionError
 */
export function findJobs(
  scopeOf: () => Promise<QueueScope>,
  redactor: Redactor | undefined,
  where: unknown,
  options: FindOptions = {},
): AsyncIterableIterator<JobHandle> {
  requireObject(options, 'options of find', 'pass an object such as { limit: 100 }');
  refuseUnknownKeys(options, ['limit', 'signal', 'on'], 'find');
  const limit = readCount(options.limit, 'limit of find', 1, MOST) ?? Infinity;
  return handlesOf(scopeOf, readWhere(where, redactor), limit, readWalkOptions(options, 'find'));
}

/** @throws InvalidValueError */
export function readWalkOptions({ signal, on }: WalkOptions, verb: string): WalkOptions {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new InvalidValueError(`signal of ${verb}`, signal, 'pass the signal of an AbortController');
  }
  return { signal, on: readOneOf(on, ['primary', 'replica'], `on of ${verb}`) };
}

async function* handlesOf(
  scopeOf: () => Promise<QueueScope>,
  where: Where,
  limit: number,
  options: WalkOptions,
): AsyncGenerator<JobHandle, void, void> {
  const scope = await scopeOf();
  let left = limit;
  for await (const found of walkMatches(scope, where, options)) {
    for (let first = 0; first < found.length && left > 0; first += READ_STEP) {
      for (const stored of await readAgain(scope, found.slice(first, first + Math.min(READ_STEP, left)))) {
        options.signal?.throwIfAborted();
        yield JobHandle.ofStored(scope, stored);
        left--;
      }
    }
    if (left <= 0) return;
  }
}

/** With progress and marks, which a walk does not read. One that has moved on since does not fit any more. */
async function readAgain({ store, queue }: QueueScope, found: readonly StoredJob[]): Promise<StoredJob[]> {
  const now = await store.curation.read(
    queue,
    found.map(({ id }) => id),
  );
  return now.filter(
    (job, index): job is StoredJob => job !== undefined && job.id === found[index].id && looksAs(job, found[index]),
  );
}

function looksAs(job: StoredJob, seen: StoredJob): boolean {
  return job.state === seen.state && (!isSettled(job.state) || seenOf(job.record) === seenOf(seen.record));
}
