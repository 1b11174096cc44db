import { parseDuration, type Duration } from './duration.js';
import { InvalidValueError, UnknownOptionError } from './errors/option-errors.js';
import { nearestName } from './nearest.js';

/**
 * What is no options object has no keys that could be wrong: a promise that nobody awaited, a Map, a Date. A class of the
 * user's is one, and so is a module (`import * as options`).
 * @throws InvalidValueError
 */
export function requireObject(given: unknown, what: string, remedy: string): asserts given is object {
  if (typeof given === 'object' && given !== null) {
    if (Object.getPrototypeOf(given) === Object.prototype) return;
    const kind = Object.prototype.toString.call(given);
    if (kind === '[object Object]' || kind === '[object Module]') return;
    if (kind === '[object Promise]') throw new InvalidValueError(what, given, `await the promise, and ${remedy}`);
  }
  throw new InvalidValueError(what, given, remedy);
}

const NONE: readonly string[] = [];

/**
 * @param definite options that protect, narrow or place something: one that is there and undefined (an environment variable
 *   that nobody set, a field of another name) would silently mean another thing than its writer did
 * @throws UnknownOptionError naming the first key that is not known and the nearest one that is; InvalidValueError
 */
export function refuseUnknownKeys(
  given: object,
  known: readonly string[],
  place: string,
  definite: readonly string[] = NONE,
): void {
  for (const key of Object.keys(given)) {
    if (!known.includes(key)) throw new UnknownOptionError(key, place, known);
    if (definite.includes(key)) refuseUndefined(given, key, place);
  }
}

/** @throws InvalidValueError where the option is undefined */
export function refuseUndefined(given: object, key: string, place: string): void {
  if ((given as Record<string, unknown>)[key] !== undefined) return;
  throw new InvalidValueError(
    `${key} in ${place}`,
    undefined,
    'give it a value, or leave the option out; is an environment variable or a field missing?',
  );
}

/** A whole number from `least` to `most`, or undefined where none was given. @throws InvalidValueError */
export function readCount(given: unknown, what: string, least: number, most: number): number | undefined {
  if (given === undefined) return undefined;
  if (typeof given === 'number' && Number.isInteger(given) && given >= least && given <= most) return given;
  throw new InvalidValueError(what, given, `use a whole number from ${least} to ${most}`);
}

/** A duration of at least `leastMs`, or undefined where none was given. @throws InvalidValueError */
export function readMs(given: unknown, what: string, leastMs: number, mostMs = Infinity): number | undefined {
  if (given === undefined) return undefined;
  const ms = parseDuration(given as Duration, what);
  if (ms < leastMs) throw new InvalidValueError(what, given, `use at least ${leastMs} ms`);
  if (ms > mostMs) throw new InvalidValueError(what, given, `use at most ${mostMs} ms`);
  return ms;
}

export function readBoolean(given: unknown, what: string): boolean | undefined {
  if (given === undefined || typeof given === 'boolean') return given;
  throw new InvalidValueError(what, given, 'use true or false');
}

export function readOneOf<T extends string>(given: unknown, allowed: readonly T[], what: string): T | undefined {
  if (given === undefined) return undefined;
  if (typeof given === 'string' && (allowed as readonly string[]).includes(given)) return given as T;
  const nearest = typeof given === 'string' ? nearestName(given, allowed) : undefined;
  throw new InvalidValueError(
    what,
    given,
    (nearest === undefined ? '' : `did you mean "${nearest}"? `) + `Use one of: ${allowed.join(', ')}`,
  );
}
