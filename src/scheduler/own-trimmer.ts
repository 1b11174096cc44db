import type { Broker, StoredJob } from '../core/broker.js';
import { decodeEnvelope, splitRecord } from '../core/envelope.js';
import { SETTLED_STATES, type RetentionLimit, type SettledState } from '../core/job.js';
import type { OwnRule } from '../core/own-retention.js';

/** Reads the own rule of a record, by the first line of its envelope. */
export type OwnRuleOf = (
  queue: string,
  state: SettledState,
  header: ReturnType<typeof decodeEnvelope>['header'],
) => OwnRule | undefined;

/** Own rules have an age, too, and other processes end jobs of the same scopes. */
const AGAIN_MS = 30_000;
const PAGE = 100;
/** Ends of one moment come into the store in any order. */
const SLACK_MS = 10_000;

interface Kept {
  id: string;
  /** The beginning of its settled line: a job that was retried since is not the one that was read. */
  seen: string;
  at: number;
  bytes: number;
  rule: RetentionLimit;
}

/**
 * Trims the records of those schedules, job names and handlers that keep fewer than their queue does. It runs where such a job
 * has ended, reads each end once, newest first, and deletes nothing of others. A queue without such rules costs nothing.
 */
export class OwnTrimmer {
  /** By scope; newest first. */
  private readonly kept: Record<SettledState, Map<string, Kept[]>> = {
    completed: new Map(),
    cancelled: new Map(),
    dead: new Map(),
  };
  /** Up to where the ends of a state were read, ms. */
  private readonly readTo: Partial<Record<SettledState, number>> = {};

  constructor(
    private readonly broker: Broker,
    private readonly queue: string,
    private readonly ownRuleOf: OwnRuleOf,
  ) {}

  /** @returns the delay before the next turn, ms */
  async trim(isStopping: () => boolean): Promise<number> {
    const { now } = await this.broker.dueSchedules(this.queue, 1);
    for (const state of SETTLED_STATES) {
      await this.read(state, isStopping);
      for (const [scope, kept] of this.kept[state]) {
        if (isStopping()) return AGAIN_MS;
        const left = await this.trimScope(kept, now);
        if (left.length > 0) this.kept[state].set(scope, left);
        else this.kept[state].delete(scope);
      }
    }
    return AGAIN_MS;
  }

  /** Adds the ends since the last look. */
  private async read(state: SettledState, isStopping: () => boolean): Promise<void> {
    const readTo = this.readTo[state] ?? -Infinity;
    let newest = readTo;
    let cursor: string | undefined;
    do {
      const page = await this.broker.list(this.queue, state, cursor, PAGE);
      cursor = page.cursor;
      for (const stored of page.jobs) {
        const at = Number(stored.record.slice(1, 14));
        newest = Math.max(newest, at);
        if (at < readTo - SLACK_MS) cursor = undefined;
        else this.add(state, stored, at);
      }
    } while (cursor !== undefined && !isStopping());
    if (!isStopping()) this.readTo[state] = newest;
  }

  private add(state: SettledState, stored: StoredJob, at: number): void {
    const own = this.ruleOf(state, stored);
    if (own === undefined) return;
    const kept = this.kept[state].get(own.scope) ?? [];
    const seen = stored.record.slice(0, 14);
    if (kept.some((other) => other.id === stored.id && other.seen === seen)) return;
    kept.push({ id: stored.id, seen, at, bytes: Buffer.byteLength(stored.record), rule: own.rule });
    kept.sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1));
    this.kept[state].set(own.scope, kept);
  }

  private ruleOf(state: SettledState, { record }: StoredJob): OwnRule | undefined {
    try {
      return this.ownRuleOf(this.queue, state, decodeEnvelope(splitRecord(record).envelope).header);
    } catch {
      return undefined; // it cannot be read: the queue's limits hold for it
    }
  }

  /** A job stays while fewer than it allows of its own kind ended later. @returns those that stay */
  private async trimScope(kept: readonly Kept[], now: number): Promise<Kept[]> {
    let bytes = 0;
    const over = kept.filter((each, newer) => {
      bytes += each.bytes;
      return newer >= each.rule.count || bytes > each.rule.bytes || now - each.at > each.rule.ageMs;
    });
    for (let first = 0; first < over.length; first += PAGE) {
      const step = over.slice(first, first + PAGE);
      await Promise.all(step.map(({ id, seen }) => this.broker.remove(this.queue, id, seen, true)));
    }
    return over.length === 0 ? [...kept] : kept.filter((each) => !over.includes(each));
  }
}
