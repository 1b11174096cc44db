import type { HeldJob, Settlement } from '../../core/ports/worker-store.js';
import { lengthOf, SettlementDivider, type Batch } from './settlement-divider.js';

/** Most settlements in one turn: of small jobs that complete, as many take the store some 2 ms. */
export const TURN_SETTLEMENTS = 500;
/** Text of one turn, in characters, either way: large payloads take as long as the store takes to copy them. */
export const TURN_LENGTH = 1024 * 1024;
/** An envelope that the script looks up and writes behind a line is copied twice as often as one that is sent. */
const STORED_WEIGHT = 2;

/** Settlements that no turn has carried yet, and how many of them one turn takes. */
export class SettlementOutbox {
  readonly divider = new SettlementDivider();
  private settlements: Settlement[] = [];
  /** Of settlements whose job's envelope the store looks up: what that weighs, in characters. */
  private readonly storedWeights = new Map<Settlement, number>();

  /** @param stored the envelope that the store has of the job */
  add(settlement: Settlement, stored: string): void {
    this.settlements.push(settlement);
    if (looksUpEnvelope(settlement)) this.storedWeights.set(settlement, stored.length * STORED_WEIGHT);
  }

  /** Settlements that wait, without those that were refused together. */
  get size(): number {
    return this.settlements.length;
  }

  get isEmpty(): boolean {
    return this.settlements.length === 0 && this.divider.size === 0;
  }

  /** What the next turn carries: a part of what was refused before, or as many settlements as one script may carry. */
  take(): Batch {
    return this.divider.take() ?? { settlements: this.takeFitting(), refusals: 0, isLast: false, isPart: false };
  }

  jobs(): HeldJob[] {
    return [...this.settlements, ...this.divider.waiting()].map(({ id, token }) => ({ id, token }));
  }

  private takeFitting(): readonly Settlement[] {
    const all = this.settlements;
    let count = 0;
    let length = 0;
    while (count < all.length && count < TURN_SETTLEMENTS && (count === 0 || length < TURN_LENGTH)) {
      const settlement = all[count++];
      length += lengthOf(settlement);
      if (this.storedWeights.size > 0) length += this.takeStoredWeight(settlement);
    }
    this.settlements = count === all.length ? [] : all.slice(count);
    return count === all.length ? all : all.slice(0, count);
  }

  private takeStoredWeight(settlement: Settlement): number {
    const weight = this.storedWeights.get(settlement) ?? 0;
    this.storedWeights.delete(settlement);
    return weight;
  }
}

/** It ends the job and does not bring the envelope that is kept. */
function looksUpEnvelope(settlement: Settlement): boolean {
  if ((settlement as { envelope?: string }).envelope !== undefined) return false;
  return settlement.op === 'complete' || settlement.op === 'cancel' || settlement.op === 'bury';
}
