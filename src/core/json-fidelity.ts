import { Buffer } from 'node:buffer';
import type { SchemaIssue } from './standard-schema.js';
import { forget, isThenable } from './thenable.js';

/** Deeper payloads are refused: parsers of other languages stop at 1000 or sooner. */
const MAX_PAYLOAD_DEPTH = 1000;

const MAX_ISSUES = 5;
const MAX_PATH_LENGTH = 120;

// What JSON.stringify would silently turn into {} (or a map of bytes).
const LOSSY =
  /^\[object (?:Map|Set|WeakMap|WeakSet|WeakRef|Promise|RegExp|Error|ArrayBuffer|SharedArrayBuffer|DataView|\w+Array|(?:Async)?Generator|\w+ Iterator)\]$/;
const BYTES = /^(?:ArrayBuffer|SharedArrayBuffer|DataView|\w+Array)$/;

/** What to pass in place of what would be stored as {}, by the name of its class. */
const INSTEAD: Readonly<Record<string, string>> = Object.assign(Object.create(null), {
  Promise: 'is an await missing?',
  Error: 'pass its name and message',
  Map: 'pass Object.fromEntries(map) or an array',
  Set: 'pass an array: [...set]',
  RegExp: 'pass its source and flags',
  URLSearchParams: 'pass its toString(), or Object.fromEntries(params)',
  Headers: 'pass Object.fromEntries(headers)',
  FormData: 'pass Object.fromEntries(form), without files',
  Blob: 'store the content elsewhere and pass a reference, or pass its text',
  File: 'store the content elsewhere and pass a reference, or pass its text',
  Request: 'pass its url, method and what you read of its body',
  Response: 'read it, and pass what you read: await response.json()',
  stream: 'store the content elsewhere and pass a reference, or read it and pass what you read',
  bytes: "pass a text: Buffer.from(bytes).toString('base64')",
});

/** Which doubts count: all, or only what JSON refuses in words of its own and what would be stored as {} without a word. */
export type Strictness = 'all' | 'emptied';

/**
 * Whether JSON surely carries `value` as it is. False only raises a doubt, which {@link findIssues} settles: this is the
 * walk that every enqueue pays, so it knows the common shapes alone and keeps no path.
 */
export function isSurelyFaithful(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object')
    return typeof value === 'string' || typeof value === 'boolean' || isFiniteNumber(value);
  if (value === null) return true;
  if (depth >= MAX_PAYLOAD_DEPTH) return false;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const item: unknown = value[index];
      if (typeof item !== 'string' && !isSurelyFaithful(item, depth + 1)) return false;
    }
    return true;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null)
    return value instanceof Date && !Number.isNaN(value.getTime());
  for (const key in value) {
    const child = (value as Record<string, unknown>)[key];
    // An absent property and an undefined one read the same on the other side.
    if (typeof child !== 'string' && child !== undefined && !isSurelyFaithful(child, depth + 1)) return false;
  }
  return true;
}

function isFiniteNumber(value: unknown): boolean {
  return typeof value === 'number' && value - value === 0;
}

/** Everything in `value` that JSON would drop, change or refuse, with its path; empty when it carries all of it. */
export function findIssues(value: unknown, strictness: Strictness = 'all'): SchemaIssue[] {
  const issues: SchemaIssue[] = [];
  const ancestors = new Set<object>();

  const visit = (item: unknown, path: string, place: 'top' | 'item' | 'property'): void => {
    if (issues.length >= MAX_ISSUES) return;
    const message = typeof item === 'object' && item !== null ? undefined : refusalOfPrimitive(item, place);
    if (message !== undefined && (strictness === 'all' || typeof item === 'bigint')) issues.push({ path, message });
    if (typeof item !== 'object' || item === null) return;
    if (ancestors.has(item)) {
      issues.push({ path, message: 'a cycle cannot be stored as JSON' });
    } else if (ancestors.size >= MAX_PAYLOAD_DEPTH) {
      if (strictness === 'all') issues.push({ path, message: `nested deeper than ${MAX_PAYLOAD_DEPTH} levels` });
    } else {
      ancestors.add(item);
      visitObject(item, path);
      ancestors.delete(item);
    }
  };

  const visitObject = (item: object, path: string): void => {
    if (Array.isArray(item)) {
      for (let index = 0; index < item.length && issues.length < MAX_ISSUES; index++) {
        visit(item[index], shorten(`${path}[${index}]`), 'item');
      }
    } else if (Buffer.isBuffer(item)) {
      issues.push({ path, message: `a Buffer would be stored as a list of numbers: ${INSTEAD.bytes}` });
    } else if (typeof (item as { toJSON?: unknown }).toJSON === 'function') {
      const message = refusalOfToJson(item as { toJSON(): unknown }, strictness);
      if (message !== undefined) issues.push({ path, message });
    } else {
      const emptied = emptiedName(item);
      if (emptied !== undefined) {
        issues.push({ path, message: refusalOfEmptied(emptied) });
        return;
      }
      for (const key of Object.keys(item)) {
        visit((item as Record<string, unknown>)[key], shorten(path === '' ? key : `${path}.${key}`), 'property');
      }
    }
  };

  visit(value, '', 'top');
  return issues;
}

function refusalOfPrimitive(value: unknown, place: 'top' | 'item' | 'property'): string | undefined {
  switch (typeof value) {
    case 'undefined':
      if (place === 'property') return undefined;
      return place === 'top'
        ? 'undefined is not a payload: pass null or {}'
        : 'undefined in an array would be stored as null';
    case 'function':
    case 'symbol':
      return `a ${typeof value} cannot be stored as JSON`;
    case 'bigint':
      // Many applications teach BigInt to write itself; then JSON carries it.
      return 'toJSON' in BigInt.prototype ? undefined : 'a BigInt cannot be stored as JSON: pass a string';
    case 'number':
      return Number.isFinite(value) ? undefined : `${String(value)} would be stored as null`;
    default:
      return undefined;
  }
}

/** Its author decides what is stored; what turns into nothing behind everyone's back is refused. */
function refusalOfToJson(item: { toJSON(): unknown }, strictness: Strictness): string | undefined {
  if (Object.prototype.toString.call(item) === '[object Date]')
    return strictness === 'all' && Number.isNaN(Number(item)) ? 'an invalid Date cannot be stored' : undefined;
  const made = item.toJSON();
  if (!isThenable(made)) return undefined;
  forget(made);
  return 'its toJSON() returns a promise, which would be stored as {}: await it, and pass what it gives';
}

/** What it is, where JSON would make {} of it without a word. */
function emptiedName(item: object): string | undefined {
  const tag = Object.prototype.toString.call(item);
  if (LOSSY.test(tag)) return tag.slice(8, -1);
  const { pipe, on } = item as { pipe?: unknown; on?: unknown };
  if (typeof pipe === 'function' && typeof on === 'function') return 'stream';
  const prototype = Object.getPrototypeOf(item) as object | null;
  // Of a plain object, of whatever realm.
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return undefined;
  if (tag === '[object Number]' || tag === '[object String]' || tag === '[object Boolean]') return undefined;
  if (Object.keys(item).length > 0 || !hasMembers(prototype)) return undefined;
  const { name } = (prototype as { constructor?: { name?: unknown } }).constructor ?? {};
  return typeof name === 'string' && name !== '' ? name : 'class instance';
}

/** Whether a class has methods or getters: what it knows is behind them, and an instance without properties is not empty. */
function hasMembers(prototype: object): boolean {
  for (let level: object | null = prototype; level !== null; level = Object.getPrototypeOf(level) as object | null) {
    if (Object.getPrototypeOf(level) === null) return false;
    if (Reflect.ownKeys(level).some((key) => key !== 'constructor')) return true;
  }
  return false;
}

function refusalOfEmptied(name: string): string {
  const what = `${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}`;
  if (BYTES.test(name)) return `${what} cannot be stored as JSON: ${INSTEAD.bytes}`;
  const instead = name.endsWith('Stream') ? INSTEAD.stream : INSTEAD[name];
  if (instead !== undefined) return `${what} cannot be stored as JSON, which would make {} of it: ${instead}`;
  return `${what} would be stored as {}: JSON sees no getters and no #private fields. Pass a plain object, or give the class a toJSON()`;
}

function shorten(path: string): string {
  return path.length > MAX_PATH_LENGTH ? `${path.slice(0, MAX_PATH_LENGTH - 3)}...` : path;
}
