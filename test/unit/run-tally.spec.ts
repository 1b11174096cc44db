import { describe, expect, it } from '@jest/globals';
import {
  bucketOf,
  decodeCounts,
  emptyCounts,
  encodeCounts,
  HISTORY_BUCKETS_MS,
  OUTCOMES,
  RUN_BUCKETS,
  WAIT_BUCKETS,
  WAIT_SUM,
} from '../../src/core/run-counts.js';
import { OTHER_NAMES, RunTally } from '../../src/core/run-tally.js';
import { RULES } from '../../src/core/rules.js';

describe('A bucket', () => {
  it('has each duration above the bound of the one before and up to its own', () => {
    expect(HISTORY_BUCKETS_MS).toHaveLength(26);
    const durations = [
      0,
      0.2,
      1,
      1.001,
      2,
      3,
      4,
      5,
      1000,
      1024,
      1025,
      2 ** 24,
      2 ** 24 + 0.5,
      2 ** 31,
      2 ** 40,
      Infinity,
    ];
    for (const ms of durations)
      expect([ms, bucketOf(ms)]).toEqual([ms, HISTORY_BUCKETS_MS.findIndex((end) => ms <= end)]);
    expect([NaN, -5].map(bucketOf)).toEqual([0, 0]);
  });
});

describe('Counts as texts', () => {
  it('come back as they were', () => {
    const counts = emptyCounts().map((_, index) => (index % 3 === 0 ? 0 : index * 1000));
    expect(decodeCounts(encodeCounts(counts))).toEqual(counts);
    expect(encodeCounts(emptyCounts())).toEqual(['', '', '']);
  });

  it('of another program do no harm', () => {
    expect(decodeCounts([])).toEqual(emptyCounts());
    expect(decodeCounts(['z5!c', 'Ü', '{"a":1}'])).toEqual(emptyCounts());
  });
});

describe('A tally', () => {
  const outcomesOf = (counts: Float64Array) =>
    Object.fromEntries(OUTCOMES.map((outcome, index) => [outcome, counts[index]]).filter(([, count]) => count !== 0));

  it('answers what was added since the last time, the whole queue first', () => {
    const tally = new RunTally();
    expect(tally.take()).toEqual([]);
    tally.ended('send', 'completed', 3, 20);
    tally.ended('send', 'retried', undefined, 1);
    tally.ended('list', 'dead', 0, 5);
    tally.count(undefined, 'lost', 2);
    tally.count('send', 'lost');
    tally.count(undefined, 'dead', 0);
    const rows = tally.take();
    expect(rows.map(({ name, counts }) => [name, outcomesOf(counts)])).toEqual([
      ['', { completed: 1, retried: 1, dead: 1, lost: 3 }],
      ['send', { completed: 1, retried: 1, lost: 1 }],
      ['list', { dead: 1 }],
    ]);
    const [{ counts }] = rows;
    expect([counts[WAIT_SUM], counts[WAIT_BUCKETS + 2], counts[WAIT_BUCKETS]]).toEqual([3, 1, 1]);
    expect([counts[RUN_BUCKETS], counts[RUN_BUCKETS + 3], counts[RUN_BUCKETS + 5]]).toEqual([1, 1, 1]);
    expect(tally.take()).toEqual([]);
    tally.ended('list', 'completed', undefined, 5);
    expect(tally.take().map(({ name, counts: added }) => [name, outcomesOf(added)])).toEqual([
      ['', { completed: 1 }],
      ['list', { completed: 1 }],
    ]);
  });

  it('has so many names, and one for all others', () => {
    const tally = new RunTally();
    for (let index = 0; index < RULES.mostStatNames + 5; index++) tally.ended(`n${index}`, 'completed', 0, 1);
    tally.ended('n3', 'completed', 0, 1);
    const rows = tally.take();
    expect(rows).toHaveLength(RULES.mostStatNames + 2);
    expect(rows.at(-1)).toMatchObject({ name: OTHER_NAMES });
    expect(outcomesOf(rows.at(-1)?.counts as Float64Array)).toEqual({ completed: 5 });
    expect(outcomesOf(rows[0].counts)).toEqual({ completed: RULES.mostStatNames + 6 });
  });
});
