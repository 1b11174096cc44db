/** Longest text that is kept of a thrown value: its message with the causes. */
const LONGEST_MESSAGE = 2000;
const LONGEST_NAME = 200;
/** Of an error with causes, so that there is room for them. */
const LONGEST_OUTER = 1200;
const LONGEST_CAUSE = 300;
/** Errors below the thrown one that are told. */
const MOST_INNER = 8;
const DEEPEST = 5;
/** Of the stack in a log line, with the stacks of causes. */
const LONGEST_STACK = 4000;
const UNREADABLE = 'The thrown value could not be read';

/** What of a thrown value can be stored and shown. */
export interface ThrownText {
  name: string;
  /** With its causes, and the errors that it holds. */
  message: string;
}

type Mask = (text: string) => string;

const plain: Mask = (text) => text;

/**
 * Reads what was thrown, which may be anything: no error at all, one of another realm or of a copy of a class, cyclic, of any
 * size, or something that throws when it is looked at. It never throws, and whoever tells of an error reads it here.
 * @param mask hides what must not be shown, before anything is cut
 */
export function readThrown(thrown: unknown, mask: Mask = plain): ThrownText {
  try {
    if (!isError(thrown)) return { name: 'NonError', message: clip(mask(textOf(thrown)), LONGEST_MESSAGE) };
    const own = mask(messageOf(thrown));
    const inner = innerTexts(thrown, own, mask);
    const message = inner === '' ? own : `${clip(own, LONGEST_OUTER)}${own === '' ? '' : ' '}${inner}`;
    return { name: clip(mask(nameOf(thrown)), LONGEST_NAME), message: clip(message, LONGEST_MESSAGE) };
  } catch {
    return { name: 'NonError', message: UNREADABLE };
  }
}

/** `Name: message`, on one line, for a sentence. */
export function describeThrown(thrown: unknown): string {
  const { name, message } = readThrown(thrown);
  const text = name === 'NonError' ? message : message === '' ? name : `${name}: ${message}`;
  return text.replaceAll(/\s*\n\s*/g, ' ');
}

/** The message alone, with its causes, for a sentence that the error completes. */
export function messageOfThrown(thrown: unknown): string {
  return readThrown(thrown).message;
}

/** The stacks of an error and of its causes, for a log; its text where it has none. */
export function stackOfThrown(thrown: unknown): string {
  const stacks: string[] = [];
  const seen = new Set<unknown>();
  for (
    let error = thrown;
    isError(error) && !seen.has(error) && stacks.length < DEEPEST;
    error = read(error, 'cause')
  ) {
    seen.add(error);
    const stack = read(error, 'stack');
    if (typeof stack !== 'string' || stack === '') break;
    stacks.push(stack);
  }
  const told = describeThrown(thrown);
  if (stacks.length === 0) return clip(told, LONGEST_STACK);
  // The errors that an AggregateError holds are in no stack.
  const held = isError(thrown) && Array.isArray(read(thrown, 'errors')) ? `\n[errors]: ${told}` : '';
  return clip(stacks.join('\n[cause]: '), LONGEST_STACK) + held;
}

/** An error of whatever realm, or what looks like one. `instanceof` knows only those of this realm. */
export function isError(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  try {
    if (value instanceof Error || Object.prototype.toString.call(value) === '[object Error]') return true;
  } catch {
    return false; // a proxy that throws
  }
  if (typeof read(value, 'message') !== 'string') return false;
  return typeof read(value, 'stack') === 'string' || typeof read(value, 'name') === 'string';
}

/** A property of something that may throw when it is looked at. */
export function read(value: object, key: string): unknown {
  try {
    return (value as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}

function nameOf(error: object): string {
  const name = partOf(read(error, 'name'));
  if (name !== '') return name;
  const constructor = read(error, 'constructor');
  const given = typeof constructor === 'function' ? read(constructor, 'name') : undefined;
  return typeof given === 'string' && given !== '' && given !== 'Object' ? given : 'Error';
}

/** Nest's exceptions say in their response what is wrong with each field; the message alone is "Bad Request Exception". */
function messageOf(error: object): string {
  const message = partOf(read(error, 'message'));
  // Of a connection that failed at each address, the code is all that Node says itself.
  if (message === '') return partOf(read(error, 'code'));
  try {
    const { getResponse } = error as { getResponse?: () => unknown };
    if (typeof getResponse !== 'function') return message;
    const { message: all } = Object(getResponse.call(error)) as { message?: unknown };
    return Array.isArray(all) ? `${message}: ${all.map(textOf).join('; ')}` : message;
  } catch {
    return message;
  }
}

/** `(cause: …)` and `(errors: …; …)`: whoever reads the message needs what is behind it. */
function innerTexts(error: object, own: string, mask: Mask): string {
  // Most errors have none, and there may be many of them.
  if (!('cause' in error) && !('errors' in error) && !('suppressed' in error)) return '';
  return tellInner(error, own, mask, new Set([error]), { left: MOST_INNER });
}

/** @param own the message of the error: a cause that it repeats is not told twice */
function tellInner(error: object, own: string, mask: Mask, above: Set<unknown>, budget: { left: number }): string {
  const texts: string[] = [];
  const cause = read(error, 'cause');
  // One that is a function belongs to a library whose message tells it already.
  if (cause !== undefined && cause !== null && typeof cause !== 'function') {
    const told = tell(cause, own, mask, above, budget);
    if (told !== '') texts.push(told.startsWith('(') ? told : `(cause: ${told})`);
  }
  const held = heldBy(error);
  const told: string[] = [];
  for (const each of held) {
    if (budget.left <= 0) break;
    told.push(tell(each, '', mask, above, budget));
  }
  if (told.length < held.length) told.push(`${held.length - told.length} more`);
  if (told.length > 0) texts.push(`(errors: ${told.join('; ')})`);
  return texts.join(' ');
}

/** The errors of an AggregateError and its like, and the one that a SuppressedError hides. */
function heldBy(error: object): unknown[] {
  const errors = read(error, 'errors');
  const isAggregate = read(error, 'name') === 'AggregateError';
  const held = Array.isArray(errors) ? errors.slice(0, 1000).filter((each) => isAggregate || isError(each)) : [];
  if (read(error, 'name') === 'SuppressedError') held.push(read(error, 'error'), read(error, 'suppressed'));
  return held;
}

function tell(inner: unknown, outer: string, mask: Mask, above: Set<unknown>, budget: { left: number }): string {
  budget.left--;
  if (!isError(inner)) return clip(mask(textOf(inner)), LONGEST_CAUSE);
  if (above.has(inner)) return 'an error above';
  const own = mask(messageOf(inner));
  const title = `${clip(mask(nameOf(inner)), LONGEST_NAME)}${own === '' ? '' : `: ${clip(own, LONGEST_CAUSE)}`}`;
  const repeated = own !== '' && outer.includes(own);
  if (above.size >= DEEPEST || budget.left <= 0) return repeated ? '' : title;
  above.add(inner);
  const below = tellInner(inner, own, mask, above, budget);
  above.delete(inner);
  if (repeated) return below;
  return below === '' ? title : `${title} ${below}`;
}

/** A name, a message or a code, each of which may be anything. */
function partOf(part: unknown): string {
  return typeof part === 'string' ? part : part === undefined || part === null ? '' : textOf(part);
}

function textOf(value: unknown): string {
  try {
    if (typeof value !== 'object' || value === null) return String(value);
    const text = JSON.stringify(value) as string | undefined;
    if (text !== undefined && text !== '{}') return text;
    const constructor = read(value, 'constructor');
    const name = typeof constructor === 'function' ? read(constructor, 'name') : undefined;
    return typeof name === 'string' && name !== '' && name !== 'Object' ? `a ${name}` : '{}';
  } catch {
    return tagOf(value);
  }
}

function tagOf(value: unknown): string {
  try {
    return Object.prototype.toString.call(value);
  } catch {
    return UNREADABLE;
  }
}

function clip(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}
