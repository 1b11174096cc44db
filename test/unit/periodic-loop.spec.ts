import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { OutageLog } from '../../src/duties/outage-log.js';
import { PeriodicLoop, UNTIL_WOKEN, type PeriodicLoopOptions } from '../../src/duties/periodic-loop.js';
import { RecordingLogger } from '../support/recording-logger.js';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  expect(jest.getTimerCount()).toBe(0); // a stopped loop leaves no timer
  jest.useRealTimers();
});

describe('a periodic loop', () => {
  const logger = new RecordingLogger();
  const loopOf = (step: () => Promise<number>, options: Partial<PeriodicLoopOptions> = {}) =>
    new PeriodicLoop({ name: 'duty', step, jitter: 0, outages: new OutageLog(logger), random: () => 0, ...options });

  beforeEach(() => {
    logger.lines.length = 0;
  });

  it('comes again after the delay its duty asks for', async () => {
    const delays = [100, 5000, 100];
    const step = jest.fn(async () => delays.shift() ?? 100);
    const loop = loopOf(step);
    loop.start();
    await jest.advanceTimersByTimeAsync(0);
    expect(step).toHaveBeenCalledTimes(1);
    await jest.advanceTimersByTimeAsync(99);
    expect(step).toHaveBeenCalledTimes(1);
    await jest.advanceTimersByTimeAsync(1);
    expect(step).toHaveBeenCalledTimes(2);
    await jest.advanceTimersByTimeAsync(4999);
    expect(step).toHaveBeenCalledTimes(2);
    await jest.advanceTimersByTimeAsync(1);
    expect(step).toHaveBeenCalledTimes(3);
    await loop.stop();
  });

  it.each([
    [0, 800],
    [0.5, 1000],
    [0.999, 1199.6],
  ])('varies the delay by its jitter (%p)', async (random, expected) => {
    const step = jest.fn(async () => 1000);
    const loop = loopOf(step, { jitter: 0.2, random: () => random });
    loop.start();
    await jest.advanceTimersByTimeAsync(Math.round(expected) - 1);
    expect(step).toHaveBeenCalledTimes(1);
    await jest.advanceTimersByTimeAsync(1);
    expect(step).toHaveBeenCalledTimes(2);
    await loop.stop();
  });

  it('never has two turns at a time, and a wake in the middle of one brings another', async () => {
    let end = () => {};
    let turns = 0;
    const loop = loopOf(() => {
      turns++;
      return new Promise((resolve) => {
        end = () => resolve(UNTIL_WOKEN);
      });
    });
    loop.start();
    await jest.advanceTimersByTimeAsync(0);
    loop.wake();
    loop.wake();
    await jest.advanceTimersByTimeAsync(10_000);
    expect(turns).toBe(1);
    end();
    await jest.advanceTimersByTimeAsync(0);
    expect(turns).toBe(2);
    end();
    await jest.advanceTimersByTimeAsync(100_000);
    expect(turns).toBe(2); // it sleeps until it is woken
    loop.wake();
    await jest.advanceTimersByTimeAsync(0);
    expect(turns).toBe(3);
    end();
    await loop.stop();
  });

  it('outlives every error, backs off, and says so once per outage', async () => {
    let broken = true;
    const thrown: unknown[] = [new Error('gone'), undefined, 'text', Object.create(null)];
    const step = jest.fn(async () => {
      if (broken) throw thrown[step.mock.calls.length % thrown.length];
      return 1000;
    });
    const loop = loopOf(step);
    loop.start();
    await jest.advanceTimersByTimeAsync(60_000);
    const during = step.mock.calls.length;
    expect(during).toBeGreaterThan(20); // at most 3 s between two
    expect(during).toBeLessThan(60);
    const told = logger.lines.length;
    expect(told).toBeLessThanOrEqual(4); // each of the four messages once
    broken = false;
    await jest.advanceTimersByTimeAsync(3000);
    expect(logger.lines.slice(told)).toEqual(['log: The duty works again.']);
    broken = true;
    await jest.advanceTimersByTimeAsync(3000);
    expect(logger.lines.length).toBeGreaterThan(told + 1); // a new outage is told again
    await loop.stop();
  });

  it('begins with short delays again after an outage', async () => {
    const answers = ['fail', 'fail', 'fail', 'work', 'fail', 'work'];
    const step = jest.fn(async () => {
      if (answers.shift() === 'fail') throw new Error('gone');
      return 1000;
    });
    const loop = loopOf(step, { random: () => 0.999_999 });
    loop.start();
    await jest.advanceTimersByTimeAsync(250 + 500 + 1000);
    expect(step).toHaveBeenCalledTimes(4);
    await jest.advanceTimersByTimeAsync(1000 + 250);
    expect(step).toHaveBeenCalledTimes(6);
    await loop.stop();
  });

  it('is stopped only when its running turn has ended', async () => {
    let end = () => {};
    const loop = loopOf(() => new Promise((resolve) => (end = () => resolve(10))));
    loop.start();
    await jest.advanceTimersByTimeAsync(0);
    let stopped = false;
    const stop = loop.stop().then(() => (stopped = true));
    await jest.advanceTimersByTimeAsync(1000);
    expect(stopped).toBe(false);
    end();
    await stop;
    loop.wake();
    await jest.advanceTimersByTimeAsync(1000);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('takes one turn on request, after the running one', async () => {
    const ends: (() => void)[] = [];
    const loop = loopOf(() => new Promise((resolve) => ends.push(() => resolve(UNTIL_WOKEN))));
    loop.start();
    await jest.advanceTimersByTimeAsync(0);
    const once = loop.runOnce();
    expect(ends).toHaveLength(1);
    ends[0]();
    await jest.advanceTimersByTimeAsync(0);
    expect(ends).toHaveLength(2);
    ends[1]();
    await once;
    await loop.stop();
  });
});

describe('an outage log', () => {
  it('has one voice for all loops, and ends an outage when the last of them works', () => {
    const logger = new RecordingLogger();
    const outages = new OutageLog(logger);
    outages.failed('reclaimer', new Error('gone'));
    outages.failed('scheduler', new Error('gone'));
    outages.failed('janitor', new Error('gone'));
    outages.worked('reclaimer');
    outages.forget('janitor');
    expect(logger.lines).toEqual(['error: The reclaimer failed and tries again: Error: gone']);
    outages.worked('scheduler');
    outages.worked('scheduler');
    expect(logger.lines.slice(1)).toEqual(['log: The scheduler works again.']);
  });

  it('does not repeat itself for ever about an error that is new each time', () => {
    const logger = new RecordingLogger();
    const outages = new OutageLog(logger);
    for (let number = 0; number < 100; number++) outages.failed('scheduler', new Error(`request ${number}`));
    expect(logger.lines).toHaveLength(5);
  });
});
