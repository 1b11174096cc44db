import { describe, expect, it } from '@jest/globals';
import { CronExpression } from '../../src/schedules/rule/cron-expression.js';
import { InvalidValueError, UnknownOptionError } from '../../src/core/errors/option-errors.js';
import { every, type EveryOptions } from '../../src/schedules/rule/every.js';

describe('every()', () => {
  it.each<[string, EveryOptions | undefined, string]>([
    ['1 second', undefined, '* * * * * *'],
    ['10 seconds', undefined, '*/10 * * * * *'],
    ['1 minute', undefined, '* * * * *'],
    ['15 minutes', undefined, '*/15 * * * *'],
    [' 15Minutes ', undefined, '*/15 * * * *'],
    ['1 hour', undefined, '0 * * * *'],
    ['6 hours', { at: ':15' }, '15 */6 * * *'],
    ['1 day', undefined, '0 0 * * *'],
    ['1 day', { at: '12:00' }, '0 12 * * *'],
    ['1 day', { at: '9:05' }, '5 9 * * *'],
    ['1 week', undefined, '0 0 * * 1'],
    ['1 week', { on: 'sunday', at: '23:59' }, '59 23 * * 0'],
    ['1 week', { on: ['thursday', 'monday', 'monday'], at: '09:30' }, '30 9 * * 1,4'],
    ['1 month', undefined, '0 0 1 * *'],
    ['3 months', { on: 15, at: '06:00' }, '0 6 15 */3 *'],
    ['1 month', { on: 'last' }, '0 0 L * *'],
  ])('%p with %j is %s', (period, options, expression) => {
    expect(every(period, options)).toBe(expression);
    expect(CronExpression.parse(expression).nextTick(0)).toBeGreaterThan(0);
  });

  it.each<[string, string]>([
    ['7 minutes', "use one of 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, or @Interval('7 minutes')"],
    ['90 minutes', "@Interval('90 minutes')"],
    ['60 minutes', 'Say "1 hour"'],
    ['24 hours', 'Say "1 day"'],
    ['12 months', 'Say "1 year"'],
    ['5 months', 'use one of 1, 2, 3, 4, 6'],
    ['2 days', "@Interval('2 days')"],
    ['2 weeks', 'use "1 week"'],
    ['0 minutes', 'use one of'],
    ['1 munite', 'Did you mean "minute"'],
    ['daily', 'Use a number and a unit'],
    ['1.5 hours', 'Use a number and a unit'],
    ['', 'Use a number and a unit'],
  ])('refuses %p and names the remedy', (period, words) => {
    expect(() => every(period)).toThrow(InvalidValueError);
    expect(() => every(period)).toThrow(words);
  });

  it.each<[string, object, string]>([
    ['1 day', { at: '24:00' }, '"23:59"'],
    ['1 day', { at: 12 }, '"23:59"'],
    ['1 day', { at: 'noon' }, '"23:59"'],
    ['1 hour', { at: '12:00' }, '":59"'],
    ['1 hour', { at: ':60' }, '":59"'],
    ['5 minutes', { at: ':00' }, 'Use it with hours'],
    ['1 day', { on: 'monday' }, 'weeks and months'],
    ['1 week', { on: 'mondey' }, 'Did you mean "monday"'],
    ['1 week', { on: 3 }, 'use weekdays'],
    ['1 week', { on: [] }, 'at least one'],
    ['1 month', { on: 31 }, '"last"'],
    ['1 month', { on: 'monday' }, '"last"'],
  ])('refuses %p with %j', (period, options, words) => {
    expect(() => every(period, options as EveryOptions)).toThrow(InvalidValueError);
    expect(() => every(period, options as EveryOptions)).toThrow(words);
  });

  it('knows no other options', () => {
    expect(() => every('1 day', { time: '12:00' } as EveryOptions)).toThrow(UnknownOptionError);
    expect(() => every('1 day', '12:00' as never)).toThrow(InvalidValueError);
  });
});
