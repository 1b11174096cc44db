import { describe, expect, it } from '@jest/globals';
import type { GroupHold } from '../../src/core/groups.js';
import type { GroupStanding, JobStanding } from '../../src/core/ports/explainer.js';
import { explanationOf } from '../../src/inspector/job-explainer.js';

const NOW = 1_800_000_000_000;
const RATE = { limit: 2, perMs: 1000, smooth: false };
const group = (hold: GroupHold): GroupStanding => ({ key: 'a', ordered: false, running: 1, rule: undefined, hold });
const standing = (more: Partial<JobStanding> = {}): JobStanding => ({
  ...{ now: NOW, state: 'ready', head: '1', dueAt: undefined, isSuspect: false, parkedAs: undefined },
  ...{ ahead: { count: 0, isExact: true }, isPaused: false, hasWorkers: true, running: 0 },
  ...{ limits: undefined, group: undefined, gateUntil: undefined, rateOpensAt: undefined },
  ...more,
});
const explain = (more: Partial<JobStanding>) => explanationOf(standing(more));

describe('an explanation', () => {
  it.each<[string, Partial<JobStanding>]>([
    ['paused', { isPaused: true }],
    ['due', { state: 'scheduled', ahead: undefined, dueAt: NOW + 5 }],
    ['backoff', { state: 'scheduled', ahead: undefined, dueAt: NOW + 5, head: '1 {"a":3}' }],
    ['limit', { limits: { running: 2 }, running: 2 }],
    ['rate', { limits: { rate: { limit: 2, perMs: 1000, smooth: false } }, rateOpensAt: NOW + 7 }],
    ['gate', { gateUntil: NOW + 9 }],
    ['group-paused', { group: group({ by: 'paused' }) }],
    ['group-order', { group: group({ by: 'order', holder: '0abc' }) }],
    ['group-limit', { group: group({ by: 'concurrency' }), limits: { groups: { running: 1, byTime: false } } }],
    ['group-rate', { group: { ...group({ by: 'rate', until: NOW + 7 }), rule: { rate: RATE } } }],
    ['group-gate', { group: group({ by: 'gate', until: NOW + 9 }) }],
    ['parked', { state: 'parked', ahead: undefined, parkedAs: 'resize' }],
    ['no-worker', { hasWorkers: false }],
    ['suspect', { isSuspect: true }],
    ['line', {}],
  ])('names one reason: %s', (by, more) => {
    const { holds } = explain(more);
    expect(holds.map((hold) => hold.by)).toEqual([by]);
    for (const { text, frees } of holds) expect([text.at(-1), frees.at(-1)]).toEqual(['.', '.']);
  });

  it.each<[string, GroupHold, string]>([
    ['which job it waits for', { by: 'order', holder: '0abc' }, 'Job 0abc of its group "a" has not ended'],
    ['how many run', { by: 'concurrency' }, '1 jobs of its group "a" run, and the limit of the group is 3.'],
    ['the rate', { by: 'rate', until: NOW + 7 }, 'The rate of its group "a" is used up: 2 in 1000 ms.'],
  ])('says of a group %s', (_what, hold, text) => {
    const explained = explain({ group: group(hold), limits: { groups: { running: 3, rate: RATE, byTime: false } } });
    expect(explained.group).toBe('a');
    expect(explained.holds[0].text).toContain(text);
    expect(explained.notBefore?.getTime()).toBe(hold.until);
  });

  it('begins when the last of several reasons ends, and names all of them', () => {
    const { holds, notBefore } = explain({ gateUntil: NOW + 9, rateOpensAt: NOW + 20, limits: { rate: RATE } });
    expect(holds.map(({ by }) => by)).toEqual(['gate', 'rate']);
    expect(notBefore).toEqual(new Date(NOW + 20));
  });

  it('says that the job expires before it may start, and not that it expires later', () => {
    const late = explain({ state: 'scheduled', ahead: undefined, dueAt: NOW + 50, head: `1 {"x":${NOW + 20}}` });
    expect(late.holds.map(({ by }) => by)).toEqual(['due', 'expiry']);
    const inTime = explain({ state: 'scheduled', ahead: undefined, dueAt: NOW + 50, head: `1 {"x":${NOW + 60}}` });
    expect(inTime.holds.map(({ by }) => by)).toEqual(['due']);
  });

  it('says that a count is a lower bound', () => {
    const { ahead, aheadAtLeast, holds } = explain({ ahead: { count: 10_000, isExact: false } });
    expect([ahead, aheadAtLeast]).toEqual([10_000, true]);
    expect(holds[0].text).toContain('at least 10000 jobs are ahead');
    expect(explain({ ahead: { count: 3, isExact: true } }).aheadAtLeast).toBeUndefined();
  });

  it.each(['active', 'completed', 'cancelled', 'dead'] as const)('holds nothing of a job that is %s', (state) => {
    expect(explain({ state, ahead: undefined, isPaused: true })).toEqual({ state, holds: [] });
  });
});
