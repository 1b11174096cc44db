import { isDeepStrictEqual } from 'node:util';
import { InvalidValueError } from './errors/option-errors.js';
import { InvalidPatchError } from './errors/patch-errors.js';

/** One operation of a JSON Patch (RFC 6902). Paths are JSON Pointers: `/user/0/name`, `~1` for `/`, `~0` for `~`. */
export type JsonPatchOperation =
  | { op: 'add' | 'replace' | 'test'; path: string; value: unknown }
  | { op: 'remove'; path: string }
  | { op: 'move' | 'copy'; path: string; from: string };

/** Looks at each operation before it is applied. @returns why it may not be, or undefined */
export type PatchGuard = (operation: JsonPatchOperation, keys: readonly string[], value: unknown) => string | undefined;

const MOST_OPERATIONS = 1000;
/** Deeper values are cycles. */
const DEEPEST = 500;
const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  add: ['op', 'path', 'value'],
  replace: ['op', 'path', 'value'],
  test: ['op', 'path', 'value'],
  remove: ['op', 'path'],
  move: ['op', 'path', 'from'],
  copy: ['op', 'path', 'from'],
};
const INDEX = /^(0|[1-9]\d{0,8})$/;

type Container = Record<string, unknown> | unknown[];

/**
 * Applies all operations in order, or throws: the document must be the caller's own, because it is changed on the way.
 * @param guard gets the value that an operation writes, or that stands where it reads; keys lead to where that is
 * @throws InvalidPatchError; InvalidValueError for what is no list of operations
 */
export function applyJsonPatch(document: unknown, patch: unknown, guard: PatchGuard = () => undefined): unknown {
  if (!Array.isArray(patch) || patch.length > MOST_OPERATIONS) {
    const remedy = `pass an array of at most ${MOST_OPERATIONS} operations such as { op: "replace", path: "/to", value: "x" }`;
    throw new InvalidValueError('patch', patch, remedy);
  }
  const patched = new PatchedDocument(document);
  for (const [index, given] of (patch as unknown[]).entries()) {
    const operation = readOperation(given, index);
    new Application(patched, operation, index, guard).apply();
  }
  return patched.root;
}

function readOperation(given: unknown, index: number): JsonPatchOperation {
  const refuse = (problem: string) => new InvalidPatchError(index, '', problem);
  if (typeof given !== 'object' || given === null) throw refuse('is no object');
  const { op, path, from } = given as Record<string, unknown>;
  const members = typeof op === 'string' && Object.hasOwn(MEMBERS, op) ? MEMBERS[op] : undefined;
  if (members === undefined) throw refuse(`has the op ${JSON.stringify(op)}: use ${Object.keys(MEMBERS).join(', ')}`);
  for (const key of Object.keys(given)) {
    if (!members.includes(key)) throw refuse(`has a member "${key}", which "${String(op)}" does not take`);
  }
  if (typeof path !== 'string') throw refuse('has no path: pass a JSON Pointer such as "/user/name"');
  if (members.includes('from') && typeof from !== 'string') throw refuse('has no from: pass a JSON Pointer');
  if (members.includes('value') && (given as Record<string, unknown>).value === undefined) {
    throw new InvalidPatchError(index, path, 'has no value');
  }
  return given as JsonPatchOperation;
}

/** A document whose root may be replaced, too. */
class PatchedDocument {
  constructor(public root: unknown) {}
}

/** One operation on a document. */
class Application {
  constructor(
    private readonly document: PatchedDocument,
    private readonly operation: JsonPatchOperation,
    private readonly index: number,
    private readonly guard: PatchGuard,
  ) {}

  apply(): void {
    const { operation } = this;
    const { path } = operation;
    const keys = this.parse(path);
    switch (operation.op) {
      case 'add':
        return this.add(keys, path, this.copyOf(operation.value));
      case 'replace':
        this.get(keys, path);
        return this.set(keys, path, this.copyOf(operation.value));
      case 'test': {
        const value = this.get(keys, path);
        this.ask(keys, path, value);
        if (!isDeepStrictEqual(value, operation.value)) throw this.refusal(path, 'tests for another value');
        return;
      }
      case 'remove':
        return this.remove(keys, path);
      case 'copy':
      case 'move': {
        const { op, from } = operation;
        const source = this.parse(from);
        if (op === 'move' && path.startsWith(`${from}/`)) throw this.refusal(from, `moves what has "${path}" inside`);
        const value = this.get(source, from);
        this.ask(source, from, value);
        if (op === 'move' && path === from) return;
        if (op === 'move') this.remove(source, from);
        return this.add(keys, path, op === 'copy' ? this.copyOf(value) : value);
      }
    }
  }

  private get(keys: readonly string[], path: string): unknown {
    let value = this.document.root;
    for (const key of keys) {
      if (!isContainer(value) || !Object.hasOwn(value, key) || (Array.isArray(value) && !INDEX.test(key)))
        throw this.refusal(path, 'is about a place that the payload does not have');
      value = (value as Record<string, unknown>)[key];
    }
    return value;
  }

  private add(keys: readonly string[], path: string, value: unknown): void {
    const parent = this.parentOf(keys, path);
    if (!Array.isArray(parent)) return this.set(keys, path, value);
    const key = keys[keys.length - 1];
    const index = key === '-' ? parent.length : INDEX.test(key) ? Number(key) : -1;
    if (index < 0 || index > parent.length)
      throw this.refusal(path, `names no place of a list of ${parent.length}: use 0 to ${parent.length}, or "-"`);
    this.ask([...keys.slice(0, -1), String(index)], path, value);
    parent.splice(index, 0, value);
  }

  /** Whatever is there is replaced. */
  private set(keys: readonly string[], path: string, value: unknown): void {
    this.ask(keys, path, value);
    const parent = this.parentOf(keys, path);
    if (parent === undefined) this.document.root = value;
    else (parent as Record<string, unknown>)[keys[keys.length - 1]] = value;
  }

  private remove(keys: readonly string[], path: string): void {
    this.get(keys, path);
    const parent = this.parentOf(keys, path);
    if (parent === undefined) throw this.refusal(path, 'takes away the whole payload: replace it instead');
    const key = keys[keys.length - 1];
    if (Array.isArray(parent)) parent.splice(Number(key), 1);
    else delete parent[key];
  }

  /** @returns undefined for the document itself */
  private parentOf(keys: readonly string[], path: string): Container | undefined {
    if (keys.length === 0) return undefined;
    const parent = this.get(keys.slice(0, -1), path);
    if (isContainer(parent)) return parent;
    throw this.refusal(path, 'is about a place inside of what is no object and no list');
  }

  private parse(pointer: string): string[] {
    if (pointer === '') return [];
    if (!pointer.startsWith('/') || /~(?![01])/.test(pointer))
      throw this.refusal(
        pointer,
        'has no JSON Pointer: begin with "/", and write "~" as "~0" and "/" in a key as "~1"',
      );
    const keys = pointer
      .slice(1)
      .split('/')
      .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
    if (keys.includes('__proto__')) throw this.refusal(pointer, 'names __proto__');
    return keys;
  }

  /** What is written belongs to the document from now on. */
  private copyOf(value: unknown, depth = 0): unknown {
    if (typeof value === 'function' || typeof value === 'symbol' || depth > DEEPEST)
      throw this.refusal(this.operation.path, 'has a value that JSON cannot carry');
    if (!isContainer(value)) return value;
    if (Array.isArray(value)) return value.map((item) => this.copyOf(item, depth + 1));
    if (Object.hasOwn(value, '__proto__')) throw this.refusal(this.operation.path, 'has a value with a key __proto__');
    return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, this.copyOf(child, depth + 1)]));
  }

  private ask(keys: readonly string[], path: string, value: unknown): void {
    const problem = this.guard(this.operation, keys, value);
    if (problem !== undefined) throw this.refusal(path, problem);
  }

  private refusal(path: string, problem: string): InvalidPatchError {
    return new InvalidPatchError(this.index, path, problem);
  }
}

/** Lists and plain objects: what a codec makes beside them is a value as a whole. */
function isContainer(value: unknown): value is Container {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
