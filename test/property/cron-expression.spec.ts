import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { CronExpression } from '../../src/schedules/rule/cron-expression.js';
import { InvalidCronError } from '../../src/core/errors/option-errors.js';
import { offsetsOf, ticksByMinute, type MinuteRule } from '../support/minute-oracle.js';

/** Raise them for a thorough run, such as `CRON_RUNS=10000`. */
const RUNS = Number(process.env.CRON_RUNS ?? 40);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const TICKS = 60;

/** Zones and years that are hard in their own ways; the rest of the world is like Lisbon. */
const PLACES = [
  ...[2000, 2024, 2026].map((year) => ['Europe/Lisbon', year] as const),
  ...[2017, 2018].map((year) => ['America/Sao_Paulo', year] as const),
  ...[2019, 2022, 2026].map((year) => ['America/Santiago', year] as const),
  ...[2008, 2026].map((year) => ['Australia/Lord_Howe', year] as const),
  ...[2010, 2014, 2024, 2026].map((year) => ['Africa/Cairo', year] as const),
  ...[2011, 2012].map((year) => ['Pacific/Apia', year] as const),
  ...[2019, 2026].map((year) => ['Africa/Casablanca', year] as const),
  ['Asia/Kathmandu', 2026] as const,
  ['Antarctica/Troll', 2026] as const,
  ['America/New_York', 2026] as const,
  ['America/Havana', 2026] as const,
  // Clocks that jump over midnight.
  ['Asia/Pyongyang', 2018] as const,
  ...[2024, 2026].map((year) => ['America/Nuuk', year] as const),
];

interface Field {
  text: string;
  values: number[];
  any: boolean;
  /** It has a `*` or a step. */
  wild: boolean;
}

const range = (from: number, to: number, step = 1) =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);

function field(min: number, max: number): fc.Arbitrary<Field> {
  const number = fc.integer({ min, max });
  const pair = fc.tuple(number, number).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
  const list = fc.uniqueArray(number, { minLength: 1, maxLength: 4 });
  const step = fc.integer({ min: 2, max: Math.max(2, Math.floor((max - min) / 2)) });
  return fc.oneof(
    fc.constant<Field>({ text: '*', values: range(min, max), any: true, wild: true }),
    list.map((values) => ({ text: values.join(','), values, any: false, wild: false })),
    pair.map(([from, to]) => ({ text: `${from}-${to}`, values: range(from, to), any: false, wild: false })),
    step.map((every) => ({ text: `*/${every}`, values: range(min, max, every), any: false, wild: true })),
    fc.tuple(pair, step).map(([[from, to], every]) => ({
      text: `${from}-${to}/${every}`,
      values: range(from, to, every),
      any: false,
      wild: true,
    })),
  );
}

/** Hours around the changes of the clock, more often than the rest of the day. */
const nightHours = fc
  .uniqueArray(fc.constantFrom(0, 1, 2, 3, 23), { minLength: 1, maxLength: 3 })
  .map((values): Field => ({ text: values.join(','), values, any: false, wild: false }));
const hourField = fc.oneof(field(0, 23), nightHours);
const dayField = fc.oneof(fc.constant<Field>({ text: '*', values: range(1, 31), any: true, wild: true }), field(1, 31));
const monthField = fc.oneof({ weight: 3, arbitrary: fc.constant({ text: '*', values: range(1, 12) }) }, field(1, 12));
const weekdayField = fc.oneof(
  fc.constant<Field>({ text: '*', values: range(0, 6), any: true, wild: true }),
  field(0, 6),
);
const expressions = fc.tuple(field(0, 59), hourField, dayField, monthField, weekdayField);

const offsetTables = new Map<string, ReturnType<typeof offsetsOf>>();
function offsetsFor(timeZone: string, from: number, to: number) {
  const key = `${timeZone} ${from}`;
  const table = offsetTables.get(key) ?? offsetsOf(timeZone, from, to);
  offsetTables.set(key, table);
  return table;
}

describe('a cron expression', () => {
  it(
    'ticks when a look at every minute says so',
    () => {
      fc.assert(
        fc.property(
          expressions,
          fc.constantFrom(...PLACES),
          fc.nat(364),
          ([minute, hour, day, month, weekday], place, start) => {
            // A step in day or weekday is a restriction to croner and to us; Vixie cron would take `*/2` for a star.
            const rule: MinuteRule = {
              minutes: new Set(minute.values),
              hours: new Set(hour.values),
              days: new Set(day.values),
              months: new Set(month.values),
              weekdays: new Set(weekday.values),
              anyDay: day.any,
              anyWeekday: weekday.any,
              fixed: !minute.wild && !hour.wild,
            };
            const text = [minute, hour, day, month, weekday].map((each) => each.text).join(' ');
            const [timeZone, year] = place;
            let cron: CronExpression;
            try {
              cron = CronExpression.parse(text, timeZone);
            } catch (error) {
              // Only a date that no year has: the oracle finds nothing either.
              expect(error).toBeInstanceOf(InvalidCronError);
              const leapYear = Date.UTC(2024, 0, 1);
              expect(ticksByMinute(rule, [{ from: leapYear, offsetMs: 0 }], leapYear, leapYear + 366 * DAY, 1)).toEqual(
                [],
              );
              return;
            }
            const begin = Date.UTC(year, 0, 1);
            const end = Date.UTC(year + 1, 0, 1);
            const offsets = offsetsFor(timeZone, begin, end);
            const starts = [begin + start * DAY, ...offsets.slice(1).map(({ from }) => from - 26 * HOUR)];
            for (const from of starts) {
              const expected = ticksByMinute(rule, offsets, from, end, TICKS);
              const actual: number[] = [];
              let tick = cron.nextTick(from - 1);
              while (tick !== undefined && tick < end && actual.length < TICKS) {
                actual.push(tick);
                tick = cron.nextTick(tick);
              }
              const readable = (ticks: number[]) => ticks.map((at) => new Date(at).toISOString());
              expect({ text, timeZone, ticks: readable(actual) }).toEqual({
                text,
                timeZone,
                ticks: readable(expected),
              });
            }
          },
        ),
        { numRuns: RUNS },
      );
    },
    20_000 + RUNS * 1000,
  );

  it('is either refused with a typed error or computes, whatever the text is', () => {
    const characters = fc.constantFrom(...'0123456789*/,-?LW#+@ MONFEB'.split(''));
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: characters, maxLength: 30 })), (text) => {
        try {
          const tick = CronExpression.parse(text, 'Europe/Lisbon').nextTick(Date.UTC(2026, 0, 1));
          expect(tick === undefined || tick > Date.UTC(2026, 0, 1)).toBe(true);
        } catch (error) {
          if (!(error instanceof InvalidCronError)) throw error;
          expect(error.message.length).toBeLessThan(600);
        }
      }),
      { numRuns: RUNS * 10 },
    );
  });
});
