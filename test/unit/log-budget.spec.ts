import { afterEach, expect, it, jest } from '@jest/globals';
import { LogBudget } from '../../src/core/log-budget.js';

afterEach(() => void jest.restoreAllMocks());

it('lets ten of a second through, and tells the next one how many it held back', () => {
  let now = 5000;
  jest.spyOn(performance, 'now').mockImplementation(() => now);
  const budget = new LogBudget();
  const take = (count: number) => Array.from({ length: count }, () => budget.take());
  expect(take(13)).toEqual([...Array.from({ length: 10 }, () => 0), undefined, undefined, undefined]);
  now = 6000;
  expect(take(2)).toEqual([3, 0]);
  now = 7999;
  expect(take(11)).toEqual([...Array.from({ length: 10 }, () => 0), undefined]);
});
