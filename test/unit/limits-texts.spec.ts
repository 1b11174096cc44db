import { describe, expect, it } from '@jest/globals';
import { decodeGroupRule, encodeGroupRule } from '../../src/core/groups.js';
import { decodeLimits, encodeLimits } from '../../src/core/limits.js';
import { encodeTraits } from '../../src/redis/traits.js';

const rate = { limit: 5, perMs: 1000, smooth: true };

describe('limits as the store keeps them', () => {
  it.each([
    [{ running: 3, rate: undefined }, '3 - - 0'],
    [{ running: undefined, rate }, '- 5 1000 1'],
    [{ running: 3, rate: undefined, groups: { running: 1, rate, byTime: false } }, '3 - - 0 | 1 5 1000 1 0'],
    [
      { running: undefined, rate: undefined, groups: { running: 1, rate: undefined, byTime: true } },
      '- - - 0 | 1 - - 0 1',
    ],
  ])('are read back as they were: %j', (limits, text) => {
    expect(encodeLimits(limits)).toBe(text);
    expect(decodeLimits(text)).toEqual(limits);
  });
});

describe('the rule of a group as the store keeps it', () => {
  it.each([
    [{ weight: undefined, running: undefined, rate: undefined, paused: false }, '- - - - 0 0'],
    [{ weight: 0.5, running: 2, rate: undefined, paused: true }, '0.5 2 - - 0 1'],
    [{ weight: undefined, running: undefined, rate, paused: false }, '- - 5 1000 1 0'],
  ])('is read back as it was: %j', (rule, text) => {
    expect(encodeGroupRule(rule)).toBe(text);
    expect(decodeGroupRule(text)).toEqual(rule);
  });
});

describe('the traits of a job with a group', () => {
  it('say the group, and that it is ordered', () => {
    expect(encodeTraits({ group: 'tenant-7' })).toBe('gtenant-7');
    expect(encodeTraits({ priority: 2, group: 'tenant-7', ordered: true })).toBe('p2\ngtenant-7\no');
  });
});
