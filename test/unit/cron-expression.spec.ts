import { describe, expect, it } from '@jest/globals';
import { CronExpression } from '../../src/schedules/rule/cron-expression.js';
import { InvalidCronError, InvalidValueError } from '../../src/core/errors/option-errors.js';

const iso = (ms: number | undefined) =>
  ms === undefined ? undefined : new Date(ms).toISOString().replace('.000Z', 'Z');

/** The first ticks after an instant. */
function ticks(expression: string, timeZone: string, after: string, count: number): (string | undefined)[] {
  const cron = CronExpression.parse(expression, timeZone);
  const found: (string | undefined)[] = [];
  let at: number | undefined = Date.parse(after);
  while (found.length < count && at !== undefined) {
    at = cron.nextTick(at);
    found.push(iso(at));
  }
  return found;
}

function refusalOf(expression: unknown, timeZone?: string, spreadBy?: string): InvalidCronError {
  try {
    CronExpression.parse(expression as string, timeZone, 'cron expression', spreadBy);
  } catch (error) {
    if (error instanceof InvalidCronError) return error;
    throw error;
  }
  throw new Error(`${String(expression)} was not refused`);
}

describe('a cron expression', () => {
  it.each([
    ['five fields', '30 9 * * 1-5', '2026-01-02T10:00:00Z', '2026-01-05T09:30:00Z'],
    ['six fields, second first', '15 30 9 * * *', '2026-01-02T10:00:00Z', '2026-01-03T09:30:15Z'],
    ['seven fields, year last', '0 0 0 1 1 * 2030', '2026-01-02T10:00:00Z', '2030-01-01T00:00:00Z'],
    ['names', '0 0 * FEB MON', '2026-01-02T10:00:00Z', '2026-02-02T00:00:00Z'],
    ['a nickname', '@daily', '2026-01-02T10:00:00Z', '2026-01-03T00:00:00Z'],
    ['a nickname in capitals', ' @MONTHLY ', '2026-01-02T10:00:00Z', '2026-02-01T00:00:00Z'],
    ['the last day of the month', '0 0 L * *', '2026-02-02T10:00:00Z', '2026-02-28T00:00:00Z'],
    ['the last Friday', '0 0 * * 5L', '2026-01-02T10:00:00Z', '2026-01-30T00:00:00Z'],
    ['the working day nearest to the 15th', '0 0 15W * *', '2026-02-02T10:00:00Z', '2026-02-16T00:00:00Z'],
    ['the second Friday', '0 0 * * FRI#2', '2026-01-02T10:00:00Z', '2026-01-09T00:00:00Z'],
    ['Sunday as 7', '0 0 * * 7', '2026-01-02T10:00:00Z', '2026-01-04T00:00:00Z'],
    ['a day of month or a day of week', '0 0 13 * FRI', '2026-01-02T10:00:00Z', '2026-01-09T00:00:00Z'],
    ['months without a 31st', '0 0 31 * *', '2026-01-31T00:00:00Z', '2026-03-31T00:00:00Z'],
    ['29 February', '0 0 29 2 *', '2026-01-02T10:00:00Z', '2028-02-29T00:00:00Z'],
    ['29 February over a century that has none', '0 0 29 2 *', '2096-03-01T00:00:00Z', '2104-02-29T00:00:00Z'],
    ['many spaces', '  0   0  1\t1 * ', '2026-01-02T10:00:00Z', '2027-01-01T00:00:00Z'],
  ])('reads %s', (_, expression, after, next) => {
    expect(ticks(expression, 'UTC', after, 1)).toEqual([next]);
  });

  it('ticks later than the given instant, never at it', () => {
    const minutely = CronExpression.parse('* * * * *');
    expect(iso(minutely.nextTick(Date.parse('2026-01-01T00:01:00.000Z')))).toBe('2026-01-01T00:02:00Z');
    expect(iso(minutely.nextTick(Date.parse('2026-01-01T00:00:59.999Z')))).toBe('2026-01-01T00:01:00Z');
    expect(iso(minutely.nextTick(Date.parse('2026-01-01T00:01:00.001Z')))).toBe('2026-01-01T00:02:00Z');
  });

  it('knows when no tick is left', () => {
    expect(CronExpression.parse('0 0 0 1 1 * 2020').nextTick(Date.parse('2026-01-01T00:00:00Z'))).toBeUndefined();
  });
});

describe('a cron expression when the clock changes', () => {
  it.each([
    // A fixed time inside the gap ticks once, right after it.
    [
      'Berlin, spring',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-03-28T12:00:00Z',
      ['2026-03-29T01:00:00Z', '2026-03-30T00:30:00Z'],
    ],
    [
      'Lisbon, spring',
      '30 1 * * *',
      'Europe/Lisbon',
      '2026-03-28T12:00:00Z',
      ['2026-03-29T01:00:00Z', '2026-03-30T00:30:00Z'],
    ],
    [
      'a gap at midnight in Sao Paulo',
      '0 0 * * *',
      'America/Sao_Paulo',
      '2018-11-03T12:00:00Z',
      ['2018-11-04T03:00:00Z', '2018-11-05T02:00:00Z'],
    ],
    [
      'a gap at midnight in Cairo',
      '15 0 * * *',
      'Africa/Cairo',
      '2026-04-23T12:00:00Z',
      ['2026-04-23T22:00:00Z', '2026-04-24T21:15:00Z'],
    ],
    [
      'a gap up to midnight in Nuuk',
      '30 23 * * *',
      'America/Nuuk',
      '2026-03-27T12:00:00Z',
      ['2026-03-28T01:30:00Z', '2026-03-29T01:00:00Z', '2026-03-30T00:30:00Z'],
    ],
    [
      'a gap up to midnight in Nuuk, of one date alone',
      '30 23 28 3 *',
      'America/Nuuk',
      '2025-05-01T00:00:00Z',
      ['2026-03-29T01:00:00Z', '2027-03-29T00:30:00Z'],
    ],
    [
      'half an hour up to midnight in Pyongyang',
      '55-56 22,23 * * *',
      'Asia/Pyongyang',
      '2018-05-04T12:00:00Z',
      ['2018-05-04T14:25:00Z', '2018-05-04T14:26:00Z', '2018-05-04T15:00:00Z', '2018-05-05T13:55:00Z'],
    ],
    [
      'half an hour in Lord Howe',
      '15 2 * * *',
      'Australia/Lord_Howe',
      '2026-10-02T23:00:00Z',
      ['2026-10-03T15:30:00Z', '2026-10-04T15:15:00Z'],
    ],
    [
      'one date alone',
      '30 2 29 3 *',
      'Europe/Berlin',
      '2026-01-01T00:00:00Z',
      ['2026-03-29T01:00:00Z', '2027-03-29T00:30:00Z'],
    ],
    [
      'two times that meet right after the gap',
      '0 2,3 * * *',
      'Europe/Berlin',
      '2026-03-28T12:00:00Z',
      ['2026-03-29T01:00:00Z', '2026-03-30T00:00:00Z', '2026-03-30T01:00:00Z'],
    ],
    // A fixed time in the repeated hour ticks once, at its first occurrence.
    [
      'Berlin, autumn',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-10-24T12:00:00Z',
      ['2026-10-25T00:30:00Z', '2026-10-26T01:30:00Z'],
    ],
    [
      'a list in autumn',
      '30 2,14 * * *',
      'Europe/Berlin',
      '2026-10-24T13:00:00Z',
      ['2026-10-25T00:30:00Z', '2026-10-25T13:30:00Z', '2026-10-26T01:30:00Z'],
    ],
    [
      'Sao Paulo, midnight comes twice',
      '30 23 * * *',
      'America/Sao_Paulo',
      '2018-02-17T12:00:00Z',
      ['2018-02-18T01:30:00Z', '2018-02-19T02:30:00Z'],
    ],
    [
      'Lord Howe, autumn',
      '45 1 * * *',
      'Australia/Lord_Howe',
      '2026-04-04T12:00:00Z',
      ['2026-04-04T14:45:00Z', '2026-04-05T15:15:00Z'],
    ],
    // Wildcards and steps follow elapsed time.
    [
      'every half hour, autumn',
      '*/30 * * * *',
      'Europe/Berlin',
      '2026-10-25T00:00:00Z',
      ['2026-10-25T00:30:00Z', '2026-10-25T01:00:00Z', '2026-10-25T01:30:00Z', '2026-10-25T02:00:00Z'],
    ],
    [
      'every half hour, spring',
      '*/30 * * * *',
      'Europe/Berlin',
      '2026-03-29T00:00:00Z',
      ['2026-03-29T00:30:00Z', '2026-03-29T01:00:00Z', '2026-03-29T01:30:00Z'],
    ],
    [
      'EVERY_HOUR of @nestjs/schedule',
      '0 0-23/1 * * *',
      'Europe/Berlin',
      '2026-10-24T23:00:00Z',
      ['2026-10-25T00:00:00Z', '2026-10-25T01:00:00Z', '2026-10-25T02:00:00Z'],
    ],
    // A day that a country skipped has no ticks.
    [
      'Apia without 30 December 2011, noon',
      '0 12 * * *',
      'Pacific/Apia',
      '2011-12-29T12:00:00Z',
      ['2011-12-29T22:00:00Z', '2011-12-30T22:00:00Z'],
    ],
    [
      'Apia, midnight',
      '0 0 * * *',
      'Pacific/Apia',
      '2011-12-28T12:00:00Z',
      ['2011-12-29T10:00:00Z', '2011-12-30T10:00:00Z', '2011-12-31T10:00:00Z'],
    ],
    ['Apia, only that day', '0 0 30 12 *', 'Pacific/Apia', '2011-11-01T00:00:00Z', ['2012-12-29T10:00:00Z']],
    // Offsets that are no whole hours.
    [
      'Kathmandu',
      '0 12 * * *',
      'Asia/Kathmandu',
      '2026-01-01T00:00:00Z',
      ['2026-01-01T06:15:00Z', '2026-01-02T06:15:00Z'],
    ],
  ])('%s: %s', (_, expression, timeZone, after, expected) => {
    expect(ticks(expression, timeZone, after, expected.length)).toEqual(expected);
  });
});

describe('a cron expression that cannot be used', () => {
  it.each([
    ['60 * * * *', 'minute', 1],
    ['* 24 * * *', 'hour', 3],
    ['0 0 32 * *', 'day of month', 5],
    ['0 0 1,5,32 * *', 'day of month', 9],
    ['0 0 * FOO *', 'month', 7],
    ['0 0 * * 8', 'day of week', 9],
    ['0  0 * *  MON-XYZ', 'day of week', 11],
    ['99 * * * * *', 'second', 1],
    ['0 0 0 * * * 20x6', 'year', 13],
    ['0 0 0 29 2 +MON 2001-9999/2', 'year', 22],
    ['*/0 * * * *', 'minute', 1],
    ['5-1 * * * *', 'minute', 1],
    ['1/5 * * * *', 'minute', 1],
    ['0 0 * * MON#6', 'day of week', 9],
  ])('%s names field and position', (expression, field, position) => {
    const error = refusalOf(expression);
    expect(error).toMatchObject({ code: 'TASK_QUEUE_INVALID_CRON', value: expression, place: { field, position } });
    expect(error.message).toContain(`field "${field}"`);
    expect(error.message).toContain(`at character ${position}`);
  });

  it.each([
    // The remedy is an expression: it ticks as the range was meant to.
    ['0 22-2 * * *', 'hour', 'write 22-23,0-2', '0 22,23,0,1,2 * * *'],
    ['0 23-0 * * *', 'hour', 'write 23,0', '0 23,0 * * *'],
    ['50-10 * * * *', 'minute', 'write 50-59,0-10', '50-59,0,1,2,3,4,5,6,7,8,9,10 * * * *'],
    ['55-5/5 * * * *', 'minute', 'write 55,0,5', '55,0,5 * * * *'],
    ['0 22-2/2 * * *', 'hour', 'write 22,0,2', '0 22,0,2 * * *'],
    ['0 0 * * FRI-MON', 'day of week', 'write FRI-SAT,SUN-MON', '0 0 * * 5,6,0,1'],
    ['0 0 * * SAT-SUN', 'day of week', 'write SAT,SUN', '0 0 * * 6,0'],
    ['0 0 * * 6-1', 'day of week', 'write 6,0-1', '0 0 * * 6,0,1'],
    ['0 0 * * 7-2', 'day of week', 'write 0-2', '0 0 * * 0,1,2'],
    ['0 0 1 NOV-FEB *', 'month', 'write NOV-DEC,JAN-FEB', '0 0 1 11,12,1,2 *'],
    ['0 0 1 dec-jan *', 'month', 'write DEC,JAN', '0 0 1 12,1 *'],
    ['0 0 28-3 * *', 'day of month', 'write 28-31,1-3', '0 0 28,29,30,31,1,2,3 * *'],
    ['1/5 * * * *', 'minute', 'write 1-59/5', '1,6,11,16,21,26,31,36,41,46,51,56 * * * *'],
    ['0 0 * * Monday', 'day of week', 'write MON', '0 0 * * 1'],
    ['0 0 * * monday-FRI', 'day of week', 'write MON', undefined],
    ['0 0 1 september *', 'month', 'write SEP', '0 0 1 9 *'],
    ['0 9-17 * * 1\u20135', 'day of week', 'write a plain hyphen: 1-5', undefined],
  ])('%s says what to write', (expression, field, remedy, meant) => {
    const error = refusalOf(expression);
    expect(error.place?.field).toBe(field);
    expect(error.message).toContain(remedy);
    if (meant === undefined) return;
    const better = expression
      .split(' ')
      .map((part) => (part === faulty(expression, error) ? remedy.slice(6) : part))
      .join(' ');
    const from = '2026-01-01T00:00:30Z';
    expect(ticks(better, 'UTC', from, 40)).toEqual(ticks(meant, 'UTC', from, 40));
  });

  /** The field at fault, as it was written. */
  function faulty(expression: string, { place }: InvalidCronError): string {
    return expression.slice((place?.position ?? 1) - 1).split(' ')[0];
  }

  it.each([
    ['0 0 1 13 *', 'month', '13 is not within 1-12 or JAN-DEC'],
    ['0 0 1 0 *', 'month', '0 is not within 1-12'],
    ['0 0 0 * *', 'day of month', '0 is not within 1-31'],
    ['60 * * * *', 'minute', '60 is not within 0-59'],
    ['60 * * * * *', 'second', '60 is not within 0-59'],
    ['0 24 * * *', 'hour', '24 is not within 0-23; midnight is 0'],
    ['0 0 * * 8', 'day of week', '8 is not within 0-7 (0 and 7 are Sunday) or SUN-SAT'],
    ['1, * * * *', 'minute', 'an entry of the list is missing: remove the comma'],
    ['1, 2 * * * *', 'second', 'write lists without spaces'],
    [',1 * * * *', 'minute', 'an entry of the list is missing'],
    ['1,,2 * * * *', 'minute', 'an entry of the list is missing'],
    ['*/0 * * * *', 'minute', 'use a step of 1 or more'],
    ['*/-5 * * * *', 'minute', 'use a step of 1 or more'],
    ['*/ * * * *', 'minute', 'use a step of 1 or more'],
    ['*/x * * * *', 'minute', 'use a step of 1 or more'],
    ['*/90 * * * *', 'minute', 'the step is larger than the field, which takes 0-59'],
    ['*/5/2 * * * *', 'minute', 'use one step'],
    ['-1 * * * *', 'minute', 'there are no negative values: use 0-59'],
    ['5- * * * *', 'minute', 'use a range such as 0-59'],
    ['1-2-3 * * * *', 'minute', 'use a range such as 0-59'],
    ['0 0 MON * *', 'day of month', 'MON is a day of week; this field takes 1-31'],
    ['0 0 * MON *', 'month', 'MON is a day of week; this field takes 1-12 or JAN-DEC'],
    ['0 0 * * JAN', 'day of week', 'JAN is a month'],
    ['0 0 * * MOM', 'day of week', 'did you mean MON?'],
    ['0 0 * * MON#6', 'day of week', 'use MON#1 to MON#5'],
    ['0 0 * * MON#', 'day of week', 'use MON#1 to MON#5'],
    ['a * * * *', 'minute', 'use 0-59'],
    ['5.5 * * * *', 'minute', 'use 0-59'],
  ])('%s is told in the terms of the field', (expression, field, words) => {
    const error = refusalOf(expression);
    expect(error).toMatchObject({ code: 'TASK_QUEUE_INVALID_CRON', place: { field } });
    expect(error.message.toLowerCase()).toContain(words.toLowerCase());
    expect(error.message).not.toMatch(/croner|CronPattern/);
  });

  it.each([
    '0 0 L * *',
    '0 0 15W * *',
    '0 0 * * 5L',
    '0 0 * * FRI#2',
    '0 0 ? * mon-fri',
    '0 0 1 jul,aug *',
    '0 0 * * 0-7',
    '0 0 * * wed',
    '59 23 31 12 7',
    '0 0 * * +MON',
    '@Hourly',
    '*/59 * * * *',
    'H H * * *',
  ])('%s is none of them', (expression) => {
    expect(CronExpression.parse(expression, 'UTC', 'cron expression', 'x').nextTick(0)).toBeGreaterThan(0);
  });

  it.each([
    ['@every 5m', 'Use @Interval'],
    ['', 'It has 0 fields'],
    ['* * * *', 'It has 4 fields'],
    ['* * * * * * * *', 'It has 8 fields'],
    ['2026-05-01T00:00:00Z', 'It has 1 fields'],
    ['@dayly', 'Did you mean "@daily"'],
    ['@reboot', 'Known nicknames'],
    [undefined, 'Use a text'],
    [42, 'Use a text'],
    [{}, 'Use a text'],
  ])('%p says what is wrong', (expression, words) => {
    expect(refusalOf(expression).message).toContain(words);
  });

  it.each([
    '0 0 30 2 *',
    '0 0 31 2,4,6,9,11 *',
    '0 0 30W 2 *',
    '0 0 0 29 2 * 2027',
    '0 0 0 30 2 * 1970-2199',
    '* * * 30 * +SUN#1,MON#1',
    '0 0 31 4 +1',
  ])('%s never ticks', (expression) => {
    expect(refusalOf(expression).message).toContain('never tick');
  });

  it('is refused unread when it is too long', () => {
    const long = `${'1,'.repeat(5000)}1 * * * *`;
    const error = refusalOf(long);
    expect(error.message).toContain('at most 256 characters');
    expect(error.message.length).toBeLessThan(250);
  });

  it('says whose it is', () => {
    expect(() => CronExpression.parse('x', 'UTC', 'cron expression of DigestService.run')).toThrow(
      /^Invalid cron expression of DigestService\.run: "x"/,
    );
  });
});

describe('a time zone', () => {
  it.each(['Europe/Berlin', 'UTC', 'Etc/GMT+3', 'America/Argentina/Buenos_Aires'])('%s is known', (timeZone) => {
    expect(CronExpression.parse('0 0 * * *', timeZone).timeZone).toBe(timeZone);
  });

  it.each(['Mars/Base', '', '+2:00', '+02:00\n', 'Europe/Berlin\n', 'x'.repeat(300)])('%p is not', (timeZone) => {
    expect(() => CronExpression.parse('0 0 * * *', timeZone)).toThrow(InvalidValueError);
  });

  it.each([
    ['+02:00', '0 12 * * *', '2026-03-28T23:00:00Z', '2026-03-29T10:00:00Z'],
    ['-03:30', '0 0 1 * *', '2026-01-15T00:00:00Z', '2026-02-01T03:30:00Z'],
    ['+05:45', '30 9 * * MON', '2026-01-04T20:00:00Z', '2026-01-05T03:45:00Z'],
  ])('may be an offset without summer time: %s', (timeZone, expression, after, next) => {
    expect(ticks(expression, timeZone, after, 1)).toEqual([next]);
  });

  it('is suggested for a mistyped one', () => {
    expect(() => CronExpression.parse('0 0 * * *', 'Europe/Berln')).toThrow(/Did you mean "Europe\/Berlin"/);
  });
});

describe('H in a cron expression', () => {
  const YEAR_START = Date.UTC(2026, 0, 1) - 1;
  const first = (expression: string, name: string) => {
    const tick = CronExpression.parse(expression, 'UTC', 'cron expression', name).nextTick(YEAR_START);
    return new Date(tick!);
  };
  const names = Array.from({ length: 500 }, (_, number) => `report-${number}`);

  it('gives a name the same tick always, and names different ones', () => {
    expect(first('H H * * *', 'report-1')).toEqual(first('H H * * *', 'report-1'));
    const minutes = new Set(names.map((name) => first('H * * * *', name).getUTCMinutes()));
    expect(minutes.size).toBe(60);
    // Minute and hour of a name do not depend on each other.
    const times = new Set(names.map((name) => first('H H * * *', name).getTime()));
    expect(times.size).toBeGreaterThan(350);
  });

  it('spreads evenly', () => {
    const counts = new Map<number, number>();
    for (const name of names) {
      const sixth = Math.floor(first('H * * * *', name).getUTCMinutes() / 10);
      counts.set(sixth, (counts.get(sixth) ?? 0) + 1);
    }
    expect(Math.min(...counts.values())).toBeGreaterThan(500 / 6 / 2);
    expect(Math.max(...counts.values())).toBeLessThan((500 / 6) * 2);
  });

  it.each<[string, (date: Date) => boolean]>([
    ['H(0-29) * * * *', (date) => date.getUTCMinutes() < 30],
    ['H H(1-4) * * *', (date) => date.getUTCHours() >= 1 && date.getUTCHours() <= 4],
    ['0 0 H * *', (date) => date.getUTCDate() <= 28],
    ['0 0 H(29-31) 1 *', (date) => date.getUTCDate() >= 29],
    ['0 0 1 H *', (date) => date.getUTCDate() === 1],
    ['H 0 0 * * *', (date) => date.getUTCHours() === 0 && date.getUTCMinutes() === 0],
    ['0 0 * * H(1-5)', (date) => date.getUTCDay() >= 1 && date.getUTCDay() <= 5],
    ['H(5-5) * * * *', (date) => date.getUTCMinutes() === 5],
  ])('stays within its field and range: %s', (expression, isWithin) => {
    for (const name of names.slice(0, 50)) expect(isWithin(first(expression, name))).toBe(true);
  });

  it('keeps a step and shifts its phase', () => {
    const phases = new Set<number>();
    for (const name of names.slice(0, 200)) {
      const cron = CronExpression.parse('H/15 * * * *', 'UTC', 'cron expression', name);
      const found: number[] = [];
      for (let tick = cron.nextTick(YEAR_START)!; found.length < 5; tick = cron.nextTick(tick)!) found.push(tick);
      expect(found.slice(1).map((tick, at) => tick - found[at])).toEqual([15, 15, 15, 15].map((n) => n * 60_000));
      phases.add(new Date(found[0]).getUTCMinutes());
    }
    expect(phases.size).toBe(15);
  });

  it('stands in lists beside other entries', () => {
    expect(first('59,H(10-12) 3 * * *', 'a').getUTCMinutes()).toBeLessThan(13);
  });

  it('is read the same from the store', () => {
    const stored = CronExpression.known('H H * * *', 'Europe/Berlin', 'report-1');
    const parsed = CronExpression.parse('H H * * *', 'Europe/Berlin', 'cron expression', 'report-1');
    expect(stored.nextTick(YEAR_START)).toBe(parsed.nextTick(YEAR_START));
    expect(CronExpression.known('H H * * *', 'Europe/Berlin', 'report-1')).toBe(stored);
    expect(() => CronExpression.known('61 * * * *', 'UTC', 'x')).toThrow();
  });

  it('leaves names with an H alone', () => {
    expect(iso(CronExpression.parse('0 0 * MAR THU').nextTick(YEAR_START))).toBe('2026-03-05T00:00:00Z');
  });

  it.each([
    ['h * * * *', 'minute', 1, 'use H, H/15'],
    ['H-30 * * * *', 'minute', 1, 'use H, H/15'],
    ['H(0-60) * * * *', 'minute', 1, 'range within 0-59'],
    ['5,H(9-3) * * * *', 'minute', 3, 'range within 0-59'],
    ['H/61 * * * *', 'minute', 1, 'step from 1 to 60'],
    ['H(0-9)/0 * * * *', 'minute', 1, 'step from 1 to 10'],
    ['0 0 0 1 1 * H', 'year', 13, 'cannot spread the year'],
    ['0  H(1-2 * * *', 'hour', 4, 'use H, H/15'],
    // The fault lies behind an H that is longer or shorter than its value.
    ['H(0-29) 99 * * *', 'hour', 9, ''],
  ])('%s names field and position', (expression, field, position, words) => {
    const error = refusalOf(expression, 'UTC', 'a');
    expect(error).toMatchObject({ value: expression, place: { field, position } });
    expect(error.message).toContain(words);
  });

  it('needs a name to spread by', () => {
    expect(refusalOf('H * * * *')).toMatchObject({ place: { field: 'minute', position: 1 } });
    expect(refusalOf('H * * * *').message).toContain('needs the name of a schedule');
  });
});
