import { InvalidValueError } from './errors/option-errors.js';

/** What stands in place of a redacted value. */
export const REDACTED = '[redacted]';

const MOST_PATHS = 100;
const LONGEST_PATH = 200;
/** Deeper values are hidden as a whole: nothing that people read is nested so far. */
const DEEPEST = 100;
/** A shorter text would be found everywhere. */
const SHORTEST_SECRET = 4;
const MOST_SECRETS = 100;

interface Progress {
  segments: readonly string[];
  /** Segments before this one have matched. */
  at: number;
}

/**
 * Hides configured fields of payloads, results and progress values wherever this package shows them, and their texts
 * wherever they turn up in error messages and log lines of their job.
 *
 * A path is keys joined by dots, from the top of the value; `*` stands for any number of keys, also none:
 * `card.number` is that one field, `*.password` every field of that name, `user.*` everything below `user`.
 */
export class Redactor {
  private readonly start: readonly Progress[];

  /** @throws InvalidValueError */
  constructor(paths: readonly string[]) {
    this.start = paths.map((path) => ({ segments: readPath(path), at: 0 }));
  }

  /** A copy without the hidden fields; the value itself is left alone. */
  redact(value: unknown): unknown {
    try {
      return this.visit(value, this.start, 0, undefined);
    } catch {
      return REDACTED; // a getter or a proxy that throws: better nothing than too much
    }
  }

  /** Hides, in a text about a job, what is hidden in its payload. */
  mask(text: string, payload: unknown): string {
    const secrets = new Set<string>();
    try {
      this.visit(payload, this.start, 0, secrets);
    } catch {
      return REDACTED;
    }
    let masked = text;
    // The longest first: one secret may be a part of another.
    for (const secret of [...secrets].sort((a, b) => b.length - a.length)) masked = masked.replaceAll(secret, REDACTED);
    return masked;
  }

  /** Whether the value at this path, from the top of a payload, is hidden, or a part of it that a rule names below it. */
  hides(path: readonly string[]): boolean {
    let rules: readonly Progress[] = this.start;
    for (const key of path) {
      const next: Progress[] = [];
      if (rules.some((rule) => advance(rule, key, next))) return true;
      rules = next;
    }
    // A star that may stand for any number of keys says nothing of this value: `*.password` is below everything.
    return rules.some(({ segments, at }) => at > 0 && (segments[at] !== '*' || at === segments.length - 1));
  }

  private visit(value: unknown, paths: readonly Progress[], depth: number, secrets: Set<string> | undefined): unknown {
    if (typeof value !== 'object' || value === null || paths.length === 0) return value;
    if (depth > DEEPEST) return REDACTED;
    if (Array.isArray(value)) {
      return value.map((item: unknown, index) => this.visitChild(item, String(index), paths, depth, secrets));
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return value;
    // fromEntries defines: a key such as __proto__ stays data.
    return Object.fromEntries(
      Object.entries(value).map(([key, child]) => [key, this.visitChild(child, key, paths, depth, secrets)]),
    );
  }

  private visitChild(
    child: unknown,
    key: string,
    paths: readonly Progress[],
    depth: number,
    secrets: Set<string> | undefined,
  ): unknown {
    const next: Progress[] = [];
    if (!paths.some((path) => advance(path, key, next))) return this.visit(child, next, depth + 1, secrets);
    if (secrets !== undefined) collectTexts(child, secrets, 0);
    return REDACTED;
  }
}

/** @returns whether the path ends with this key; where it may go on, that is added to `next` */
function advance(path: Progress, key: string, next: Progress[]): boolean {
  const { segments } = path;
  let { at } = path;
  if (segments[at] === '*') {
    if (at === segments.length - 1) return true;
    next.push(path); // the key is one of those that the star stands for
    at++;
  }
  if (segments[at] !== key) return false;
  if (at === segments.length - 1) return true;
  next.push({ segments, at: at + 1 });
  return false;
}

function collectTexts(value: unknown, texts: Set<string>, depth: number): void {
  if (texts.size >= MOST_SECRETS || depth > DEEPEST) return;
  if (typeof value === 'object' && value !== null) {
    for (const child of Object.values(value)) collectTexts(child, texts, depth + 1);
  } else if (typeof value === 'string' || typeof value === 'number') {
    const text = String(value);
    if (text.length >= SHORTEST_SECRET) texts.add(text);
  }
}

/** @throws InvalidValueError */
export function readRedactedPaths(given: unknown): Redactor | undefined {
  if (given === undefined) return undefined;
  if (!Array.isArray(given) || given.length > MOST_PATHS) {
    throw new InvalidValueError('redact', given, `pass an array of at most ${MOST_PATHS} paths such as "*.password"`);
  }
  return given.length === 0 ? undefined : new Redactor(given as string[]);
}

function readPath(path: unknown): string[] {
  const segments = typeof path === 'string' && path.length <= LONGEST_PATH ? path.split('.') : [];
  const collapsed = segments.filter((segment, index) => segment !== '*' || segments[index - 1] !== '*');
  if (collapsed.length > 0 && !collapsed.includes('')) return collapsed;
  throw new InvalidValueError(
    'path in redact',
    path,
    'use keys joined by dots, "*" for any number of them: "*.password"',
  );
}
