import { InvalidValueError } from '../../core/errors/option-errors.js';
import { nearestName } from '../../core/nearest.js';

/** An offset in place of a zone; not every Node that this package runs on reads them, so none is asked to. */
const OFFSET = /^([+-])(\d\d):(\d\d)$/;

/** Of an offset such as `+02:00`, ms east of UTC; undefined for a zone, whose offset may change. */
export function fixedOffsetOf(timeZone: string): number | undefined {
  const parts = OFFSET.exec(timeZone);
  if (parts === null) return undefined;
  return (Number(parts[2]) * 60 + Number(parts[3])) * 60_000 * (parts[1] === '-' ? -1 : 1);
}

/** @param what whose zone it is, for the error @throws InvalidValueError for what is neither an IANA name nor an offset */
export function checkTimeZone(timeZone: string, what: string): void {
  const place = `time zone of ${what}`;
  const remedy = 'use an IANA name such as "Europe/Berlin" or "UTC"';
  const text: unknown = timeZone;
  if (typeof text === 'string' && fixedOffsetOf(text) !== undefined) return;
  if (typeof text !== 'string' || !/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(text))
    throw new InvalidValueError(place, text, remedy);
  try {
    Intl.DateTimeFormat('en', { timeZone: text });
  } catch {
    const nearest = nearestName(text, Intl.supportedValuesOf('timeZone'));
    throw new InvalidValueError(place, text, nearest ? `did you mean "${nearest}"? Else ${remedy}` : remedy);
  }
}
