import type { SchemaIssue } from './standard-schema.js';

/** Deeper payloads are refused: parsers of other languages stop at 1000 or sooner. */
const MAX_PAYLOAD_DEPTH = 1000;

const MAX_ISSUES = 5;
const MAX_PATH_LENGTH = 120;

// What JSON.stringify would silently turn into {} (or a map of bytes).
const LOSSY =
  /^\[object (?:Map|Set|WeakMap|WeakSet|WeakRef|Promise|RegExp|Error|ArrayBuffer|SharedArrayBuffer|DataView|\w+Array|(?:Async)?Generator|\w+ Iterator)\]$/;

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
export function findIssues(value: unknown): SchemaIssue[] {
  const issues: SchemaIssue[] = [];
  const ancestors = new Set<object>();

  const visit = (item: unknown, path: string, place: 'top' | 'item' | 'property'): void => {
    if (issues.length >= MAX_ISSUES) return;
    const message = typeof item === 'object' && item !== null ? undefined : refusalOfPrimitive(item, place);
    if (message !== undefined) issues.push({ path, message });
    if (typeof item !== 'object' || item === null) return;
    if (ancestors.has(item)) {
      issues.push({ path, message: 'a cycle cannot be stored as JSON' });
    } else if (ancestors.size >= MAX_PAYLOAD_DEPTH) {
      issues.push({ path, message: `nested deeper than ${MAX_PAYLOAD_DEPTH} levels` });
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
    } else if (typeof (item as { toJSON?: unknown }).toJSON === 'function') {
      // Its author decides what is stored; an invalid Date alone turns into null behind everyone's back.
      if (item instanceof Date && Number.isNaN(item.getTime()))
        issues.push({ path, message: 'an invalid Date cannot be stored' });
    } else {
      const tag = Object.prototype.toString.call(item);
      if (LOSSY.test(tag)) {
        issues.push({ path, message: refusalOfTag(tag.slice(8, -1)) });
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

function refusalOfTag(tag: string): string {
  if (tag === 'Promise') return 'a Promise cannot be stored as JSON: is an await missing?';
  if (tag === 'Error') return 'an Error would be stored as {}: pass its name and message';
  return `a ${tag} cannot be stored as JSON: pass an array or a plain object`;
}

function shorten(path: string): string {
  return path.length > MAX_PATH_LENGTH ? `${path.slice(0, MAX_PATH_LENGTH - 3)}...` : path;
}
