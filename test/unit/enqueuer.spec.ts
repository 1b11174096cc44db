import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { EnqueueOutcomeUnknownError } from '../../src/core/errors/enqueue-errors.js';
import { BrokerRefusedError, BrokerUnavailableError } from '../../src/core/errors/store-errors.js';
import { Enqueuer } from '../../src/redis/enqueuer.js';
import type { JobNumbers } from '../../src/redis/job-numbers.js';
import { QueueKeys } from '../../src/redis/keys.js';
import type { Link } from '../../src/redis/wire/link.js';
import { ReplyLostError } from '../../src/redis/wire/store-errors.js';

const MINUTE = 60_000;

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick'] });
});
afterEach(() => {
  jest.useRealTimers();
});

/** An enqueuer whose calls lose their replies after the timeout; what it was given to settle each, in ms from the first. */
async function loseReply(timeoutMs: number) {
  const begunAt = performance.now();
  const deadlines: number[] = [];
  const run = (_script: unknown, _keys: unknown, _args: unknown, deadline = performance.now() + timeoutMs) => {
    deadlines.push(deadline - begunAt);
    return new Promise((_resolve, reject) => {
      setTimeout(() => reject(new ReplyLostError('no reply')), deadline - performance.now());
    });
  };
  const numbers = { tryTake: (count: number) => Array.from({ length: count }, (_, index) => `j${index}`) };
  const enqueuer = new Enqueuer(
    'mail',
    { run, timeoutMs, stoodStillMs: 0 } as unknown as Link,
    new QueueKeys('t', 'mail'),
    {},
    numbers as unknown as JobNumbers,
    { now: () => 0, learn() {} },
    () => Promise.resolve(),
  );
  const enqueued = enqueuer.enqueue([{ envelope: '1\n1' }]).catch((error: unknown) => error);
  await jest.advanceTimersByTimeAsync(timeoutMs);
  const error = await enqueued;
  expect(error).toBeInstanceOf(EnqueueOutcomeUnknownError);
  return { error: error as EnqueueOutcomeUnknownError, deadlines };
}

describe('an enqueue whose reply was lost', () => {
  it.each([1, 60, 300])(
    'is repeated within nine minutes of when it was sent, with a timeout of %d s',
    async (seconds) => {
      const timeoutMs = seconds * 1000;
      const { error, deadlines } = await loseReply(timeoutMs);
      await jest.advanceTimersByTimeAsync(9 * MINUTE - timeoutMs);
      // The store forgets the call after ten minutes: whatever the timeout is, the call must have come to its end by then.
      const last = error.retry().catch((reason: unknown) => reason);
      await jest.advanceTimersByTimeAsync(timeoutMs);
      expect(await last).toBeInstanceOf(EnqueueOutcomeUnknownError);
      expect(deadlines).toEqual([timeoutMs, Math.min(9 * MINUTE + timeoutMs, 9.5 * MINUTE)]);
      for (const expired of [error, (await last) as EnqueueOutcomeUnknownError]) {
        await expect(expired.retry()).rejects.toBeInstanceOf(BrokerRefusedError);
      }
      expect(deadlines).toHaveLength(2);
    },
  );
});

describe('enqueues that go in one script', () => {
  const TIMEOUT_MS = 5000;
  const job = { envelope: '1\n1' };

  /** What the store and the source of job numbers do until it works again, and an enqueuer on them. */
  function outage(away: () => Error) {
    const store = { works: false, givesUp: true, calls: [] as string[][], numbersWork: true };
    const untilWorks = (deadline: number, answer: () => unknown) =>
      new Promise((resolve, reject) => {
        const timer = setInterval(() => {
          if (!store.works && (performance.now() < deadline || !store.givesUp)) return;
          clearInterval(timer);
          if (store.works) resolve(answer());
          else reject(away());
        }, 50);
      });
    const link = {
      timeoutMs: TIMEOUT_MS,
      stoodStillMs: 0,
      neverSent: () => new BrokerUnavailableError('never sent'),
      run(_script: unknown, _keys: unknown, args: string[], deadline: number) {
        store.calls.push(args);
        return untilWorks(deadline, () => ['1', []]);
      },
    };
    const ids = (count: number) => Array.from({ length: count }, (_, index) => `j${index}`);
    const numbers = {
      tryTake: (count: number) => (store.numbersWork ? ids(count) : undefined),
      take: (count: number, deadline: number) => untilWorks(deadline, () => ids(count)),
    };
    const enqueuer = new Enqueuer(
      'mail',
      link as unknown as Link,
      new QueueKeys('t', 'mail'),
      {},
      numbers as unknown as JobNumbers,
      { now: () => 0, learn() {} },
      () => Promise.resolve(),
    );
    const add = async () => {
      const settled = enqueuer.enqueue([job]).then(
        () => `stored at ${performance.now() - begunAt}`,
        (error: Error) => `${error.name} at ${performance.now() - begunAt}`,
      );
      await jest.advanceTimersByTimeAsync(0);
      return { settled };
    };
    const begunAt = performance.now();
    return { store, link, add };
  }

  it.each([
    ['when no number was to be had', false, () => new BrokerUnavailableError('away'), 'BrokerUnavailableError'],
    ['when nothing was stored', true, () => new BrokerUnavailableError('away'), 'BrokerUnavailableError'],
    ['when the outcome is open', true, () => new ReplyLostError('lost'), 'EnqueueOutcomeUnknownError'],
  ] as const)('have each its own time, %s', async (_, numbersWork, away, name) => {
    const { store, add } = outage(away);
    store.numbersWork = numbersWork;
    const first = await add();
    const lanes = [await add(), await add(), await add()]; // the others: what follows waits, and goes together
    await jest.advanceTimersByTimeAsync(1000);
    const early = await add();
    await jest.advanceTimersByTimeAsync(3000);
    const late = await add();
    await jest.advanceTimersByTimeAsync(2500);
    store.works = true;
    await jest.advanceTimersByTimeAsync(100);
    for (const { settled } of [first, ...lanes]) expect(await settled).toBe(`${name} at 5000`);
    expect(await early.settled).toBe(`${name} at 6000`);
    expect(await late.settled).toMatch(/^stored at 6[56][05]0$/);
  });

  it('repeat an open call under its number', async () => {
    const { store, add } = outage(() => new ReplyLostError('lost'));
    for (let lane = 0; lane < 4; lane++) await add();
    await jest.advanceTimersByTimeAsync(1000);
    const early = await add();
    await jest.advanceTimersByTimeAsync(1000);
    const late = await add();
    await jest.advanceTimersByTimeAsync(4500);
    store.works = true;
    await jest.advanceTimersByTimeAsync(100);
    expect(await early.settled).toBe('EnqueueOutcomeUnknownError at 6000');
    expect(await late.settled).toMatch(/^stored at 65[05]0$/);
    const [batch, again, ...more] = store.calls.slice(4);
    expect(again).toEqual(batch);
    expect(more).toEqual([]);
  });

  it.each([
    [8000, /^stored at 8[01][05]0$/],
    [0, /^BrokerUnavailableError at 8050$/],
  ])('are not refused for the %d ms in which the loop stood still', async (stoodStillMs, outcome) => {
    const { store, link, add } = outage(() => new BrokerUnavailableError('away'));
    store.givesUp = false;
    for (let lane = 0; lane < 4; lane++) await add();
    const waiting = await add();
    await jest.advanceTimersByTimeAsync(8000);
    link.stoodStillMs += stoodStillMs;
    store.works = true;
    await jest.advanceTimersByTimeAsync(100);
    expect(await waiting.settled).toMatch(outcome);
  });
});
