import { DEFAULT_JOB_NAME, type BackoffSpec, type ErrorRecord, type RetentionRule, type SettledState } from './job.js';

/**
 * The stored form of a job, version 1 (docs/envelope.md describes it for producers in other languages).
 *
 *     "1" [enqueuedAt, base 36 ms] [" " userId] [" " header JSON] "\n" payload text
 *
 * The first line never holds a raw newline, so the payload is everything behind the first one, byte for byte.
 * A plain job stores ten characters beside its payload. Scripts read only the first character, and for events they copy the first
 * line without its errors: what they must know of a job lies in the key `traits`.
 *
 * A store may keep a long payload apart: then the text is the first line alone, without the newline.
 *
 * A settled job is the same text behind one line that says how it ended:
 *
 *     ("C" completed | "X" cancelled | "D" dead) settledAt, 13 digits of ms, detail "\n" envelope
 *
 * The detail of a completed job is its result text, of a dead or cancelled one a JSON object.
 */
export interface Envelope {
  /** Store time, milliseconds since the epoch; 0 when a foreign producer gave none. */
  enqueuedAt: number;
  userId: string | undefined;
  header: EnvelopeHeader;
  /** What the codec made of the payload. */
  payload: string;
  /** The store keeps the payload apart from the envelope. */
  apart?: true;
}

/** Short keys, because a queue may hold millions of them; every one is optional. */
export interface EnvelopeHeader {
  /** job name */
  n?: string;
  /** attempt, from 2 on */
  a?: number;
  /** maxAttempts */
  m?: number;
  /** retryFor, ms */
  w?: number;
  /** when the first run that failed began, store time in ms; only of a job that has a retryFor, from its attempt 2 on */
  f?: number;
  /** backoff */
  b?: BackoffSpec;
  /** timeout of one run, ms */
  t?: number;
  /** expiresAt, store time in ms: a run may not start after it */
  x?: number;
  /** 1: it is deleted when it expires, and not kept as dead */
  y?: number;
  /** priority 1–9 */
  p?: number;
  /** scheduledFor, store time in ms */
  s?: number;
  /** retention by settled state, only where the job differs from its queue */
  r?: Partial<Record<SettledState, RetentionRule>>;
  /** errors of earlier runs, oldest first */
  e?: ErrorRecord[];
  /** schedule that enqueued this job: its name, and how many ticks before this one were missed */
  c?: { name: string; missed: number };
  /** headers: names and values in turns */
  h?: readonly string[];
  /** key of its group */
  g?: string;
  /** 1: one unfinished job of its group at a time */
  o?: number;
}

/** Begins an error. JSON escapes quotes inside texts, so no message contains it. */
const ERROR_START = '{"attempt":';
const VERSION = '1';
const VERSION_CODE = 49;

/** The envelope of a job that failed: with this attempt, if any, and these errors, which come last. */
export function encodeFailed(
  { enqueuedAt, userId, header, payload, apart }: Envelope,
  attempt: number | undefined,
  errors: ErrorRecord[],
): string {
  const { e: _earlier, ...rest } = header;
  return encodeEnvelope(
    enqueuedAt,
    userId,
    { ...rest, ...(attempt !== undefined && { a: attempt }), e: errors },
    apart ? undefined : payload,
  );
}

/** JSON of the newest error in what {@link encodeFailed} made; `''` where there is none. */
export function newestErrorOf(envelope: string): string {
  const [line] = envelope.split('\n', 1);
  const start = line.lastIndexOf(ERROR_START);
  return start >= 0 && line.endsWith(']}') ? line.slice(start, -2) : '';
}

/** @param payload undefined: the first line alone, of a job whose payload the store keeps apart */
export function encodeEnvelope(
  enqueuedAt: number,
  userId: string | undefined,
  header: EnvelopeHeader | undefined,
  payload: string | undefined,
): string {
  const head = enqueuedAt > 0 ? VERSION + enqueuedAt.toString(36) : VERSION;
  const rest = payload === undefined ? '' : '\n' + payload;
  if (userId === undefined && header === undefined) return head + rest;
  let line = head;
  if (userId !== undefined) line += ' ' + userId;
  if (header !== undefined) {
    const json = JSON.stringify(header);
    if (json !== '{}') line += ' ' + json;
  }
  return line + rest;
}

/** Thrown by {@link decodeEnvelope}; such a job ends dead with reason `unreadable` and its raw text. */
export class UnreadableEnvelopeError extends Error {
  override readonly name = 'UnreadableEnvelopeError';
}

/** @param apart the payload, where the store keeps it apart and the text is a first line */
export function decodeEnvelope(text: string, apart?: string): Envelope {
  if (text.charCodeAt(0) !== VERSION_CODE) {
    throw new UnreadableEnvelopeError(
      `Envelope version "${text.slice(0, 1)}" is not known here (this version reads "1")`,
    );
  }
  if (apart !== undefined) return { ...decodeEnvelope(text + '\n'), payload: apart, apart: true };
  const newline = text.indexOf('\n');
  if (newline < 0) {
    throw new UnreadableEnvelopeError('Envelope has no payload line, and the store keeps no payload apart from it');
  }
  const payload = text.slice(newline + 1);
  const space = text.indexOf(' ');
  if (space < 0 || space > newline) {
    const enqueuedAt = readStamp(text, newline);
    return { enqueuedAt, userId: undefined, header: {}, payload };
  }
  let rest = text.slice(space + 1, newline);
  let userId: string | undefined;
  if (rest.charCodeAt(0) !== 123) {
    const end = rest.indexOf(' ');
    userId = end < 0 ? rest : rest.slice(0, end);
    rest = end < 0 ? '' : rest.slice(end + 1);
  }
  const header = rest === '' ? {} : readHeader(rest);
  return { enqueuedAt: readStamp(text, space), userId, header, payload };
}

function readStamp(text: string, end: number): number {
  if (end === 1) return 0;
  const at = parseInt(text.slice(1, end), 36);
  return Number.isFinite(at) ? at : 0;
}

function readHeader(json: string): EnvelopeHeader {
  let header: unknown;
  try {
    header = JSON.parse(json);
  } catch {
    throw new UnreadableEnvelopeError('Envelope header is not JSON');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw new UnreadableEnvelopeError('Envelope header is not a JSON object');
  }
  const fields = header as Fields;
  for (const key of Object.keys(fields)) {
    const field = HEADER_FIELDS.get(key);
    if (field === undefined) continue; // of a producer that knows more
    const value = fields[key];
    if (typeof value !== field.type || value === null) {
      throw new UnreadableEnvelopeError(`Envelope header field "${key}" is not a ${field.type}`);
    }
    if (field.isSound?.(value as object) === false) {
      throw new UnreadableEnvelopeError(`Envelope header field "${key}" has parts that can not be read`);
    }
  }
  return header;
}

type Fields = Record<string, unknown>;

function isErrorRecord(entry: unknown): boolean {
  if (!isObject(entry)) return false;
  const { name, message, stack } = entry as Fields;
  return typeof name === 'string' && typeof message === 'string' && (stack === undefined || typeof stack === 'string');
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function hasNumbers(part: object, keys: readonly string[]): boolean {
  return keys.every((key) => Number.isFinite((part as Fields)[key]));
}

interface HeaderField {
  type: 'string' | 'number' | 'object';
  /** What code works with later is looked at here, where a bad one ends as `unreadable`. */
  isSound?: (part: object) => boolean;
}

const HEADER_FIELDS: ReadonlyMap<string, HeaderField> = new Map<keyof EnvelopeHeader, HeaderField>([
  ['n', { type: 'string' }],
  ['a', { type: 'number' }],
  ['m', { type: 'number' }],
  ['w', { type: 'number' }],
  ['f', { type: 'number' }],
  ['b', { type: 'object', isSound: isBackoff }],
  ['t', { type: 'number' }],
  ['x', { type: 'number' }],
  ['y', { type: 'number' }],
  ['p', { type: 'number' }],
  ['s', { type: 'number' }],
  ['r', { type: 'object', isSound: (part) => Object.values(part).every(isRetentionRule) }],
  ['e', { type: 'object', isSound: (part) => Array.isArray(part) && part.every(isErrorRecord) }],
  ['c', { type: 'object', isSound: isScheduleMark }],
  ['h', { type: 'object', isSound: (part) => Array.isArray(part) && part.every((text) => typeof text === 'string') }],
  ['g', { type: 'string' }],
  ['o', { type: 'number' }],
]);

function isBackoff(part: object): boolean {
  return typeof (part as Fields).type === 'string' && hasNumbers(part, ['delayMs', 'maxMs', 'jitter']);
}

function isRetentionRule(rule: unknown): boolean {
  return rule === false || (isObject(rule) && hasNumbers(rule, ['count', 'ageMs', 'bytes']));
}

function isScheduleMark(part: object): boolean {
  return typeof (part as Fields).name === 'string' && hasNumbers(part, ['missed']);
}

export function jobNameOf(envelope: Envelope): string {
  return envelope.header.n ?? DEFAULT_JOB_NAME;
}

/** The id that binds an encrypted payload to its job; `''` where there was none when it was encoded. */
export function payloadIdOf({ userId, header }: Pick<Envelope, 'userId' | 'header'>): string {
  return header.c === undefined ? (userId ?? '') : '';
}

const STATE_OF_LETTER: Record<string, SettledState> = { C: 'completed', X: 'cancelled', D: 'dead' };

export const LETTER_OF_STATE: Record<SettledState, string> = { completed: 'C', cancelled: 'X', dead: 'D' };

/** A settled record begins with one of these. */
export const SETTLED_LETTERS: readonly string[] = Object.keys(STATE_OF_LETTER);

const DETAIL_START = 14; // letter + 13 digits: milliseconds have 13 digits until the year 2286

/** How a settled job ended, taken from the first line of its record. */
export interface SettledLine {
  state: SettledState;
  /** Store time, milliseconds since the epoch. */
  settledAt: number;
  /** Result text of a completed job ('' = undefined), JSON object of a dead or cancelled one. */
  detail: string;
}

export function encodeSettledLine(state: SettledState, settledAt: number, detail: string): string {
  return LETTER_OF_STATE[state] + String(settledAt) + detail;
}

export function decodeSettledLine(line: string): SettledLine {
  const state = STATE_OF_LETTER[line.charAt(0)];
  const settledAt = Number(line.slice(1, DETAIL_START));
  if (state === undefined || !Number.isFinite(settledAt)) {
    throw new UnreadableEnvelopeError(`"${line.slice(0, 20)}" does not begin a settled record`);
  }
  return { state, settledAt, detail: line.slice(DETAIL_START) };
}

/** A stored text, live or settled, taken apart; the envelope stays encoded. */
export function splitRecord(text: string): { settled: SettledLine | undefined; envelope: string } {
  if (STATE_OF_LETTER[text.charAt(0)] === undefined) return { settled: undefined, envelope: text };
  const newline = text.indexOf('\n');
  if (newline < 0) throw new UnreadableEnvelopeError('Settled record has no envelope');
  return { settled: decodeSettledLine(text.slice(0, newline)), envelope: text.slice(newline + 1) };
}
