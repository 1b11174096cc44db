import { expect, it } from '@jest/globals';
import { LogBudget } from '../../src/core/log-budget.js';

it('lets ten of a second through, and tells the next one how many it held back', () => {
  const budget = new LogBudget();
  const take = (count: number, now: number) => Array.from({ length: count }, () => budget.take(now));
  expect(take(13, 5000)).toEqual([...Array.from({ length: 10 }, () => 0), undefined, undefined, undefined]);
  expect(take(2, 6000)).toEqual([3, 0]);
  expect(take(11, 7999)).toEqual([...Array.from({ length: 10 }, () => 0), undefined]);
});
