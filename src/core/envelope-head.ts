import { decodeEnvelope, SETTLED_LETTERS, type EnvelopeHeader } from './envelope.js';
import { RULES } from './rules.js';

const ERRORS = '"e":[{"attempt":';

/** As scripts/lib/notify.lua: the head of a record; '' where it is too long for an event. */
export function headOf(record: string): string {
  const line = wholeHeadOf(record);
  return line.length > RULES.longestHead || line.includes('\t') ? '' : line;
}

/** As scripts/lib/record.lua: the first line of the envelope in a record, without its errors. */
export function wholeHeadOf(record: string): string {
  const from = SETTLED_LETTERS.includes(record.charAt(0)) ? record.indexOf('\n') + 1 : 0;
  const to = record.indexOf('\n', from);
  const line = record.slice(from, to < 0 ? undefined : to);
  const errors = line.indexOf(ERRORS);
  return errors < 0 ? line : line.slice(0, errors).replace(/,$/, '') + '}';
}

/** What {@link headOf} or {@link wholeHeadOf} gave, taken apart; undefined where it cannot be read. */
export function readHead(head: string): { userId: string | undefined; header: EnvelopeHeader } | undefined {
  if (head === '') return undefined;
  try {
    return decodeEnvelope(head + '\n');
  } catch {
    return undefined;
  }
}
