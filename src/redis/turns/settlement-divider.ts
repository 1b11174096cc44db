import type { Settlement } from '../../core/ports/worker-store.js';
import { BrokerRefusedError, BrokerUnavailableError } from '../../core/errors/store-errors.js';
import type { DeadReason, RetentionRule } from '../../core/job.js';

/** Words of a server that say something of itself, its user or its keys: every call hears them, and waiting is right. */
const OF_THE_SERVER = new Set(
  (
    'OOM READONLY LOADING BUSY NOREPLICAS MASTERDOWN CLUSTERDOWN TRYAGAIN MISCONF NOAUTH WRONGPASS NOPERM WRONGTYPE MOVED ASK ' +
    'CROSSSLOT NOSCRIPT UNBLOCKED UNKILLABLE DENIED EXPIRED'
  ).split(' '),
);

/** Text of a turn, in characters, from which on a server may have closed the connection because of it. */
const CLOSES_AT = 64 * 1024;
/** A settlement that is alone is refused this often, while the store takes an empty turn each time, before it is to blame. */
const ROUNDS = 3;
const LONGEST_WORDS = 500;

/** Settlements that travel together in one turn. */
export interface Batch {
  readonly settlements: readonly Settlement[];
  /** Of the settlement that is alone. */
  refusals: number;
  /** It ends a job whose real end was refused, with nothing in it that could be too large. */
  isLast: boolean;
  /** Of settlements that were refused together. */
  readonly isPart: boolean;
}

/**
 * A turn that the store refuses for what is in it, by an error or by closing the connection, would be refused for ever, and the
 * queue would stand still. It is divided in halves until the one settlement is alone that is to blame: that job fails with the
 * server's own word. Whether it is the turn or the store is asked each time: an empty turn, under the same number, is answered.
 */
export class SettlementDivider {
  private readonly batches: Batch[] = [];

  get size(): number {
    return this.batches.length;
  }

  /** The next batch that has to travel alone. */
  take(): Batch | undefined {
    return this.batches.shift();
  }

  *waiting(): Generator<Settlement> {
    for (const { settlements } of this.batches) yield* settlements;
  }

  /** Whether it may be what this turn carries, and not the store: an empty turn shows which. */
  mayBlame(error: unknown, settlements: readonly Settlement[]): boolean {
    if (settlements.length === 0) return false;
    if (error instanceof BrokerRefusedError) return !OF_THE_SERVER.has(error.reply);
    if (error instanceof BrokerUnavailableError) return weightOf(settlements) >= CLOSES_AT;
    return error instanceof RangeError; // a text that is too long for the client
  }

  /**
   * The store refused these and took an empty turn.
   * @param keep of dead jobs, where the settlement does not say
   * @returns what failed its job, if only that was left to do; `dropped` where even that was refused
   */
  divide(
    { settlements, refusals, isLast }: Batch,
    error: unknown,
    keep: RetentionRule,
  ): { buried: Settlement & { op: 'bury' } } | { dropped: Settlement } | undefined {
    if (settlements.length > 1) {
      const half = Math.ceil(settlements.length / 2);
      for (const part of [settlements.slice(0, half), settlements.slice(half)]) this.add(part, 0, false);
      return undefined;
    }
    if (refusals + 1 < ROUNDS) {
      this.add(settlements, refusals + 1, isLast);
      return undefined;
    }
    if (isLast) return { dropped: settlements[0] };
    const buried = withWordsOf(error, settlements[0], keep);
    this.add([buried], 0, true);
    return { buried };
  }

  private add(settlements: readonly Settlement[], refusals: number, isLast: boolean): void {
    this.batches.push({ settlements, refusals, isLast, isPart: true });
  }
}

function weightOf(settlements: readonly Settlement[]): number {
  return settlements.reduce((sum, settlement) => sum + lengthOf(settlement), 0);
}

/** Of the texts that it carries, in characters. */
export function lengthOf(settlement: Settlement): number {
  const {
    result = '',
    envelope = '',
    detail = '',
  } = settlement as Partial<Record<'result' | 'envelope' | 'detail', string>>;
  return result.length + envelope.length + detail.length;
}

/** The work is done, or was judged: running it again would come to the same refusal. */
function withWordsOf(error: unknown, settlement: Settlement, keep: RetentionRule): Settlement & { op: 'bury' } {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const reason: DeadReason = settlement.op === 'complete' ? 'result' : 'refused';
  const what = `${lengthOf(settlement)} characters of this job by themselves, while the store took other calls`;
  const detail = JSON.stringify({ reason, name, message: `${message.slice(0, LONGEST_WORDS)} It is about ${what}.` });
  const rule = settlement.op === 'bury' ? settlement.keep : keep;
  return { op: 'bury', id: settlement.id, token: settlement.token, detail, envelope: undefined, keep: rule };
}
