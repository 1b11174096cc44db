import { isDeepStrictEqual } from 'node:util';
import type { StoredJob } from '../core/ports/curation.js';
import { InvalidPayloadError } from '../core/errors/enqueue-errors.js';
import { JobStateError } from '../core/errors/job-errors.js';
import { applyJsonPatch, type JsonPatchOperation, type PatchGuard } from '../core/json-patch.js';
import { refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import { encodePayload } from '../core/payload-encoder.js';
import { REDACTED, type Redactor } from '../core/redactor.js';
import { validate } from '../core/standard-schema.js';
import type { JobDefinition } from './job-definition.js';
import { JobRecord } from './job-record.js';
import type { QueueScope } from './queue-scope.js';

export interface RetryOptions {
  /** Changes the payload first: a JSON Patch (RFC 6902). Fields that it does not name stay as they are. */
  patch?: readonly JsonPatchOperation[];
}

/** @throws InvalidValueError, UnknownOptionError */
export function readRetryOptions(given: unknown): RetryOptions {
  if (given === undefined) return {};
  requireObject(
    given,
    'options of retry',
    'pass an object such as { patch: [{ op: "replace", path: "/to", value: "x" }] }',
  );
  refuseUnknownKeys(given, ['patch'], 'retry', ['patch']);
  return given;
}

/**
 * The payload of a stored job as a patch leaves it, as text: checked as an enqueue checks it, by the schema of the definition, or
 * else of the handler that this process has of the job.
 * @throws InvalidPatchError, InvalidPayloadError, PayloadTooLargeError, InvalidValueError; JobStateError for what cannot be read
 */
export async function editPayload(
  scope: QueueScope,
  stored: StoredJob,
  patch: readonly JsonPatchOperation[],
  definition: JobDefinition | undefined,
): Promise<string> {
  const { queue, codec, redactor, payloadLimit } = scope;
  const record = new JobRecord(queue, codec, stored.id, stored.record);
  const { name, userId } = record;
  if (record.unreadable) {
    const remedy = 'This process cannot read its payload, so it cannot change it.';
    throw new JobStateError(queue, userId ?? stored.id, 'dead and unreadable', 'edit', remedy);
  }
  const patched = applyJsonPatch(record.payload, patch, redactor && guardOf(redactor));
  const schema = definition?.name === name ? definition.schema : scope.schemaOf(name);
  const checked = schema === undefined ? { ok: true as const, value: patched } : await validate(schema, patched);
  if (!checked.ok) throw new InvalidPayloadError(queue, name, checked.issues);
  return encodePayload(codec, checked.value, queue, name, payloadLimit, userId);
}

/** Who edits may not have seen hidden fields: no operation shows one, and what stands for one is not stored in its place. */
function guardOf(redactor: Redactor): PatchGuard {
  return ({ op }, keys, value) => {
    if (op === 'add' || op === 'replace') {
      return writesMark(redactor, keys, value)
        ? `writes "${REDACTED}" where a hidden field is: leave the field out, and it stays as it is`
        : undefined;
    }
    const whole = nest(keys, value);
    return isDeepStrictEqual(redactor.redact(whole), whole)
      ? undefined
      : `reads a hidden field, which "${op}" may not do`;
  };
}

function writesMark(redactor: Redactor, keys: readonly string[], value: unknown): boolean {
  if (!containsMark(value)) return false;
  // With another text in their place, hidden ones are marks again, and others are not.
  return hasMark(nest(keys, value), redactor.redact(nest(keys, replaceMarks(value))));
}

/** A mark stands in `value` where `shown` hides something. */
function hasMark(value: unknown, shown: unknown): boolean {
  if (shown === REDACTED) return containsMark(value);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([key, child]) => hasMark(child, (shown as Record<string, unknown>)[key]));
}

function containsMark(value: unknown): boolean {
  if (value === REDACTED) return true;
  return typeof value === 'object' && value !== null && Object.values(value).some(containsMark);
}

function replaceMarks(value: unknown): unknown {
  if (value === REDACTED) return '';
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(replaceMarks);
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, replaceMarks(child)]));
}

/** The value at this place of an object that has nothing else. */
function nest(keys: readonly string[], value: unknown): unknown {
  return keys.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
}
