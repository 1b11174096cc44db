import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DEFAULTS } from '../../src/options/defaults.js';
import { backoffDelay } from '../../src/core/backoff.js';

const spec = (given: object) => ({ type: 'exponential', delayMs: 1000, maxMs: 3_600_000, jitter: 0, ...given });
const at = (given: object, attempt: number, random = 0, strategies = {}) =>
  backoffDelay(spec(given), attempt, new Error('failed'), strategies, () => random);

describe('backoff', () => {
  it('is the same delay each time where it is fixed', () => {
    expect([1, 2, 99].map((attempt) => at({ type: 'fixed', delayMs: 250 }, attempt))).toEqual([250, 250, 250]);
    expect(at({ type: 'fixed', delayMs: 0 }, 1)).toBe(0);
  });

  it('doubles up to its bound where it is exponential, at any attempt', () => {
    expect([1, 2, 3, 4, 12, 13, 1_000_000].map((attempt) => at({}, attempt))).toEqual([
      1000, 2000, 4000, 8000, 2_048_000, 3_600_000, 3_600_000,
    ]);
  });

  it('is drawn from [delay × (1 − jitter), delay]', () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    const jitter = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), jitter, random, (attempt, share, drawn) => {
        const full = at({}, attempt);
        const delay = at({ jitter: share }, attempt, drawn);
        expect(delay).toBeLessThanOrEqual(full);
        expect(delay).toBeGreaterThanOrEqual(Math.floor(full * (1 - share)));
        expect(Number.isInteger(delay)).toBe(true);
      }),
    );
  });

  it('takes a job past an outage of four minutes by default, whatever is drawn', () => {
    const { backoff, maxAttempts } = DEFAULTS.job;
    const total = (drawn: number) =>
      Array.from({ length: maxAttempts - 1 }, (_, run) =>
        backoffDelay(backoff, run + 1, undefined, {}, () => drawn),
      ).reduce((sum, delay) => sum + delay);
    expect(total(0.999_999)).toBeGreaterThanOrEqual(4 * 60_000);
    expect(total(0)).toBe(511_000);
  });

  it('asks the strategy of its name, and takes nothing odd from it', () => {
    const strategies = {
      linear: (attempt: number) => attempt * 10,
      negative: () => -1,
      nothing: () => Number.NaN,
      endless: () => Infinity,
    };
    expect(at({ type: 'linear' }, 7, 0, strategies)).toBe(70);
    expect(at({ type: 'linear', maxMs: 30 }, 7, 0, strategies)).toBe(30);
    const odd = ['negative', 'nothing', 'endless'].map((type) => at({ type, delayMs: 70 }, 1, 0, strategies));
    expect(odd).toEqual([0, 70, 3_600_000]);
  });

  it('delays by what the job says where nobody registered its strategy', () => {
    expect(at({ type: 'gone', delayMs: 70 }, 5)).toBe(70);
    expect(at({ type: 'toString', delayMs: 0 }, 5)).toBe(1000);
  });
});
