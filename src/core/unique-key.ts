import { createHash } from 'node:crypto';
import { InvalidPayloadError } from './errors/enqueue-errors.js';
import { findIssues } from './json-fidelity.js';

/**
 * The unique key of one job, without its name.
 * @param key as it was given: a text, or names of fields of the payload, sorted
 * @param payload as it is stored, before it is encoded
 * @throws InvalidPayloadError where the payload lacks a field of the key, or JSON cannot carry one
 */
export function uniqueKeyOf(key: string | readonly string[], payload: unknown, queue: string, jobName: string): string {
  if (typeof key === 'string') return key;
  const parts = key.map((field) => [field, fieldOf(payload, field)]);
  const missing = parts.filter(([, value]) => value === undefined);
  const issues =
    missing.length > 0
      ? missing.map(([field]) => ({
          path: String(field),
          message:
            'is a part of the unique key, and the payload has no such field: pass it, or take it out of unique.key',
        }))
      : findIssues(Object.fromEntries(parts));
  if (issues.length > 0) throw new InvalidPayloadError(queue, jobName, issues);
  return createHash('sha256').update(JSON.stringify(parts, inOrder)).digest('base64url');
}

function fieldOf(payload: unknown, field: string): unknown {
  if (typeof payload !== 'object' || payload === null || !Object.hasOwn(payload, field)) return undefined;
  return (payload as Record<string, unknown>)[field];
}

/** For JSON.stringify: the keys of each object in one order, whoever made it. */
function inOrder(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
