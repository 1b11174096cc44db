import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { FailureLog } from '../../src/worker/failure-log.js';
import type { RunningJob } from '../../src/worker/running-job.js';
import { RecordingLogger } from '../support/recording-logger.js';

afterEach(() => {
  jest.restoreAllMocks();
});

function jobOf(label: string): RunningJob {
  const job = { id: '7', number: '7', name: 'default', attempt: 1, maxAttempts: 10, plan: { handler: { label } } };
  return job as unknown as RunningJob;
}

function logAt(second: number) {
  const clock = jest.spyOn(performance, 'now').mockReturnValue(second * 1000);
  const logger = new RecordingLogger();
  const log = new FailureLog('mail', logger);
  const fail = (name = 'Error', delayMs = 1000, label = 'Mail.send') =>
    log.log(jobOf(label), { attempt: 1, at: 0, name, message: 'no' }, delayMs);
  return { fail, lines: logger.lines, pass: (to: number) => clock.mockReturnValue(to * 1000) };
}

const levels = (lines: readonly unknown[]) => lines.map((line) => String(line).split(':')[0]);

describe('the log of failed attempts', () => {
  it('warns once of each handler and name of error', () => {
    const { fail, lines } = logAt(1);
    fail();
    fail();
    fail('TypeError');
    fail('Error', 1, 'Mail.other');
    expect(levels(lines)).toEqual(['warn', 'debug', 'warn', 'warn']);
  });

  it('tells ten others a second and counts the rest, which hold up no first one', () => {
    const { fail, lines, pass } = logAt(1);
    for (let times = 0; times < 31; times++) fail();
    expect(lines).toHaveLength(11);
    fail('TypeError');
    expect(levels(lines).at(-1)).toBe('warn');
    pass(2);
    fail();
    expect(String(lines.at(-1))).toMatch(/^debug: .*tried again in 1 s \(20 more failed before\): Error: no$/);
  });

  it('warns later of a first one that a flood of others held back', () => {
    const { fail, lines, pass } = logAt(1);
    for (let kind = 0; kind < 11; kind++) fail(`Error${kind}`);
    expect(lines).toHaveLength(10);
    pass(2);
    fail('Error10');
    expect(levels(lines)).toEqual(Array.from({ length: 11 }, () => 'warn'));
  });

  it('remembers a thousand kinds, and tells what comes behind them at debug', () => {
    const { fail, lines, pass } = logAt(0);
    for (let kind = 0; kind < 1001; kind++) {
      pass(kind);
      fail(`Error${kind}`);
    }
    expect(levels(lines.slice(-2))).toEqual(['warn', 'debug']);
  });

  it.each([
    [0, 'at once'],
    [250, 'in 250 ms'],
    [1540, 'in 1.5 s'],
    [180_000, 'in 3 min'],
    [9_000_000, 'in 2.5 h'],
  ])('says when an attempt is repeated: %d ms', (delayMs, when) => {
    const { fail, lines } = logAt(1);
    fail('Error', delayMs);
    expect(lines[0]).toBe(
      `warn: Queue "mail": job "7" failed in Mail.send, attempt 1 of 10, and is tried again ${when}: Error: no`,
    );
  });
});
