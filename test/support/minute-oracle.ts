/**
 * The ticks of a cron expression, found by looking at every minute: slow, and as plain as the rule it checks. It knows a
 * zone only as a list of offsets, and an expression only as sets of numbers.
 */
export interface MinuteRule {
  minutes: ReadonlySet<number>;
  hours: ReadonlySet<number>;
  days: ReadonlySet<number>;
  months: ReadonlySet<number>;
  weekdays: ReadonlySet<number>;
  /** The field is `*`: of day and weekday, only one that is not counts; where neither is, one match is enough. */
  anyDay: boolean;
  anyWeekday: boolean;
  /** No `*` and no step in minute and hour. */
  fixed: boolean;
}

interface Offset {
  /** First instant with this offset, ms. */
  from: number;
  offsetMs: number;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** A change that jumps over more is a correction, not a summer time: nothing is made up for. */
const LONGEST_GAP_MS = 3 * HOUR;

/** Offsets of a zone between two instants; each begins at a whole minute. */
export function offsetsOf(timeZone: string, from: number, to: number): Offset[] {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  });
  const offsetAt = (instant: number): number => {
    const part = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]));
    return Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute) - instant;
  };
  const offsets = [{ from, offsetMs: offsetAt(from) }];
  for (let at = from; at < to; at += HOUR) {
    const before = offsetAt(at);
    if (offsetAt(at + HOUR) === before) continue;
    let first = at + MINUTE;
    while (offsetAt(first) === before) first += MINUTE;
    offsets.push({ from: first, offsetMs: offsetAt(first) });
  }
  return offsets;
}

function matches(rule: MinuteRule, localMs: number): boolean {
  const local = new Date(localMs);
  if (!rule.minutes.has(local.getUTCMinutes()) || !rule.hours.has(local.getUTCHours())) return false;
  if (!rule.months.has(local.getUTCMonth() + 1)) return false;
  const day = rule.days.has(local.getUTCDate());
  const weekday = rule.weekdays.has(local.getUTCDay());
  if (rule.anyDay || rule.anyWeekday) return (rule.anyDay || day) && (rule.anyWeekday || weekday);
  return day || weekday;
}

/** @returns at most `limit` ticks in [from, to), ms; `from` must be a whole minute, covered by the offsets like `to` */
export function ticksByMinute(
  rule: MinuteRule,
  offsets: readonly Offset[],
  from: number,
  to: number,
  limit: number,
): number[] {
  const ticks: number[] = [];
  let zone = offsets.findLastIndex((offset) => offset.from <= from);
  for (let at = from; at < to && ticks.length < limit; at += MINUTE) {
    while (offsets[zone + 1] !== undefined && offsets[zone + 1].from <= at) zone++;
    const { from: since, offsetMs } = offsets[zone];
    const shiftMs = zone === 0 ? 0 : offsetMs - offsets[zone - 1].offsetMs;
    let hit = matches(rule, at + offsetMs);
    if (rule.fixed && shiftMs < 0 && at < since - shiftMs) hit = false; // this local time was there before
    if (rule.fixed && shiftMs > 0 && at === since && shiftMs <= LONGEST_GAP_MS) {
      for (let skipped = at + offsetMs - shiftMs; skipped < at + offsetMs; skipped += MINUTE)
        hit ||= matches(rule, skipped);
    }
    if (hit) ticks.push(at);
  }
  return ticks;
}
