import { describe, expect, it } from '@jest/globals';
import { InvalidCronError, InvalidValueError } from '../../src/core/errors/option-errors.js';
import {
  readScheduleTiming,
  type ScheduleTimingOptions,
  type TickSource,
} from '../../src/schedules/rule/timing-reader.js';

const read = (source: TickSource, options: ScheduleTimingOptions = {}) =>
  readScheduleTiming(source, options, 'digest', '@Cron on MailService.digest');
const daily: TickSource = { cron: '0 12 * * *' };

describe('the timing of a schedule', () => {
  it('has defaults', () => {
    expect(read(daily)).toEqual({
      rule: { kind: 'cron', expression: '0 12 * * *', timeZone: 'UTC' },
      missed: 'once',
      overlap: 'allow',
      jitterMs: 0,
      pauseOnFailure: false,
    });
    expect(read({ every: '5m' }).missed).toBe('skip');
    expect(read({ at: 5 }).missed).toBe('once');
  });

  it('takes every option', () => {
    const options: ScheduleTimingOptions = {
      timeZone: 'Europe/Berlin',
      missed: 'all',
      window: '2h',
      overlap: 'queue-one',
      jitter: '30s',
      startAt: '2026-01-01T00:00:00+01:00',
      endAt: new Date('2026-12-31T00:00:00Z'),
      limit: 10,
      pauseOnFailure: true,
    };
    expect(read({ cron: 'H 12 * * *' }, options)).toEqual({
      rule: { kind: 'cron', expression: 'H 12 * * *', timeZone: 'Europe/Berlin' },
      missed: 'all',
      windowMs: 7_200_000,
      overlap: 'queue-one',
      jitterMs: 30_000,
      startAt: Date.parse('2025-12-31T23:00:00Z'),
      endAt: Date.parse('2026-12-31T00:00:00Z'),
      limit: 10,
      pauseOnFailure: true,
    });
  });

  it.each<[TickSource, object]>([
    [{ cron: new Date(5000) }, { kind: 'date', at: 5000 }],
    [{ at: '2026-12-31' }, { kind: 'date', at: Date.UTC(2026, 11, 31) }],
    [{ at: '2026-12-31T18:00Z' }, { kind: 'date', at: Date.UTC(2026, 11, 31, 18) }],
    [{ every: '90s' }, { kind: 'interval', everyMs: 90_000 }],
    [{ every: 1000 }, { kind: 'interval', everyMs: 1000 }],
    [{ after: '5m' }, { kind: 'delay', delayMs: 300_000 }],
    [{ after: 0 }, { kind: 'delay', delayMs: 0 }],
  ])('reads %j', (source, rule) => {
    expect(read(source).rule).toEqual(rule);
  });

  it('needs no zone for a Date, and takes one', () => {
    expect(read({ cron: new Date(5000) }, { timeZone: 'Europe/Berlin' }).rule).toEqual({ kind: 'date', at: 5000 });
  });

  it.each<[number | string, string]>([
    [120, '+02:00'],
    [-210, '-03:30'],
    [0, 'UTC'],
    ['+02:00', '+02:00'],
    ['-0330', '-03:30'],
    ['+5:45', '+05:45'],
    ['+00:00', 'UTC'],
    ['+14:00', '+14:00'],
  ])('takes utcOffset %p for %s', (utcOffset, timeZone) => {
    expect(read(daily, { utcOffset }).rule).toMatchObject({ timeZone });
  });

  it.each<[boolean, ScheduleTimingOptions['overlap'], string]>([
    [true, undefined, 'skip'],
    [false, undefined, 'allow'],
    [true, 'skip', 'skip'],
    [false, 'allow', 'allow'],
  ])('takes waitForCompletion: %p beside overlap %p', (waitForCompletion, overlap, expected) => {
    expect(read(daily, { waitForCompletion, overlap }).overlap).toBe(expected);
  });
});

describe('a timing that cannot be used', () => {
  it.each<[string, TickSource, object, string]>([
    ['two zones', daily, { timeZone: 'UTC', utcOffset: 60 }, 'either timeZone or utcOffset'],
    ['an offset as a zone', daily, { timeZone: '+02:00' }, 'Say { utcOffset: "+02:00" }'],
    ['an unknown zone', daily, { timeZone: 'Europe/Berln' }, 'Did you mean "Europe/Berlin"'],
    ['hours for minutes', daily, { utcOffset: 2 }, 'use minutes from -720 to 840'],
    ['a far offset', daily, { utcOffset: 900 }, 'use minutes from -720 to 840'],
    ['a strange offset', daily, { utcOffset: '+02:75' }, 'use minutes from -720 to 840'],
    ['a zone of an interval', { every: '1m' }, { timeZone: 'UTC' }, 'cron expression alone'],
    ['an offset of an instant', { at: 5 }, { utcOffset: 60 }, 'cron expression alone'],
    ['a missed rule', daily, { missed: 'al' }, 'Did you mean "all"'],
    ['an overlap', daily, { overlap: 'queue' }, 'use one of: allow, skip, queue-one'],
    ['two overlaps', daily, { overlap: 'queue-one', waitForCompletion: true }, 'pass either it or waitForCompletion'],
    [
      'an overlap that does not wait',
      daily,
      { overlap: 'skip', waitForCompletion: false },
      'pass either it or waitForCompletion',
    ],
    ['a short window', daily, { window: 500 }, 'use at least 1000 ms'],
    ['a negative jitter', daily, { jitter: -1 }, 'a duration is'],
    ['a local time', daily, { startAt: '2026-01-01T00:00' }, 'with Z or an offset'],
    ['no instant', daily, { endAt: 'tomorrow' }, 'with Z or an offset'],
    ['an end before the start', daily, { startAt: 2000, endAt: 1999 }, 'not before startAt'],
    ['a limit of nothing', daily, { limit: 0 }, 'whole number from 1'],
    ['pauseOnFailure', daily, { pauseOnFailure: 1 }, 'true or false'],
    ['no interval', { every: 0 }, {}, 'use at least 1000 ms'],
    ['a negative interval', { every: -5000 }, {}, 'a duration is'],
    ['a missing interval', { every: undefined as never }, {}, 'use at least "1s"'],
    ['a start of a timeout', { after: '1s' }, { startAt: 5000 }, 'counts from its registration'],
  ])('%s is named with its place', (_, source, options, words) => {
    const act = () => read(source, options);
    expect(act).toThrow(InvalidValueError);
    expect(act).toThrow(new RegExp(escape(words), 'i'));
    expect(act).toThrow('@Cron on MailService.digest');
  });

  it('names field and position of an expression', () => {
    expect(() => read({ cron: '0 25 * * *' })).toThrow(InvalidCronError);
    expect(() => read({ cron: '0 25 * * *' })).toThrow(/cron expression in @Cron on MailService.digest.*"hour"/);
    expect(() => read({ cron: undefined as never })).toThrow(InvalidCronError);
    expect(() => read({ cron: new Date('x') })).toThrow(InvalidCronError);
  });
});

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
