import { parseDelay, type Duration } from '../core/duration.js';
import { InvalidValueError, UnknownOptionError } from '../core/errors/option-errors.js';
import { readJobHeaders, type JobHeaders } from '../core/job-headers.js';
import { checkJobName, checkUserId } from '../core/names.js';
import { refuseUndefined, requireObject } from '../core/option-checks.js';
import { GIVEN_JOB_KEYS, readGivenJobOptions } from '../options/job-options-reader.js';
import { readGroup, type GroupOption, type GroupRequest } from '../options/group-option.js';
import type { GivenJobOptions, JobOptions } from '../options/options.js';
import { readUnique, refuseBeside, type UniqueOption, type UniqueRequest } from '../options/unique-option.js';

/** Options of one job of a definition, which brings its name along. */
export interface DefinedEnqueueOptions<P = unknown> extends JobOptions {
  /**
   * Idempotency: while a job with this id is kept, in any state, another one is not stored, and the handle says
   * `created: false`. 1–128 printable ASCII characters without spaces and without `: { } * ? [ ] \` and backtick,
   * not beginning with `cron~`, as the ids of ticks do.
   */
  id?: string;
  /**
   * One live job at a time: while a job of this name with this key has not ended, another one is not stored, and the handle is
   * that job's, with `created: false` and a `conflict` that says what became of it: `'kept'` by default. However the job ends, the
   * key is free again. An `id` outlasts the end instead, for as long as its job is kept. Also: one job a window of time
   * (`throttle`), or one once the calls have ceased (`debounce`).
   */
  unique?: UniqueOption<P>;
  /**
   * Whose job it is: groups of the queue take turns, and `limits.groups` and `setGroup` hold each of them back. With `ordered` one job
   * of the group runs at a time, in order. Default: the group of the definition, else none.
   */
  group?: GroupOption;
  /**
   * Texts beside the payload, such as a trace or tenant id: at most 16, 2 KiB together. Over those of the definition, name by
   * name. They are stored as they are, also where a codec encrypts payloads.
   */
  headers?: JobHeaders;
  /** The job is due this long from now, by the store's clock. Not together with `runAt`. */
  delay?: Duration;
  /** The job is due at this instant: a Date or ms since the epoch. The past is at once. */
  runAt?: Date | number;
}

/** Options of one job. They win over those of its definition, its queue, its processor and the module. */
export interface EnqueueOptions<P = unknown> extends DefinedEnqueueOptions<P> {
  /** Picks the handler inside the queue. Default `default`. */
  name?: string;
}

/** One job of `enqueueMany`: the payload and its options side by side. */
export type BulkJob<P, O = EnqueueOptions<P>> = O & { payload: P };

/** What one call says, in engine units. */
export interface EnqueueRequest {
  name: string | undefined;
  userId: string | undefined;
  unique: UniqueRequest | undefined;
  group: GroupRequest | undefined;
  delayMs: number | undefined;
  runAt: number | undefined;
  headers: JobHeaders | undefined;
  job: GivenJobOptions;
}

export const REQUEST_KEYS = new Set<string>([
  ...['name', 'id', 'unique', 'group', 'headers', 'delay', 'runAt'],
  ...GIVEN_JOB_KEYS,
]);
/** Without a value each of them means: another handler, a second job, nobody's job, at once. */
const DEFINITE_KEYS = new Set<string>(['name', 'id', 'unique', 'group', 'delay', 'runAt']);
/** Milliseconds have 13 digits until the year 2286. */
const LAST_INSTANT = 9_999_999_999_999;

/**
 * @param place where the options stand, for the error
 * @param within `payload` stands beside the options
 * @throws UnknownOptionError, InvalidValueError
 */
export function readEnqueueOptions(
  given: EnqueueOptions,
  place: string,
  backoffNames: readonly string[],
  within?: 'bulk',
): EnqueueRequest {
  requireObject(given, `options of ${place}`, 'pass an object such as { delay: "10s" }');
  for (const key of Object.keys(given)) {
    if (REQUEST_KEYS.has(key)) {
      if (DEFINITE_KEYS.has(key)) refuseUndefined(given, key, place);
      continue;
    }
    if (within === 'bulk' && key === 'payload') continue;
    if (within === 'bulk' && !('payload' in given))
      throw new InvalidValueError(place, given, 'pass { payload, …options } for each job');
    throw new UnknownOptionError(key, place, REQUEST_KEYS);
  }
  if (given.delay !== undefined && given.runAt !== undefined) {
    throw new InvalidValueError('runAt', given.runAt, 'pass either delay or runAt, not both');
  }
  const unique = given.unique === undefined ? undefined : readUnique(given.unique, place);
  if (unique !== undefined) refuseBeside(unique, given, place);
  return {
    name: given.name === undefined ? undefined : checkJobName(given.name),
    userId: given.id === undefined ? undefined : checkUserId(given.id),
    unique,
    group: given.group === undefined ? undefined : readGroup(given.group, place),
    delayMs: given.delay === undefined ? undefined : readDelay(given.delay, place),
    runAt: given.runAt === undefined ? undefined : readInstant(given.runAt, place),
    headers: given.headers === undefined ? undefined : readJobHeaders(given.headers, place),
    job: readGivenJobOptions(given, place, backoffNames),
  };
}

function readDelay(given: Duration, place: string): number | undefined {
  const ms = parseDelay(given, `delay in ${place}`);
  return ms === 0 ? undefined : ms;
}

function readInstant(given: unknown, place: string): number {
  const at = given instanceof Date ? given.getTime() : given;
  if (typeof at === 'number' && Number.isFinite(at) && at <= LAST_INSTANT) return Math.max(Math.round(at), 0);
  throw new InvalidValueError(`runAt in ${place}`, given, 'use a Date or milliseconds since the epoch');
}
