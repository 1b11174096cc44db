import { InvalidValueError } from './errors/option-errors.js';

const KEY_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
// Without : { } * ? [ ] \ and `: they move hash tags, turn into globs or break key listings.
const USER_ID = /^(?!.*[:{}*?[\]\\`])[\x21-\x7e]{1,128}$/;
// A user id without `cron~` and `~` with the 13 digits of an instant.
const SCHEDULE_NAME = /^(?!.*[:{}*?[\]\\`])[\x21-\x7e]{1,109}$/;
// No quotes and backslashes: a job name must stand in JSON as it is, so that scripts can find it.
const JOB_NAME = /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/;

export function isKeyName(value: unknown): value is string {
  return typeof value === 'string' && KEY_NAME.test(value);
}

/** Queue names and prefixes become part of Redis keys. @throws InvalidValueError */
export function checkKeyName(value: unknown, what: string): string {
  if (isKeyName(value)) return value;
  throw new InvalidValueError(
    what,
    value,
    'use a text of 1–64 letters, digits, ".", "_" or "-", starting with a letter or digit',
  );
}

/** Ids of jobs that schedules make. */
const TICK_ID = 'cron~';

/** Whether a text has the length and the characters of a user's id. */
export function isUserId(value: unknown): value is string {
  return typeof value === 'string' && USER_ID.test(value);
}

/** @throws InvalidValueError */
export function checkUserId(value: unknown): string {
  if (typeof value === 'string' && value.startsWith(TICK_ID))
    throw new InvalidValueError('id', value, `ids that begin with "${TICK_ID}" belong to schedules: use another one`);
  if (isUserId(value)) return value;
  throw new InvalidValueError(
    'id',
    value,
    'use a text of 1–128 printable ASCII characters without spaces and without : { } * ? [ ] \\ `',
  );
}

/** @param what whose name it is, for the error @throws InvalidValueError */
export function checkScheduleName(value: unknown, what: string): string {
  if (typeof value === 'string' && SCHEDULE_NAME.test(value)) return value;
  throw new InvalidValueError(
    what,
    value,
    'use a text of 1–109 printable ASCII characters without spaces and without : { } * ? [ ] \\ `',
  );
}

/** Whether a handler can have this job name at all. */
export function isJobName(value: unknown): value is string {
  return typeof value === 'string' && JOB_NAME.test(value) && value !== '*';
}

/** @throws InvalidValueError */
export function checkJobName(value: unknown): string {
  if (isJobName(value)) return value;
  throw new InvalidValueError(
    'name',
    value,
    'use a text of 1–128 printable ASCII characters without spaces, double quotes and backslashes, and not "*" alone',
  );
}
