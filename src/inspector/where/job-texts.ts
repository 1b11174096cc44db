import { REDACTED, type Redactor } from '../../core/redactor.js';
import { readEndDetail, type JobRecord } from '../../queue/job-record.js';

/** Texts of the errors of a job, oldest first, and of its end, as `name: message`. */
export function errorTextsOf(record: JobRecord): string[] {
  const texts = record.errors.map(({ name, message }) => `${name}: ${message}`);
  if (record.settled !== undefined && record.settled.state !== 'completed') {
    const { name, message } = readEndDetail(record.settled.detail);
    const end = [name, message].filter((part) => part !== undefined).join(': ');
    if (end !== '') texts.push(end);
  }
  return texts;
}

/** {@link errorTextsOf} as they are searched: each cut where `redact` hides a part of it. */
export function searchedErrorsOf(record: JobRecord, redactor: Redactor | undefined): string[] {
  const texts = errorTextsOf(record);
  return redactor === undefined ? texts : texts.flatMap((text) => redactor.mask(text, record.payload).split(REDACTED));
}

/** The payload as JSON, without what `redact` hides. */
export function searchedTextOf(payload: unknown, redactor: Redactor | undefined): string {
  if (payload === undefined) return '';
  if (redactor === undefined) return JSON.stringify(payload) ?? '';
  return (JSON.stringify(redactor.redact(payload)) ?? '').replaceAll(REDACTED, '');
}

/** The value at a path, or the elements of a list there; none where nothing is, and none that `redact` hides. */
export function valuesAt(payload: unknown, path: readonly string[], redactor: Redactor | undefined): unknown[] {
  let value = payload;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return [];
    value = (value as Record<string, unknown>)[key];
  }
  if (!Array.isArray(value)) return [value];
  const found: unknown[] = value.filter((_, index) => !redactor?.hides([...path, String(index)]));
  return found;
}
