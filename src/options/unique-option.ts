import type { Duration } from '../core/duration.js';
import { InvalidValueError, UnknownOptionError } from '../core/errors/option-errors.js';
import { isUserId } from '../core/names.js';
import { readMs, readOneOf, refuseUndefined } from '../core/option-checks.js';
import type { OnConflict } from '../core/ports/intake.js';

/**
 * 1–128 printable ASCII characters without spaces and without `: { } * ? [ ] \` and backtick. Or names of fields of the payload:
 * jobs whose payloads have the same JSON there have the same key.
 * @typeParam P payload
 */
export type UniqueKey<P = unknown> = string | readonly (keyof P & string)[];

/**
 * The `unique` of an enqueue: a key, which is short for `{ key }`.
 * @typeParam P payload
 */
export type UniqueOption<P = unknown> = string | HeldKey<P> | ThrottledKey<P> | DebouncedKey<P>;

/** One live job at a time. */
export interface HeldKey<P = unknown> {
  key: UniqueKey<P>;
  /**
   * `'ended'` (default): the job holds the key until it ends. `'started'`: not while it runs, so that one more job may wait
   * behind it: what happens after the run has begun gets a run of its own.
   */
  until?: 'started' | 'ended';
  /**
   * `'keep'` (default): the job that holds the key stays as it is. `'replace'`: where it waits, it gets payload, options and due
   * time of this call, in its place of the line; where it runs, it stays.
   */
  onConflict?: 'keep' | 'replace';
}

/** One job in each window of time, whatever becomes of it. */
export interface ThrottledKey<P = unknown> {
  key: UniqueKey<P>;
  /** From 1 ms on, by the store's clock: for so long after a call that was stored, further ones are not. */
  throttle: Duration;
  /** `'leading'` (default): those further calls are dropped. `'both'`: the last of them becomes one job at the end of the window. */
  edge?: 'leading' | 'both';
}

/** One job once the calls have ceased. */
export interface DebouncedKey<P = unknown> {
  key: UniqueKey<P>;
  /** From 1 ms on: the job is due so long after the last call, with what that one brought. */
  debounce: Duration;
  /** At the latest so long after the first call, however many follow. Default ten times `debounce`, which it may not be below. */
  atMost?: Duration;
}

/**
 * The `unique` of the jobs of a schedule: a key, or `{ key, until }`. While a live job of their name holds the key, ticks get no job.
 * The key is a text, or names of fields of the schedule's payload.
 */
export type ScheduleUniqueOption = string | { key: string | readonly string[]; until?: 'started' | 'ended' };

/** What a call says of its key. */
export interface UniqueRequest {
  /** The key, or the fields that make it. */
  key: string | readonly string[];
  freeWhileRunning: boolean;
  onConflict?: OnConflict;
}

const ROOM = 10;
const KINDS = {
  held: ['key', 'until', 'onConflict'],
  throttled: ['key', 'throttle', 'edge'],
  debounced: ['key', 'debounce', 'atMost'],
} as const;
const OPTIONS: readonly string[] = [...new Set(Object.values(KINDS).flat())];

interface GivenUnique {
  key?: unknown;
  until?: unknown;
  onConflict?: unknown;
  throttle?: unknown;
  edge?: unknown;
  debounce?: unknown;
  atMost?: unknown;
}

/**
 * @param place where the option stands, for the error
 * @throws InvalidValueError, UnknownOptionError
 */
export function readUnique(given: unknown, place: string): UniqueRequest {
  if (typeof given === 'string') return { key: checkKey(given, `unique in ${place}`), freeWhileRunning: false };
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new InvalidValueError(
      `unique in ${place}`,
      given,
      "pass a key such as 'invoice-17', or { key: 'invoice-17' }, or { key: ['invoice'] } for a field of the payload",
    );
  }
  for (const name of Object.keys(given)) {
    if (!OPTIONS.includes(name)) throw new UnknownOptionError(name, `unique in ${place}`, OPTIONS);
  }
  // Without a value each of them would mean that every job is held.
  for (const name of ['throttle', 'debounce']) if (name in given) refuseUndefined(given, name, `unique in ${place}`);
  const options = given as GivenUnique;
  const what = `unique.key in ${place}`;
  const key = Array.isArray(options.key) ? checkFields(options.key, what) : checkKey(options.key, what);
  const within = (option: string): string => `unique.${option} in ${place}`;
  if (options.throttle !== undefined) {
    refuseOthers(options, 'throttled', 'throttle', place);
    const ms = readMs(options.throttle, within('throttle'), 1) as number;
    const edge = readOneOf(options.edge, ['leading', 'both'], within('edge')) ?? 'leading';
    return { key, freeWhileRunning: false, onConflict: { kind: 'throttle', ms, both: edge === 'both' } };
  }
  if (options.debounce !== undefined) {
    refuseOthers(options, 'debounced', 'debounce', place);
    const ms = readMs(options.debounce, within('debounce'), 1) as number;
    const atMostMs = readMs(options.atMost, within('atMost'), ms) ?? ROOM * ms;
    return { key, freeWhileRunning: true, onConflict: { kind: 'debounce', ms, atMostMs } };
  }
  refuseOthers(options, 'held', undefined, place);
  const until = readOneOf(options.until, ['started', 'ended'], within('until')) ?? 'ended';
  const onConflict = readOneOf(options.onConflict, ['keep', 'replace'], within('onConflict')) ?? 'keep';
  return {
    key,
    freeWhileRunning: until === 'started',
    ...(onConflict === 'replace' && { onConflict: { kind: 'replace' } }),
  };
}

/**
 * As {@link readUnique}, for the jobs of a schedule.
 * @throws InvalidValueError, UnknownOptionError
 */
export function readScheduleUnique(given: unknown, place: string): UniqueRequest {
  const request = readUnique(given, place);
  if (request.onConflict === undefined) return request;
  const { kind } = request.onConflict;
  const [option, value] = Object.entries(given as GivenUnique).find(
    ([name]) => name === (kind === 'replace' ? 'onConflict' : kind),
  ) as [string, unknown];
  const remedy =
    kind === 'replace'
      ? 'ticks bring what the job that waits has already: leave it out'
      : 'a schedule says by its ticks when jobs are made: leave it out, and let it tick less often';
  throw new InvalidValueError(`unique.${option} in ${place}`, value, remedy);
}

/** A key is held, throttled or debounced. */
function refuseOthers(
  given: GivenUnique,
  kind: keyof typeof KINDS,
  by: 'throttle' | 'debounce' | undefined,
  place: string,
): void {
  const known: readonly string[] = KINDS[kind];
  const other = Object.entries(given).find(([name, value]) => value !== undefined && !known.includes(name));
  if (other === undefined) return;
  const [name, value] = other;
  const remedy =
    by !== undefined
      ? `beside ${by} it says nothing: pass ${by} or ${name}, not both`
      : `it belongs to ${name === 'edge' ? 'throttle' : 'debounce'}: pass that as well, or leave it out`;
  throw new InvalidValueError(`unique.${name} in ${place}`, value, remedy);
}

/**
 * What an enqueue must not say beside its key: an id is of one job for good, and a window and a debounce decide when a job is due.
 * @throws InvalidValueError
 */
export function refuseBeside(
  { onConflict }: UniqueRequest,
  given: { id?: unknown; delay?: unknown; runAt?: unknown },
  place: string,
): void {
  if (onConflict === undefined) return;
  const { kind } = onConflict;
  const names = kind === 'replace' ? (['id'] as const) : (['id', 'delay', 'runAt'] as const);
  for (const name of names) {
    if (given[name] === undefined) continue;
    const by = kind === 'replace' ? "onConflict: 'replace'" : kind;
    throw new InvalidValueError(
      `${name} in ${place}`,
      given[name],
      name === 'id'
        ? `the job of a key with ${by} gets what each call brings, and an id is of one job for good: leave it out`
        : `${by} decides when the job is due: leave it out`,
    );
  }
}

function checkKey(key: unknown, what: string): string {
  if (isUserId(key)) return key;
  throw new InvalidValueError(
    what,
    key,
    'use a text of 1–128 printable ASCII characters without spaces and without : { } * ? [ ] \\ `, such as a hash of what is longer',
  );
}

function checkFields(fields: readonly unknown[], what: string): readonly string[] {
  if (fields.length > 0 && fields.every((field) => typeof field === 'string')) return [...new Set(fields)].sort();
  throw new InvalidValueError(what, fields, "name at least one field of the payload, each by a text such as 'invoice'");
}
