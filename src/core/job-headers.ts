import { InvalidValueError } from './errors/option-errors.js';

/** Texts beside the payload, such as a trace or tenant id: name → value. */
export type JobHeaders = Readonly<Record<string, string>>;

const HEADER_LIMITS = {
  count: 16,
  /** Of names and values together, in UTF-8. */
  bytes: 2048,
} as const;

const NONE: JobHeaders = Object.freeze({});
const CONTROL = /\p{Cc}/u;
const REMEDY =
  "pass a plain object of texts such as { traceparent: '00-…' }; Object.fromEntries makes one of a Map or Headers";

/**
 * A copy of what was given.
 * @param place where the headers stand, for the error
 * @throws InvalidValueError
 */
export function readJobHeaders(given: unknown, place: string): JobHeaders {
  const what = `headers in ${place}`;
  if (typeof given !== 'object' || given === null || !isPlain(given)) throw new InvalidValueError(what, given, REMEDY);
  const entries = Object.entries(given);
  for (const [name, value] of entries) {
    const one = `headers[${JSON.stringify(name)}] in ${place}`;
    if (name === '' || CONTROL.test(name)) {
      throw new InvalidValueError(
        one,
        value,
        'name a header by at least one character, none of them a control character',
      );
    }
    if (typeof value !== 'string') {
      throw new InvalidValueError(one, value, 'a header is a text: convert the value, or leave the header out');
    }
    if (CONTROL.test(value))
      throw new InvalidValueError(one, value, 'leave out control characters, such as line breaks');
  }
  return refuseTooMany(Object.fromEntries(entries), what);
}

/** Headers of a definition and of a call, which wins name by name. @throws InvalidValueError where they are too many together */
export function mergeHeaders(defined: JobHeaders | undefined, called: JobHeaders | undefined, place: string) {
  if (defined === undefined || called === undefined) return called ?? defined;
  return refuseTooMany({ ...defined, ...called }, `headers in ${place}, with those of its definition`);
}

/** As the envelope has them: names and values in turns. No key of an object, for scripts look for `"n":"…"` in the header. */
export function packHeaders(headers: JobHeaders | undefined): readonly string[] | undefined {
  const packed = headers === undefined ? [] : Object.entries(headers).flat();
  return packed.length === 0 ? undefined : packed;
}

/** What {@link packHeaders} made. */
export function unpackHeaders(packed: readonly string[] | undefined): JobHeaders {
  if (packed === undefined || packed.length === 0) return NONE;
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < packed.length; at += 2) pairs.push([packed[at], packed[at + 1]]);
  return Object.freeze(Object.fromEntries(pairs));
}

/** Whatever realm it comes from. */
function isPlain(value: object): boolean {
  if (Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function refuseTooMany(headers: JobHeaders, what: string): JobHeaders {
  const entries = Object.entries(headers);
  if (entries.length > HEADER_LIMITS.count) {
    throw new InvalidValueError(
      what,
      entries.map(([name]) => name),
      `use at most ${HEADER_LIMITS.count} headers; what is more belongs into the payload`,
    );
  }
  const bytes = entries.reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value), 0);
  if (bytes > HEADER_LIMITS.bytes) {
    throw new InvalidValueError(
      what,
      `${bytes} bytes`,
      `use at most ${HEADER_LIMITS.bytes} bytes for all names and values; what is more belongs into the payload`,
    );
  }
  return headers;
}
