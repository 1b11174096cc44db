import { InvalidValueError } from './errors/option-errors.js';

/** Longer ones name places that nothing was ever stored under. */
const LONGEST = 8192;

/**
 * The text with which a user asks for the next page: what is listed, the place of the last item that was given, and a
 * checksum of both. A place does not move when others come or leave.
 * @param listing what is listed, in words: such as `dead jobs of queue "mail"`
 */
export function sealCursor(listing: string, place: string | undefined): string | undefined {
  if (place === undefined) return undefined;
  const text = `${listing}\n${place}`;
  return Buffer.from(`${checksumOf(text)} ${text}`).toString('base64url');
}

/** @returns the place; undefined for the first page @throws InvalidValueError for a broken cursor, and one of another listing */
export function openCursor(listing: string, given: unknown): string | undefined {
  if (given === undefined) return undefined;
  const [, sum, of, place] =
    (typeof given === 'string' && given.length <= LONGEST && readSealed(given)) || ([] as (string | undefined)[]);
  if (of === undefined || place === undefined || checksumOf(`${of}\n${place}`) !== sum) {
    throw new InvalidValueError('cursor', given, 'pass the cursor of the page before, or none for the first page');
  }
  if (of === listing) return place;
  throw new InvalidValueError('cursor', given, `this one lists ${of}; pass one that lists ${listing}, or none`);
}

function readSealed(given: string): RegExpExecArray | null {
  const bytes = Buffer.from(given, 'base64url');
  // Node skips what is not of the alphabet.
  if (bytes.toString('base64url') !== given) return null;
  return /^([0-9a-z]+) ([^\n]*)\n([^]*)$/.exec(bytes.toString());
}

/** FNV-1a. */
function checksumOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return (hash >>> 0).toString(36);
}
