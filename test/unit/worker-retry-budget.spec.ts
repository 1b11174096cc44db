import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { EnvelopeHeader } from '../../src/core/envelope.js';
import { retryBudgetOf } from '../../src/worker/retry-budget.js';
import type { RunningJob } from '../../src/worker/running-job.js';

afterEach(() => {
  jest.restoreAllMocks();
});

const NOW = 1_000_000;
const error = (attempt: number, at: number) => ({ attempt, at, name: 'Error', message: 'down' });

/** The budget of a run that failed after 30 ms. */
function budgetOf(header: EnvelopeHeader, retryForMs?: number) {
  jest.spyOn(performance, 'now').mockReturnValue(530);
  const job = { startedAt: 500, attempt: header.a ?? 1, envelope: { header }, plan: { settings: { retryForMs } } };
  return retryBudgetOf(job as unknown as RunningJob, NOW);
}

describe('the time for retries', () => {
  it('is none where nobody gives one', () => {
    expect(budgetOf({ a: 2, f: 5 })).toBeUndefined();
  });

  it('counts from the start of the first run that failed', () => {
    expect(budgetOf({}, 1000)).toEqual({ startedAt: NOW - 30, leftMs: 970 });
    expect(budgetOf({ a: 3, f: NOW - 400 }, 1000)).toEqual({ startedAt: NOW - 400, leftMs: 600 });
  });

  it('is what the job says, before what its handler says', () => {
    expect(budgetOf({ w: 500 }, 1000)?.leftMs).toBe(470);
  });

  it('begins anew with attempt 1, whatever an earlier life of the job has left', () => {
    expect(budgetOf({ f: 5, e: [error(1, 5)] }, 1000)).toEqual({ startedAt: NOW - 30, leftMs: 970 });
  });

  it('counts from the oldest failure that is known where the job began to fail without one', () => {
    const e = [error(1, 1), error(2, 2), error(1, NOW - 300), error(2, NOW - 200)];
    expect(budgetOf({ a: 3, e }, 1000)).toEqual({ startedAt: NOW - 300, leftMs: 700 });
    expect(budgetOf({ a: 30, e: [error(20, NOW - 90)] }, 1000)?.startedAt).toBe(NOW - 90);
    expect(budgetOf({ a: 2 }, 1000)?.leftMs).toBe(1000);
  });
});
