import { describe, expect, it } from '@jest/globals';
import {
  deadRate,
  memory,
  noWorkers,
  oldestDead,
  oldestReady,
  scheduleLate,
  silence,
  type AlertRule,
} from 'nestjs-task-queue';
import { readModuleOptions } from '../../src/options/options-reader.js';

const read = (alerts: unknown) => readModuleOptions({ connection: 'memory://', alerts }).alerts;
const invalid = (what: string) => ({ code: 'TASK_QUEUE_INVALID_VALUE', what });

function errorOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('Nothing was thrown');
}

describe('rules of alerts', () => {
  it('are read with their units, their names and how long they have to hold', () => {
    const rules = [
      oldestReady('mail', '2m', { for: '1m' }),
      oldestDead('*', '1d'),
      deadRate('mail', 0.05, '10m', { name: 'deaths', least: 3 }),
      noWorkers('*'),
      noWorkers('mail', { for: 0 }),
      scheduleLate('*', '5m'),
      memory(0.9),
      silence('orders', '1h'),
    ];
    expect(read(rules).map(({ name, queue, forMs }) => [name, queue, forMs])).toEqual([
      ['oldestReady:mail', 'mail', 60_000],
      ['oldestDead:*', '*', 0],
      ['deaths', 'mail', 0],
      ['noWorkers:*', '*', 60_000],
      ['noWorkers:mail', 'mail', 0],
      ['scheduleLate:*', '*', 0],
      ['memory', '', 0],
      ['silence:orders', 'orders', 0],
    ]);
    expect(rules[2]).toMatchObject({ share: 0.05, windowMs: 600_000, least: 3 });
    expect(read(undefined)).toEqual([]);
  });

  const bad: [string, () => AlertRule, object][] = [
    ['a pattern', () => oldestReady('mail*', '1m'), invalid('queue of oldestReady("mail*")')],
    ['no queue', () => oldestDead(undefined as never, '1m'), invalid('queue of oldestDead(…)')],
    ['an age of 0', () => oldestReady('mail', 0), invalid('age of oldestReady("mail")')],
    ['a negative age', () => oldestDead('mail', -1), invalid('age of oldestDead("mail")')],
    ['no age', () => oldestDead('mail', undefined as never), invalid('age of oldestDead("mail")')],
    ['a late of 0', () => scheduleLate('mail', '0s'), invalid('late of scheduleLate("mail")')],
    ['a negative for', () => noWorkers('mail', { for: -1 }), invalid('for in noWorkers("mail")')],
    ['a share of 0', () => deadRate('mail', 0, '10m'), invalid('share of deadRate("mail")')],
    ['per cent', () => deadRate('mail', 5, '10m'), invalid('share of deadRate("mail")')],
    ['no number', () => memory(Number.NaN), invalid('share of memory')],
    ['a share above 1', () => memory(1.01), invalid('share of memory')],
    ['a short window', () => deadRate('mail', 0.1, '59s'), invalid('window of deadRate("mail")')],
    ['a long window', () => deadRate('mail', 0.1, '30d'), invalid('window of deadRate("mail")')],
    ['a long silence', () => silence('mail', '15d'), invalid('time of silence("mail")')],
    ['no job at least', () => deadRate('mail', 0.1, '1m', { least: 0 }), invalid('least in deadRate("mail")')],
    ['a name with a space', () => memory(0.5, { name: 'a b' }), invalid('name in memory')],
    ['no name', () => memory(0.5, { name: undefined as never }), invalid('name in memory')],
    [
      'another option',
      () => oldestReady('mail', '1m', { fro: '1m' } as never),
      { code: 'TASK_QUEUE_UNKNOWN_OPTION', nearest: 'for' },
    ],
    [
      'one argument more',
      () => (noWorkers as (...args: unknown[]) => AlertRule)('mail', {}, '5m'),
      invalid('last argument of noWorkers("mail")'),
    ],
    [
      'options of another rule',
      () => memory(0.5, { least: 3 } as never),
      { code: 'TASK_QUEUE_UNKNOWN_OPTION', option: 'least' },
    ],
  ];
  it.each(bad)('with %s are refused', (_what, make, expected) => {
    expect(errorOf(make)).toMatchObject(expected);
  });

  it('are a list of what the functions make, each with a name of its own', () => {
    expect(errorOf(() => read(memory(0.5)))).toMatchObject(invalid('alerts'));
    expect(errorOf(() => read([memory(0.5), { kind: 'memory', share: 0.5 }]))).toMatchObject(invalid('alerts[1]'));
    const many = Array.from({ length: 51 }, (_, index) => memory(0.5, { name: `m${index}` }));
    expect(errorOf(() => read(many))).toMatchObject(invalid('alerts'));
    const twice = [oldestReady('mail', '1m'), oldestReady('mail', '10m')];
    expect(errorOf(() => read(twice))).toMatchObject({
      code: 'TASK_QUEUE_CONFIGURATION',
      message: expect.stringContaining('two rules of the name "oldestReady:mail"'),
    });
    expect(read([oldestReady('mail', '1m'), oldestReady('mail', '10m', { name: 'urgent' })])).toHaveLength(2);
  });
});
