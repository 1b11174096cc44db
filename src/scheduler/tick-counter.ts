import { CronExpression } from '../core/cron-expression.js';
import { InvalidValueError } from '../core/errors.js';
import type { ScheduleRule } from '../core/schedule-declaration.js';

/** A count of missed ticks stops here: an every-second schedule that was away for a week must not cost seconds. */
export const MOST_MISSED = 1000;
const SHORTEST_INTERVAL_MS = 1000;

/** A tick that has come, with what lies between it and now. */
export interface TickGap {
  /** The last tick that has come, ms since the epoch. */
  last: number;
  /** Ticks before it that came, too; at most {@link MOST_MISSED}. */
  missed: number;
  /** The first tick after now; undefined when none is left. */
  next: number | undefined;
}

/** Counts the ticks of one rule, all in ms since the epoch. */
export interface TickCounter {
  /** First tick of a schedule that is registered now: later than now, nothing is made up for. */
  first(now: number): number | undefined;
  /** @param tick a tick of this rule that has come */
  gap(tick: number, now: number): TickGap;
}

/** @throws InvalidCronError, InvalidValueError */
export function tickCounterOf(rule: ScheduleRule, label: string): TickCounter {
  return rule.kind === 'cron'
    ? new CronTicks(CronExpression.parse(rule.expression, rule.timeZone, `cron expression of ${label}`))
    : new IntervalTicks(rule.everyMs, label);
}

class CronTicks implements TickCounter {
  constructor(private readonly expression: CronExpression) {}

  first(now: number): number | undefined {
    return this.expression.nextTick(now);
  }

  gap(tick: number, now: number): TickGap {
    let last = tick;
    for (let missed = 0; missed < MOST_MISSED; missed++) {
      const next = this.expression.nextTick(last);
      if (next === undefined || next > now) return { last, missed, next };
      last = next;
    }
    return { ...this.lastBefore(last, now), missed: MOST_MISSED };
  }

  /** Looks back from now in windows that double, because croner's way back treats changes of the clock differently. */
  private lastBefore(known: number, now: number): { last: number; next: number | undefined } {
    let last = known;
    for (let windowMs = 1000; now - windowMs > known; windowMs *= 2) {
      const tick = this.expression.nextTick(now - windowMs);
      if (tick !== undefined && tick <= now) {
        last = tick;
        break;
      }
    }
    let next = this.expression.nextTick(last);
    while (next !== undefined && next <= now) {
      last = next;
      next = this.expression.nextTick(last);
    }
    return { last, next };
  }
}

/** Counts from the first registration in plain elapsed time: no zone, no change of the clock. */
class IntervalTicks implements TickCounter {
  constructor(
    private readonly everyMs: number,
    label: string,
  ) {
    if (!Number.isSafeInteger(everyMs) || everyMs < SHORTEST_INTERVAL_MS) {
      throw new InvalidValueError(`interval of ${label}`, everyMs, `use at least ${SHORTEST_INTERVAL_MS} ms`);
    }
  }

  first(now: number): number {
    return now + this.everyMs;
  }

  gap(tick: number, now: number): TickGap {
    const passed = Math.max(0, Math.floor((now - tick) / this.everyMs));
    const last = tick + passed * this.everyMs;
    return { last, missed: Math.min(passed, MOST_MISSED), next: last + this.everyMs };
  }
}
