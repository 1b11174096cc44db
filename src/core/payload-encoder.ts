import { jsonCodec, type Codec } from './codec.js';
import { ConfigurationError, InvalidPayloadError, PayloadTooLargeError } from './errors.js';
import { findIssues, isSurelyFaithful } from './json-fidelity.js';

/**
 * Text of a payload, as it is stored.
 *
 * With the JSON codec whatever JSON would drop or change in silence is refused with its path: functions, symbols, BigInt,
 * NaN, Map, Set, Promise, cycles, undefined at the top or in an array. Undefined properties are left out, Dates become
 * ISO strings, `toJSON` is honoured. Another codec decides for itself what it carries.
 *
 * @param limit bytes of UTF-8
 * @throws InvalidPayloadError, PayloadTooLargeError
 */
export function encodePayload(codec: Codec, value: unknown, queue: string, jobName: string, limit: number): string {
  const text = codec === jsonCodec ? encodeJson(value, queue, jobName) : encodeByCodec(codec, value, queue, jobName);
  // A UTF-16 unit has at most 3 bytes of UTF-8: most payloads need no count.
  if (text.length * 3 > limit) {
    const bytes = Buffer.byteLength(text);
    if (bytes > limit) throw new PayloadTooLargeError(queue, bytes, limit);
  }
  return text;
}

function encodeJson(value: unknown, queue: string, jobName: string): string {
  if (!isSurelyFaithful(value)) {
    const issues = whatever(() => findIssues(value), queue, jobName);
    if (issues.length > 0) throw new InvalidPayloadError(queue, jobName, issues);
  }
  const text = whatever(() => JSON.stringify(value), queue, jobName);
  // toJSON of the payload itself may return undefined.
  if (text === undefined) throw new InvalidPayloadError(queue, jobName, [{ path: '', message: 'JSON makes nothing of it' }]);
  return text;
}

function encodeByCodec(codec: Codec, value: unknown, queue: string, jobName: string): string {
  const text: unknown = whatever(() => codec.encode(value, { queue, jobName, field: 'payload' }), queue, jobName);
  if (typeof text !== 'string' || text.includes('\n')) {
    throw new ConfigurationError(`The codec must encode to a string without newlines; for a payload of "${queue}/${jobName}" it did not.`);
  }
  return text;
}

/** Getters, toJSON and codecs are the user's code: what they throw becomes the reason of a typed error. */
function whatever<T>(encode: () => T, queue: string, jobName: string): T {
  try {
    return encode();
  } catch (error) {
    const message = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
    throw new InvalidPayloadError(queue, jobName, [{ path: '', message: `it cannot be encoded: ${message}` }]);
  }
}
