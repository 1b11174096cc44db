import { CronExpression } from './cron-expression.js';
import { InvalidValueError } from '../../core/errors/option-errors.js';
import type { ScheduleRule, ScheduleTiming } from './declaration.js';

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
  /** The tick after a tick of this rule. */
  following(tick: number): number | undefined;
  /** @param tick a tick of this rule that has come */
  gap(tick: number, now: number): TickGap;
  /** The newest ticks in [tick, now], oldest first. @param tick a tick of this rule */
  newest(tick: number, now: number, most: number): number[];
}

/**
 * @param name of the schedule, which `H` is spread by
 * @throws Error for a rule that no declaration has: then another version stored it
 */
export function tickCounterOf(
  { rule, startAt, endAt }: Pick<ScheduleTiming, 'rule' | 'startAt' | 'endAt'>,
  name: string,
): TickCounter {
  const counter = counterOf(rule, name, startAt);
  return startAt === undefined && endAt === undefined ? counter : new BoundedTicks(counter, startAt, endAt);
}

function counterOf(rule: ScheduleRule, name: string, startAt: number | undefined): TickCounter {
  switch (rule.kind) {
    case 'cron':
      return new CronTicks(CronExpression.known(rule.expression, rule.timeZone, name));
    case 'interval':
      return new IntervalTicks(rule.everyMs, startAt);
    case 'date':
      return new OneTick((now) => (rule.at > now ? rule.at : undefined));
    case 'delay':
      return new OneTick((now) => now + rule.delayMs);
  }
}

class CronTicks implements TickCounter {
  constructor(private readonly expression: CronExpression) {}

  first(now: number): number | undefined {
    return this.expression.nextTick(now);
  }

  following(tick: number): number | undefined {
    return this.expression.nextTick(tick);
  }

  gap(tick: number, now: number): TickGap {
    let last = tick;
    for (let missed = 0; missed < MOST_MISSED; missed++) {
      const next = this.expression.nextTick(last);
      if (next === undefined || next > now) return { last, missed, next };
      last = next;
    }
    [last] = this.newest(last, now, 1);
    return { last, missed: MOST_MISSED, next: this.expression.nextTick(last) };
  }

  /** Looks back from now in windows that double, because croner's way back treats changes of the clock differently. */
  newest(tick: number, now: number, most: number): number[] {
    for (let windowMs = 1000; now - windowMs > tick; windowMs *= 2) {
      const found = this.within(now - windowMs, now, most);
      if (found.length >= most) return found;
    }
    return [tick, ...this.within(tick, now, most)].slice(-most);
  }

  /** The newest `most` ticks in (after, now]. */
  private within(after: number, now: number, most: number): number[] {
    const found: number[] = [];
    let tick = this.expression.nextTick(after);
    while (tick !== undefined && tick <= now) {
      found.push(tick);
      if (found.length >= 2 * most) found.splice(0, most);
      tick = this.expression.nextTick(tick);
    }
    return found.slice(-most);
  }
}

/** Counts from its first registration, or from an instant, in plain elapsed time: no zone, no change of the clock. */
class IntervalTicks implements TickCounter {
  constructor(
    private readonly everyMs: number,
    private readonly from: number | undefined,
  ) {
    if (!Number.isSafeInteger(everyMs) || everyMs < SHORTEST_INTERVAL_MS) {
      throw new InvalidValueError('interval', everyMs, `use at least ${SHORTEST_INTERVAL_MS} ms`);
    }
  }

  first(now: number): number {
    if (this.from === undefined) return now + this.everyMs;
    return now < this.from ? this.from : this.lastIn(this.from, now) + this.everyMs;
  }

  following(tick: number): number {
    return tick + this.everyMs;
  }

  gap(tick: number, now: number): TickGap {
    const last = this.lastIn(tick, now);
    return { last, missed: Math.min((last - tick) / this.everyMs, MOST_MISSED), next: last + this.everyMs };
  }

  newest(tick: number, now: number, most: number): number[] {
    const last = this.lastIn(tick, now);
    const count = Math.min((last - tick) / this.everyMs + 1, most);
    return Array.from({ length: count }, (_, index) => last - (count - 1 - index) * this.everyMs);
  }

  private lastIn(tick: number, now: number): number {
    return tick + Math.max(0, Math.floor((now - tick) / this.everyMs)) * this.everyMs;
  }
}

class OneTick implements TickCounter {
  constructor(readonly first: (now: number) => number | undefined) {}

  following(): undefined {
    return undefined;
  }

  gap(tick: number): TickGap {
    return { last: tick, missed: 0, next: undefined };
  }

  newest(tick: number): number[] {
    return [tick];
  }
}

/** The ticks of a rule from one instant to another, both included. */
class BoundedTicks implements TickCounter {
  constructor(
    private readonly ticks: TickCounter,
    private readonly startAt = -Infinity,
    private readonly endAt = Infinity,
  ) {}

  first(now: number): number | undefined {
    return this.bounded(this.ticks.first(Math.max(now, this.startAt - 1)));
  }

  following(tick: number): number | undefined {
    return this.bounded(this.ticks.following(tick));
  }

  gap(tick: number, now: number): TickGap {
    const { next, ...gap } = this.ticks.gap(tick, Math.min(now, this.endAt));
    return { ...gap, next: this.bounded(next) };
  }

  newest(tick: number, now: number, most: number): number[] {
    return this.ticks.newest(tick, Math.min(now, this.endAt), most);
  }

  private bounded(tick: number | undefined): number | undefined {
    return tick === undefined || tick > this.endAt ? undefined : tick;
  }
}
