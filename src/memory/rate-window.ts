import type { RateLimit } from '../core/limits.js';
import { RULES } from '../core/rules.js';

/** What a rate has started lately, of a queue or of a group. */
export class RateWindow {
  private rate: RateLimit | undefined;
  /** Cost of what was started, by slot of time, oldest first. */
  private slots: { slot: number; cost: number }[] = [];
  /** Of a smooth rate: the ms from which on the next may start. */
  private next = 0;

  constructor(private readonly clock: { now(): number }) {}

  /** The window of a limit that changes goes on; of a smooth rate only the time of the next start is known, by the rate of before. */
  use(rate: RateLimit | undefined): void {
    const before = this.rate;
    this.rate = rate;
    if (before?.perMs === rate?.perMs && before?.smooth === rate?.smooth && !rate?.smooth) return;
    this.slots = [];
    this.next = 0;
  }

  /** Nothing that was started counts any more. */
  get isEmpty(): boolean {
    return this.next <= this.clock.now() && this.countedSlots().length === 0;
  }

  /** When a job of this cost may start: undefined where it may now. */
  opensAt(cost: number): number | undefined {
    const left = this.left(cost);
    return left.cost < cost && !this.startsAlone(cost) ? left.opensAt : undefined;
  }

  /** What the rate has left; where that is less than `needed`, from when on it has as much. */
  left(needed: number): { cost: number; opensAt?: number } {
    const { rate } = this;
    if (rate === undefined) return { cost: Infinity };
    const now = this.clock.now();
    if (rate.smooth) {
      const { from, each } = this.smoothly(rate);
      return { cost: Math.max(Math.ceil((now + 1 - from) / each), 0), opensAt: Math.floor(this.next) };
    }
    const slots = this.countedSlots();
    const left = slots.reduce((sum, { cost }) => sum - cost, rate.limit);
    let freed = left;
    let opensAt = now;
    for (const { slot, cost } of slots) {
      if (freed >= Math.min(needed, rate.limit)) break;
      freed += cost;
      opensAt = Math.ceil((slot + countOf(rate.perMs) + 1) * widthOf(rate.perMs));
    }
    return { cost: left, opensAt };
  }

  /** The only one of its moment in a smooth rate, else one that costs more than the rate ever has, in an empty window. */
  startsAlone(cost: number): boolean {
    const { rate } = this;
    if (rate === undefined) return false;
    if (rate.smooth) return this.next < this.clock.now() + 1;
    return cost > rate.limit && this.countedSlots().length === 0;
  }

  charge(cost: number): void {
    const { rate } = this;
    if (rate === undefined) return;
    if (rate.smooth) {
      const { from, each } = this.smoothly(rate);
      this.next = from + cost * each;
      return;
    }
    const slot = Math.floor(this.clock.now() / widthOf(rate.perMs));
    const slots = this.countedSlots();
    const last = slots.at(-1);
    if (last !== undefined && last.slot >= slot) last.cost += cost;
    else slots.push({ slot, cost });
    this.slots = slots;
  }

  /**
   * From when on a smooth rate lets the next job start, and how long it waits for the one behind. A start that comes late, by up to
   * a hundredth of the window, takes nothing from the next one; so each counts for that much longer.
   */
  private smoothly({ limit, perMs }: RateLimit): { from: number; each: number } {
    const slack = perMs / RULES.windowSlots;
    return { from: Math.max(this.next, this.clock.now() - slack), each: (perMs + slack) / limit };
  }

  private countedSlots(): { slot: number; cost: number }[] {
    const perMs = this.rate?.perMs ?? 1;
    const now = Math.floor(this.clock.now() / widthOf(perMs));
    const first = now - countOf(perMs);
    // A clock that was set back has left slots in the future: they count as of now.
    return this.slots.flatMap(({ slot, cost }) => (slot >= first ? [{ slot: Math.min(slot, now), cost }] : []));
  }
}

function countOf(perMs: number): number {
  return Math.min(RULES.windowSlots, perMs);
}

function widthOf(perMs: number): number {
  return perMs / countOf(perMs);
}
