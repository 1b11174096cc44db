import type { Cron } from 'croner';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** A change that jumps over more is a correction, not a summer time: nothing is made up for. */
const LONGEST_GAP_MS = 3 * HOUR;
/** Two changes that cancel each other are further apart than this. */
const SURE_MS = 20 * DAY;

const formats = new Map<string, Intl.DateTimeFormat>();

/**
 * Finds ticks that a change of the clock jumps over together with midnight, such as 23:00 to 00:00 in America/Nuuk: croner
 * makes up for a time in a gap only where the gap ends on the same day.
 */
export class MidnightGap {
  /** @param calendar the same expression, read in UTC: its ticks are times of any wall clock */
  constructor(
    private readonly calendar: Cron,
    private readonly timeZone: string,
  ) {}

  /**
   * @param next the tick that croner finds after `after`
   * @returns the end of a gap between them that a tick fell into, which comes first; else `next`
   */
  tickBefore(next: number | undefined, after: number): number | undefined {
    const offsetMs = this.offsetAt(after);
    if (next !== undefined && next - after < SURE_MS && this.offsetAt(next) === offsetMs) return next;
    let wall = this.calendar.nextRun(new Date(after + offsetMs))?.getTime();
    // A day on both sides is more than any zone is away from UTC.
    while (wall !== undefined && (next === undefined || wall - DAY < next)) {
      const end = this.gapEndOf(wall);
      if (end !== undefined && end > after && (next === undefined || end < next)) return end;
      wall = this.calendar.nextRun(new Date(wall))?.getTime();
    }
    return next;
  }

  /** The instant at which the clock jumps over this time; undefined where it shows it. @param wall as if it were UTC */
  private gapEndOf(wall: number): number | undefined {
    const before = this.offsetAt(wall - DAY);
    const behind = this.offsetAt(wall + DAY);
    if (behind <= before || behind - before > LONGEST_GAP_MS) return undefined;
    let early = wall - behind;
    let late = wall - before;
    if (this.offsetAt(early) !== before || this.offsetAt(late) !== behind) return undefined;
    while (late - early > 1) {
      const middle = Math.floor((early + late) / 2);
      if (this.offsetAt(middle) === before) early = middle;
      else late = middle;
    }
    return late;
  }

  private offsetAt(instant: number): number {
    const part: Record<string, number> = {};
    for (const { type, value } of formatOf(this.timeZone).formatToParts(instant)) part[type] = Number(value);
    const { year, month, day, hour, minute, second } = part;
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(instant / 1000) * 1000;
  }
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  formats.set(timeZone, format);
  return format;
}
