import { describe, expect, it } from '@jest/globals';
import { DEFAULTS } from '../../src/options/options.js';
import { StackBudget } from '../../src/worker/stack-budget.js';

const LIMIT = DEFAULTS.errorHistory.retriedStacksPerSecond;

/** How many of so many runs that fail at that time get their stack. */
function taken(budget: StackBudget, at: number, runs = LIMIT + 50): number {
  return Array.from({ length: runs }, () => budget.take(at)).filter(Boolean).length;
}

describe('the budget of stacks', () => {
  it('is a hundred a second', () => {
    expect(LIMIT).toBe(100);
    const budget = new StackBudget();
    expect(taken(budget, 1_800_000_000_000, 60)).toBe(60);
    expect(taken(budget, 1_800_000_000_999)).toBe(40);
    expect(taken(budget, 1_800_000_000_500)).toBe(0);
  });

  it('gives the first ones theirs, and none after them', () => {
    const budget = new StackBudget();
    const given = Array.from({ length: LIMIT + 2 }, () => budget.take(5000));
    expect(given.indexOf(false)).toBe(LIMIT);
    expect(given.lastIndexOf(true)).toBe(LIMIT - 1);
  });

  it('is whole again in the next second, whatever was left', () => {
    const budget = new StackBudget();
    taken(budget, 5000);
    expect(taken(budget, 5999)).toBe(0);
    expect(taken(budget, 6000)).toBe(LIMIT);
    expect(taken(budget, 7000, 1)).toBe(1);
    expect(taken(budget, 8000)).toBe(LIMIT);
  });

  it('is whole again where the clock goes back, and begins at any time', () => {
    const budget = new StackBudget();
    expect(taken(budget, 0)).toBe(LIMIT);
    expect(taken(budget, 90_000)).toBe(LIMIT);
    expect(taken(budget, 30_000)).toBe(LIMIT);
    expect(taken(budget, 30_001)).toBe(0);
    expect(taken(budget, -1)).toBe(LIMIT);
  });
});
