import { describe, expect, it } from '@jest/globals';
import { InvalidValueError } from '../../src/core/errors/option-errors.js';
import type { ScheduleRule } from '../../src/schedules/rule/declaration.js';
import { MOST_MISSED, tickCounterOf } from '../../src/schedules/rule/tick-counter.js';

const at = (text: string) => Date.parse(text);
const cron = (expression: string, timeZone = 'UTC'): { rule: ScheduleRule } => ({
  rule: { kind: 'cron', expression, timeZone },
});
const HOUR = 3_600_000;

describe('the ticks of a cron rule', () => {
  const hourly = tickCounterOf(cron('0 * * * *'), 'A.run');

  it('begin after now', () => {
    expect(hourly.first(at('2026-01-01T10:00:00Z'))).toBe(at('2026-01-01T11:00:00Z'));
  });

  it('have no gap when the next has not come', () => {
    expect(hourly.gap(at('2026-01-01T10:00:00Z'), at('2026-01-01T10:59:59.999Z'))).toEqual({
      last: at('2026-01-01T10:00:00Z'),
      missed: 0,
      next: at('2026-01-01T11:00:00Z'),
    });
  });

  it('are counted over a gap', () => {
    expect(hourly.gap(at('2026-01-01T10:00:00Z'), at('2026-01-01T13:00:00Z'))).toEqual({
      last: at('2026-01-01T13:00:00Z'),
      missed: 3,
      next: at('2026-01-01T14:00:00Z'),
    });
  });

  it('end where the rule ends', () => {
    const lastOnes = tickCounterOf(cron('0 0 0 1 1,2 * 2026'), 'A.run');
    expect(lastOnes.gap(at('2026-01-01T00:00:00Z'), at('2027-01-01T00:00:00Z'))).toEqual({
      last: at('2026-02-01T00:00:00Z'),
      missed: 1,
      next: undefined,
    });
    expect(lastOnes.first(at('2026-02-01T00:00:00Z'))).toBeUndefined();
  });

  it.each([
    ['* * * * * *', 'UTC', '2026-10-26T00:00:00.500Z', '2026-10-26T00:00:00Z', '2026-10-26T00:00:01Z'],
    // All but one of these ticks lie far behind, so the windows that look back must grow.
    ['*/5 0-11 1-20 10 *', 'UTC', '2027-03-01T00:00:00Z', '2026-10-20T11:55:00Z', '2027-10-01T00:00:00Z'],
    // The way back crosses the hour that is repeated.
    ['* * * * *', 'Europe/Berlin', '2026-10-25T01:10:30Z', '2026-10-25T01:10:00Z', '2026-10-25T01:11:00Z'],
  ])('stop being counted after a while, and the last is still found: %s', (expression, zone, now, last, next) => {
    const counter = tickCounterOf(cron(expression, zone), 'A.run');
    const first = counter.first(at('2026-09-30T00:00:00Z'))!;
    expect(counter.gap(first, at(now))).toEqual({ last: at(last), missed: MOST_MISSED, next: at(next) });
  });

  it('follow each other', () => {
    expect(hourly.following(at('2026-01-01T10:00:00Z'))).toBe(at('2026-01-01T11:00:00Z'));
  });

  it('are spread by the name where the expression has an H', () => {
    const firsts = ['a', 'b', 'c'].map((name) => tickCounterOf(cron('H H * * *'), name).first(0));
    expect(new Set(firsts).size).toBe(3);
  });

  it.each([
    ['few', 1, 5, [4, 5]],
    ['as many as asked for', 4, 5, [2, 3, 4, 5]],
    ['no more than there are', 9, 2, [0, 1, 2]],
  ])('give the newest of a gap: %s', (_, most, last, hours) => {
    const first = at('2026-01-01T10:00:00Z');
    const expected = hours.map((hour) => first + hour * HOUR).slice(-most);
    expect(hourly.newest(first, first + last * HOUR + 1, most)).toEqual(expected);
  });

  it('give the newest of a long gap', () => {
    const everySecond = tickCounterOf(cron('* * * * * *'), 'A.run');
    const now = at('2026-06-01T00:00:00Z');
    const newest = everySecond.newest(at('2026-01-01T00:00:00Z'), now, 100);
    expect(newest).toEqual(Array.from({ length: 100 }, (_, index) => now - (99 - index) * 1000));
  });
});

describe('the ticks of an interval', () => {
  const every = tickCounterOf({ rule: { kind: 'interval', everyMs: 1500 } }, 'A.run');

  it('begin one interval after now', () => {
    expect(every.first(10_000)).toBe(11_500);
  });

  it('keep the phase of the first over any gap', () => {
    expect(every.gap(11_500, 11_500)).toEqual({ last: 11_500, missed: 0, next: 13_000 });
    expect(every.gap(11_500, 12_999)).toEqual({ last: 11_500, missed: 0, next: 13_000 });
    expect(every.gap(11_500, 13_000)).toEqual({ last: 13_000, missed: 1, next: 14_500 });
    expect(every.gap(11_500, 11_500 + 1500 * 5000 + 1)).toEqual({
      last: 11_500 + 1500 * 5000,
      missed: MOST_MISSED,
      next: 11_500 + 1500 * 5001,
    });
  });

  it.each([0, -1, 999, 1000.5, Number.NaN, Infinity])('refuse %p', (everyMs) => {
    expect(() => tickCounterOf({ rule: { kind: 'interval', everyMs } }, 'A.run')).toThrow(InvalidValueError);
  });

  it('give the newest of a gap', () => {
    expect(every.newest(11_500, 16_100, 2)).toEqual([14_500, 16_000]);
    expect(every.newest(11_500, 16_100, 100)).toEqual([11_500, 13_000, 14_500, 16_000]);
  });

  it('count from startAt, before and after it', () => {
    const phased = tickCounterOf({ rule: { kind: 'interval', everyMs: 1500 }, startAt: 10_000 }, 'A.run');
    expect(phased.first(5000)).toBe(10_000);
    expect(phased.first(9999)).toBe(10_000);
    expect(phased.first(10_000)).toBe(11_500);
    expect(phased.first(12_000)).toBe(13_000);
  });
});

describe('one tick', () => {
  it('at an instant comes if it lies ahead', () => {
    const date = tickCounterOf({ rule: { kind: 'date', at: 5000 } }, 'A.run');
    expect(date.first(4999)).toBe(5000);
    expect(date.first(5000)).toBeUndefined();
    expect(date.following(5000)).toBeUndefined();
    expect(date.gap(5000, 9000)).toEqual({ last: 5000, missed: 0, next: undefined });
    expect(date.newest(5000, 9000, 10)).toEqual([5000]);
  });

  it('after a delay counts from now', () => {
    const delay = tickCounterOf({ rule: { kind: 'delay', delayMs: 700 } }, 'A.run');
    expect(delay.first(5000)).toBe(5700);
    expect(delay.gap(5700, 9000)).toEqual({ last: 5700, missed: 0, next: undefined });
  });
});

describe('ticks with bounds', () => {
  const startAt = at('2026-01-01T10:00:00Z');
  const endAt = at('2026-01-01T12:00:00Z');
  const bounded = tickCounterOf({ ...cron('0 * * * *'), startAt, endAt }, 'A.run');

  it('begin with a tick at startAt itself and end with one at endAt', () => {
    expect(bounded.first(startAt - 50 * HOUR)).toBe(startAt);
    expect(bounded.first(startAt)).toBe(startAt + HOUR);
    expect(bounded.following(startAt + HOUR)).toBe(endAt);
    expect(bounded.following(endAt)).toBeUndefined();
    expect(bounded.first(endAt)).toBeUndefined();
  });

  it('count only what lies within', () => {
    expect(bounded.gap(startAt, endAt + 50 * HOUR)).toEqual({ last: endAt, missed: 2, next: undefined });
    expect(bounded.newest(startAt, endAt + 50 * HOUR, 2)).toEqual([endAt - HOUR, endAt]);
  });

  it('may have none', () => {
    const early = tickCounterOf({ rule: { kind: 'date', at: 5000 }, startAt: 6000 }, 'A.run');
    expect(early.first(0)).toBeUndefined();
    const late = tickCounterOf({ rule: { kind: 'interval', everyMs: 1000 }, endAt: 5000 }, 'A.run');
    expect(late.first(4500)).toBeUndefined();
  });
});
