import type { Clock } from '../core/clock.js';

/**
 * The clock of the host, as it is now: where it is set forward or back (NTP, a machine that was suspended), due times and
 * ticks go by the new time, as they do by the clock of Redis. Leases do not: they go by `movedMs`.
 */
export class WallClock implements Clock {
  readonly movedMs = 0;

  now(): number {
    return Date.now();
  }
}

/**
 * Time that stands still until a test moves it. Moving it ends leases; it wakes nobody: call `promote`, `reclaim` or
 * `trim` of the store's duties, as the maintenance loop does.
 */
export class MovableClock implements Clock {
  private at: number;
  private moved = 0;

  /** @param startAt ms since the epoch; by default a fixed instant, so that runs repeat */
  constructor(startAt = 1_800_000_000_000) {
    this.at = Math.floor(startAt);
  }

  get movedMs(): number {
    return this.moved;
  }

  now(): number {
    return this.at;
  }

  /** @param ms whole milliseconds */
  advance(ms: number): void {
    this.set(this.at + ms);
  }

  /** @param at ms since the epoch; an earlier instant is a clock set back, as happens to servers */
  set(at: number): void {
    this.moved += at - this.at;
    this.at = at;
  }
}
