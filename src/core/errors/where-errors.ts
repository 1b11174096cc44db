import { InvalidValueError } from './option-errors.js';

/** A `where` that cannot be read: docs/guides/find.md has the grammar. */
export class WhereSyntaxError extends InvalidValueError {
  override readonly name = 'WhereSyntaxError';
  override readonly code = 'TASK_QUEUE_WHERE_SYNTAX';
  constructor(
    where: string,
    /** Where it begins to be wrong: 1 is the first character. */
    readonly position: number,
    remedy: string,
    /** The field, state or value that is probably meant. */
    readonly nearest?: string,
  ) {
    super(`where at position ${position}`, where, remedy);
  }
}

/** A search or a facet that names what `redact` hides: its answer would tell the value. */
export class RedactedFieldError extends InvalidValueError {
  override readonly name = 'RedactedFieldError';
  override readonly code = 'TASK_QUEUE_REDACTED_FIELD';
  constructor(
    what: string,
    /** Keys joined by dots, from the top of the payload. */
    readonly path: string,
  ) {
    super(what, path, 'redact hides this field, or a part of it: search for another one');
  }
}
