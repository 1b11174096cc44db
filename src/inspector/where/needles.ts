import { jsonCodec, type Codec } from '../../core/codec.js';
import { DEFAULT_JOB_NAME } from '../../core/job.js';
import type { Needle } from '../../core/ports/search.js';
import { UNKNOWN_REASON } from '../../queue/job-record.js';
import type { Where, WhereTerm, WhereValue } from './where.js';

/**
 * Characters that every producer in every language writes as they are, and that stand inside of one text: others may be escaped in one
 * of several ways, or have spaces around them.
 */
const SAFE_RUN = /[A-Za-z0-9_ .@#$%()*;?^`~!+-]+/g;
const PLAIN_NUMBER = /^-?\d{1,15}(\.\d{1,15})?$/;

/** Texts that a stored job must have to fit: the store looks for them, so that few records are decoded. */
export function needlesOf({ terms }: Where, codec: Codec): Needle[] {
  return terms.map((term) => needleOf(term, codec)).filter((needle): needle is Needle => needle !== undefined);
}

function needleOf({ field, isNegated, values }: WhereTerm, codec: Codec): Needle | undefined {
  if (isNegated) return undefined;
  const inPayload = field === 'payload' || field === 'text';
  // What another codec stores may be anything.
  if (inPayload && codec !== jsonCodec) return undefined;
  const texts = values.map((value) => textOf(field, value));
  return texts.every((text) => text !== undefined) ? { anyOf: texts, inPayload, inNumber: field === 'id' } : undefined;
}

function textOf(field: WhereTerm['field'], value: WhereValue): string | undefined {
  if (value.kind !== 'is' && value.kind !== 'begins') return undefined;
  const { text } = value;
  if (field === 'id') return text === '' ? undefined : text;
  if (field === 'attempts' || field === 'priority' || field === 'age') return undefined;
  if (field === 'name' && canBe(DEFAULT_JOB_NAME, value)) return undefined;
  if (field === 'reason' && canBe(UNKNOWN_REASON, value)) return undefined;
  // A number is found by its value, however it is written.
  if (field === 'payload' && Number.isFinite(Number(text))) return numberText(text);
  return longestRun(text);
}

/** A text that stands for nothing stored. */
function canBe(unstored: string, { kind, text }: { kind: 'is' | 'begins'; text: string }): boolean {
  return kind === 'is' ? text === unstored : unstored.startsWith(text);
}

function numberText(text: string): string | undefined {
  const canonical = String(Number(text));
  return PLAIN_NUMBER.test(text) && PLAIN_NUMBER.test(canonical) && text.includes(canonical) ? canonical : undefined;
}

function longestRun(text: string): string | undefined {
  // A name and a message are stored apart, and searched as `name: message`.
  const runs = (text.match(SAFE_RUN) ?? []).map((run) => run.trim()).filter((run) => run !== '');
  return runs.sort((a, b) => b.length - a.length)[0];
}
