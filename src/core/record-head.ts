import { SETTLED_LETTERS } from './envelope.js';

/** When the job of a record ended, else when it was enqueued, ms; undefined where the record does not say. @param head 14 bytes suffice */
export function instantOf(head: string): number | undefined {
  if (SETTLED_LETTERS.includes(head.charAt(0))) return numberOf(Number(head.slice(1, 14)));
  return numberOf(parseInt(/^1([0-9a-z]+)/.exec(head)?.[1] ?? '', 36));
}

/** What tells whether a job is still as it was read, beside its state: one that ended, or was replaced, since has another. */
export function seenOf(record: string): string {
  return record.slice(0, 14);
}

/** The record ends with the first line of its envelope: its payload lies apart, or is lost. */
export function isHeadAlone(record: string): boolean {
  const from = SETTLED_LETTERS.includes(record.charAt(0)) ? record.indexOf('\n') + 1 : 0;
  return !record.includes('\n', from);
}

function numberOf(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}
