import { describe, expect, it } from '@jest/globals';
import { Deque } from '../../../src/memory/deque.js';
import { newKeptJob, type KeptJob } from '../../../src/memory/kept-job.js';
import { Ranking } from '../../../src/memory/ranking.js';

describe('Deque', () => {
  it('takes from the front what either end was given', () => {
    const line = new Deque<number>();
    for (const item of [1, 2]) line.pushBack(item);
    for (const item of [0, -1]) line.pushFront(item);
    expect([...line]).toEqual([-1, 0, 1, 2]);
    expect([1, 2, 3, 4, 5].map(() => line.popFront())).toEqual([-1, 0, 1, 2, undefined]);
  });

  it('forgets what was taken and goes on', () => {
    const line = new Deque<number>();
    for (let item = 0; item < 5000; item++) line.pushBack(item);
    for (let item = 0; item < 4000; item++) expect(line.popFront()).toBe(item);
    line.pushBack(5000);
    line.pushFront(-1);
    expect([...line].length).toBe(1002);
    expect([...line].slice(0, 2)).toEqual([-1, 4000]);
  });
});

describe('Ranking', () => {
  function job(id: string, rank: number): KeptJob {
    return { ...newKeptJob(id, { envelope: '1\n1' }), rank };
  }

  it('orders by rank, then id, whatever came first', () => {
    const jobs = new Ranking<KeptJob>();
    for (const each of [job('b', 2), job('c', 1), job('a', 2), job('d', 3)]) jobs.add(each);
    expect(jobs.slice(0, 9).map(({ id }) => id)).toEqual(['c', 'a', 'b', 'd']);
    expect(jobs.pageBefore({ id: 'd', rank: 3 }, 2).jobs.map(({ id }) => id)).toEqual(['b', 'a']);
    expect(jobs.pageBefore({ id: 'b', rank: 2 }, 1)).toMatchObject({ jobs: [{ id: 'a' }], more: true });
    expect(jobs.pageBehind({ id: 'a', rank: 2 }, 5)).toMatchObject({ jobs: [{ id: 'b' }, { id: 'd' }], more: false });
    expect(jobs.pageBehind({ id: 'aa', rank: 2 }, 1)).toMatchObject({ jobs: [{ id: 'b' }], more: true });
    expect(jobs.first()?.id).toBe('c');
  });

  it('deletes from both ends and the middle, and ignores members that it does not hold', () => {
    const jobs = new Ranking<KeptJob>();
    const all = Array.from({ length: 3000 }, (_, index) => job(String(index).padStart(4, '0'), index));
    for (const each of all) jobs.add(each);
    for (const each of all.slice(0, 2000)) jobs.delete(each);
    jobs.delete(all[2500]);
    jobs.delete(all[2999]);
    jobs.delete(job('2600', 2600));
    jobs.delete(all[0]);
    expect(jobs.size).toBe(998);
    jobs.add(job('early', 1));
    expect(jobs.first()?.id).toBe('early');
    expect(jobs.slice(1, 2)[0]).toBe(all[2000]);
    expect(jobs.pageBefore(undefined, 1).jobs[0]).toBe(all[2998]);
    expect(jobs.pageBefore(all[2000], 5)).toMatchObject({ jobs: [{ id: 'early' }], more: false });
    expect(jobs.pageBefore({ id: 'early', rank: 1 }, 5)).toEqual({ jobs: [], more: false });
    expect(jobs.pageBehind(undefined, 1).jobs[0].id).toBe('early');
  });
});
