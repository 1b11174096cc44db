import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { BrokerRefusedError, EnqueueOutcomeUnknownError } from '../../src/core/errors.js';
import { Enqueuer } from '../../src/redis/enqueuer.js';
import type { JobNumbers } from '../../src/redis/job-numbers.js';
import { QueueKeys } from '../../src/redis/keys.js';
import type { Link } from '../../src/redis/link.js';
import type { Script } from '../../src/redis/script-library.js';
import { ReplyLostError } from '../../src/redis/store-errors.js';

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
    { run, timeoutMs } as unknown as Link,
    new QueueKeys('t', 'mail'),
    {} as Script,
    numbers as unknown as JobNumbers,
    () => {},
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
