import type { JobEnd } from '../core/ports/duties.js';
import type { Duties } from '../core/ports/duties.js';
import { readHead } from '../core/envelope-head.js';
import type { EnvelopeHeader } from '../core/envelope.js';
import { SETTLED_STATES, type RetentionLimit, type SettledState } from '../core/job.js';
import type { OwnRule } from '../core/own-retention.js';

/** Reads the own rule of a record, by the first line of its envelope. */
export type OwnRuleOf = (queue: string, state: SettledState, header: EnvelopeHeader) => OwnRule | undefined;

/** Own rules also have an age, and other processes end jobs of the same scopes: the trimmer looks again after this. */
const AGAIN_MS = 30_000;
const READ_PAGE = 100;
/** Records and bytes that one call removes: about half a millisecond of Redis. */
const DROP_STEP = 100;
const DROP_BYTES = 524_288;

interface Kept extends Pick<JobEnd, 'id' | 'seen' | 'bytes'> {
  at: number;
  rule: RetentionLimit;
}

/** The records of one scope by their ids, oldest first: they are read in that order. */
interface Scope {
  kept: Map<string, Kept>;
  bytes: number;
}

/** Progress in one state: up to where ends were read, and the records with own rules. */
interface Ledger {
  place: string | undefined;
  scopes: Map<string, Scope>;
}

/**
 * Trims the records of schedules, job names and handlers that keep fewer records than their queue does. It runs after such a job
 * has ended, reads the first line of each ended job once, and deletes no other records. A queue without such rules costs nothing.
 */
export class OwnTrimmer {
  private readonly ledgers: Record<SettledState, Ledger> = {
    completed: { place: undefined, scopes: new Map() },
    cancelled: { place: undefined, scopes: new Map() },
    dead: { place: undefined, scopes: new Map() },
  };

  constructor(
    private readonly duties: Duties,
    private readonly queue: string,
    private readonly ownRuleOf: OwnRuleOf,
  ) {}

  /** @returns the delay before the next turn, ms */
  async trim(isStopping: () => boolean): Promise<number> {
    for (const state of SETTLED_STATES) {
      if (isStopping()) break;
      const now = await this.read(state, isStopping);
      const { scopes } = this.ledgers[state];
      for (const [name, scope] of scopes) {
        await this.drop(scope, overOf(scope, now), isStopping);
        if (scope.kept.size === 0) scopes.delete(name);
      }
    }
    return AGAIN_MS;
  }

  /** Adds the ends since the last look. @returns store time, ms */
  private async read(state: SettledState, isStopping: () => boolean): Promise<number> {
    const ledger = this.ledgers[state];
    for (;;) {
      const page = await this.duties.readEnds(this.queue, state, ledger.place, READ_PAGE);
      for (const end of page.ends) this.add(state, ledger, end);
      ledger.place = page.place;
      if (!page.more || isStopping()) return page.now;
    }
  }

  private add(state: SettledState, { scopes }: Ledger, { id, seen, bytes, head }: JobEnd): void {
    const header = readHead(head)?.header; // where it cannot be read, the queue's limits hold for it
    const own = header && this.ownRuleOf(this.queue, state, header);
    if (own === undefined) return;
    let scope = scopes.get(own.scope);
    if (scope === undefined) scopes.set(own.scope, (scope = { kept: new Map(), bytes: 0 }));
    const known = scope.kept.get(id);
    if (known?.seen === seen) return;
    if (known !== undefined) forget(scope, known); // it was retried, and ended once more
    scope.kept.set(id, { id, seen, bytes, at: Number(seen.slice(1)), rule: own.rule });
    scope.bytes += bytes;
  }

  /** Forgets records call by call: where a call fails, the next turn continues there. */
  private async drop(scope: Scope, over: readonly Kept[], isStopping: () => boolean): Promise<void> {
    for (let first = 0, next = 0; first < over.length && !isStopping(); first = next) {
      let bytes = 0;
      do bytes += over[next++].bytes;
      while (next < over.length && next - first < DROP_STEP && bytes + over[next].bytes <= DROP_BYTES);
      const step = over.slice(first, next);
      await this.duties.dropEnds(this.queue, step);
      for (const each of step) forget(scope, each);
    }
  }
}

/** A job stays while fewer than it allows of its own kind ended later. */
function overOf({ kept, bytes }: Scope, now: number): Kept[] {
  const over: Kept[] = [];
  let newer = kept.size;
  let left = bytes;
  for (const each of kept.values()) {
    newer--;
    const { rule } = each;
    if (newer >= rule.count || left > rule.bytes || now - each.at > rule.ageMs) over.push(each);
    left -= each.bytes;
  }
  return over;
}

function forget(scope: Scope, { id, bytes }: Kept): void {
  scope.kept.delete(id);
  scope.bytes -= bytes;
}
