import { jsonCodec, type Codec, type CodecContext } from './codec.js';
import { InvalidPayloadError, PayloadTooLargeError } from './errors/enqueue-errors.js';
import { ConfigurationError } from './errors/option-errors.js';
import { findIssues, isSurelyFaithful } from './json-fidelity.js';
import type { SchemaIssue } from './standard-schema.js';
import { forget, isThenable } from './thenable.js';
import { messageOfThrown } from './thrown-reader.js';

const NO_ISSUES: readonly SchemaIssue[] = [];

/**
 * Text of a payload, as it is stored.
 *
 * With the JSON codec whatever JSON would drop or change in silence is refused with its path: functions, symbols, BigInt,
 * NaN, Map, Set, Promise, cycles, undefined at the top or in an array. Undefined properties are left out, Dates become
 * ISO strings, `toJSON` is honoured. Another codec decides for itself what it carries.
 *
 * @param limit bytes of UTF-8
 * @param jobId the id the producer gave
 * @throws InvalidPayloadError, PayloadTooLargeError
 */
export function encodePayload(
  codec: Codec,
  value: unknown,
  queue: string,
  jobName: string,
  limit: number,
  jobId = '',
): string {
  const text =
    codec === jsonCodec
      ? encodeJson(value, queue, jobName)
      : encodeByCodec(codec, value, { queue, jobName, jobId, field: 'payload' });
  // A UTF-16 unit has at most 3 bytes of UTF-8: most payloads need no count.
  if (text.length * 3 > limit) {
    const bytes = Buffer.byteLength(text);
    if (bytes > limit) throw new PayloadTooLargeError(queue, bytes, limit);
  }
  return text;
}

function encodeJson(value: unknown, queue: string, jobName: string): string {
  // toJSON of the payload itself may return undefined, and JSON.stringify then does.
  let issues: readonly SchemaIssue[] = [{ path: '', message: 'JSON makes nothing of it' }];
  let text: string | undefined;
  try {
    const found = isSurelyFaithful(value) ? NO_ISSUES : findIssues(value);
    if (found.length === 0) text = JSON.stringify(value);
    else issues = found;
  } catch (error) {
    issues = [failureOf(error)];
  }
  if (text === undefined) throw new InvalidPayloadError(queue, jobName, issues);
  return text;
}

/**
 * Text of a result or of progress. What JSON refuses or would empty without a word is refused with its path; other losses are the handler's.
 * @returns undefined for what JSON has no text for
 * @throws InvalidPayloadError
 */
export function encodeOutput(codec: Codec, value: unknown, context: CodecContext): string | undefined {
  const isDoubtful = (typeof value === 'object' && value !== null) || typeof value === 'bigint';
  if (codec === jsonCodec && isDoubtful && !isSurelyFaithful(value)) {
    const { queue, jobName = '?', field } = context;
    const issues = findIssues(value, 'emptied');
    if (issues.length > 0) throw new InvalidPayloadError(queue, jobName, issues, field);
  }
  return codec.encode(value, context);
}

function encodeByCodec(codec: Codec, value: unknown, context: CodecContext & { jobName: string }): string {
  const { queue, jobName } = context;
  let text: unknown;
  try {
    text = codec.encode(value, context);
  } catch (error) {
    if (error instanceof InvalidPayloadError || error instanceof ConfigurationError) throw error;
    throw new InvalidPayloadError(queue, jobName, [failureOf(error)]);
  }
  if (isOneLine(text)) return text;
  throw notOneLine(context);
}

/**
 * A codec is code of users: what it makes is checked, wherever it is asked. A newline would end the line of a result or an
 * event in the wrong place (JSON has none), and a promise would be stored or handled as a payload.
 */
export function checkedCodec(codec: Codec): Codec {
  if (codec === jsonCodec) return codec;
  return {
    encode: (value, context) => {
      const text = codec.encode(value, context) as unknown;
      refusePromise(text, 'encode', context);
      if (text === undefined || isOneLine(text)) return text as string; // nothing to store is no text
      throw notOneLine(context);
    },
    decode: (text, context) => {
      const value = codec.decode(text, context);
      refusePromise(value, 'decode', context);
      return value;
    },
  };
}

function refusePromise(made: unknown, verb: string, { queue, jobName = '?', field }: CodecContext): void {
  if (!isThenable(made)) return;
  forget(made);
  throw new ConfigurationError(
    `The codec must ${verb} at once; for a ${field} of "${queue}/${jobName}" it returned a promise. Load keys before the app starts.`,
  );
}

function isOneLine(text: unknown): text is string {
  return typeof text === 'string' && !text.includes('\n');
}

function notOneLine({ queue, jobName, field }: CodecContext): ConfigurationError {
  return new ConfigurationError(
    `The codec must encode to a string without newlines; for a ${field} of "${queue}/${jobName}" it did not.`,
  );
}

/** Getters, toJSON and codecs are the user's code: what they throw becomes the reason of a typed error. */
function failureOf(error: unknown): SchemaIssue {
  return { path: '', message: `it cannot be encoded: ${messageOfThrown(error).split('\n', 1)[0]}` };
}
