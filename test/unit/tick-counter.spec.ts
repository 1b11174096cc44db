import { describe, expect, it } from '@jest/globals';
import { InvalidCronError, InvalidValueError } from '../../src/core/errors.js';
import type { ScheduleRule } from '../../src/core/schedule-declaration.js';
import { MOST_MISSED, tickCounterOf } from '../../src/scheduler/tick-counter.js';

const at = (text: string) => Date.parse(text);
const cron = (expression: string, timeZone = 'UTC'): ScheduleRule => ({ kind: 'cron', expression, timeZone });

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

  it('name their method in an error', () => {
    expect(() => tickCounterOf(cron('x * * * *'), 'MailService.send')).toThrow(InvalidCronError);
    expect(() => tickCounterOf(cron('x * * * *'), 'MailService.send')).toThrow(/MailService\.send/);
  });
});

describe('the ticks of an interval', () => {
  const every = tickCounterOf({ kind: 'interval', everyMs: 1500 }, 'A.run');

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
    expect(() => tickCounterOf({ kind: 'interval', everyMs }, 'A.run')).toThrow(InvalidValueError);
  });
});
