import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { EndPage, JobEnd } from '../../src/core/ports/duties.js';
import type { RetentionLimit } from '../../src/core/job.js';
import { Maintenance } from '../../src/duties/maintenance.js';
import { OwnTrimmer } from '../../src/duties/own-trimmer.js';
import { DEFAULTS } from '../../src/options/defaults.js';
import { RecordingLogger } from '../support/recording-logger.js';

const NOW = 1_700_000_000_000;
const DAY_MS = 86_400_000;
const going = () => false;

const endOf = (number: number, name = 'few', at = NOW, bytes = 100): JobEnd => ({
  id: `j${number}`,
  seen: `C${at}`,
  bytes,
  head: `1 {"n":"${name}"}`,
});

/** Completed jobs as a store keeps them; a place is how many were read. */
function dutiesOf(ends: JobEnd[]) {
  return {
    ends,
    readEnds: jest.fn(
      async (_queue: string, state: string, place: string | undefined, limit: number): Promise<EndPage> => {
        if (state !== 'completed') return { now: NOW, ends: [], place: undefined, more: false };
        const from = Number(place ?? 0);
        const page = ends.slice(from, from + limit);
        return { now: NOW, ends: page, place: String(from + page.length), more: from + page.length < ends.length };
      },
    ),
    dropEnds: jest.fn(async (_queue: string, dropped: readonly Pick<JobEnd, 'id' | 'seen'>[]) => dropped.length),
  };
}

const droppedFrom = (duties: ReturnType<typeof dutiesOf>) =>
  duties.dropEnds.mock.calls.map(([, dropped]) => dropped.map(({ id }) => id));

function trimmerOf(duties: ReturnType<typeof dutiesOf>, rules: Record<string, Partial<RetentionLimit>>) {
  return new OwnTrimmer(duties as never, 'work', (_queue, _state, header) => {
    const rule = rules[header.n ?? ''] as Partial<RetentionLimit> | undefined;
    return rule && { scope: header.n ?? '', rule: { count: 1000, ageMs: DAY_MS, bytes: 1_000_000, ...rule } };
  });
}
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe('the trimmer of own rules', () => {
  it('reads each end once, and removes a hundred in a call', async () => {
    const duties = dutiesOf(numbers(1, 250).map((number) => endOf(number)));
    const trimmer = trimmerOf(duties, { few: { count: 10 } });
    await trimmer.trim(going);
    expect(droppedFrom(duties).map(({ length }) => length)).toEqual([100, 100, 40]);
    expect(droppedFrom(duties).flat()).toEqual(numbers(1, 240).map((number) => `j${number}`));
    const pages = duties.readEnds.mock.calls.filter(([, state]) => state === 'completed').length;
    duties.ends.push(endOf(251), endOf(252, 'other'));
    await trimmer.trim(going);
    expect(droppedFrom(duties).slice(3)).toEqual([['j241']]);
    const places = duties.readEnds.mock.calls.filter(([, state]) => state === 'completed').slice(pages);
    expect(places.map(([, , place]) => place)).toEqual(['250']);
  });

  it('counts each scope alone, by count, bytes and age, and what says more than its neighbours keeps more', async () => {
    const duties = dutiesOf([
      endOf(1, 'old', NOW - 5000),
      endOf(2, 'big', NOW, 600),
      endOf(3, 'big', NOW, 300),
      endOf(4, 'big', NOW, 300),
      endOf(5, 'few'),
      endOf(6, 'few'),
      endOf(7, 'others'),
      endOf(8, 'old', NOW - 4999),
    ]);
    await trimmerOf(duties, { old: { ageMs: 4999 }, big: { bytes: 600 }, few: { count: 1 } }).trim(going);
    expect(droppedFrom(duties).flat().sort()).toEqual(['j1', 'j2', 'j5']);
  });

  it('knows a job that ended once more, and one that comes twice', async () => {
    const duties = dutiesOf([endOf(1), endOf(2), endOf(2), endOf(1, 'few', NOW + 1)]);
    const trimmer = trimmerOf(duties, { few: { count: 1 } });
    await trimmer.trim(going);
    expect(duties.dropEnds.mock.calls.flatMap(([, dropped]) => dropped)).toMatchObject([{ id: 'j2' }]);
  });

  it('gives no call more than the store removes in two milliseconds', async () => {
    const duties = dutiesOf(numbers(1, 6).map((number) => endOf(number, 'few', NOW, number === 1 ? 600_000 : 200_000)));
    await trimmerOf(duties, { few: { count: 0 } }).trim(going);
    expect(droppedFrom(duties)).toEqual([['j1'], ['j2', 'j3'], ['j4', 'j5'], ['j6']]);
  });

  it('removes in the next turn what a failed call left', async () => {
    const duties = dutiesOf(numbers(1, 150).map((number) => endOf(number)));
    const trimmer = trimmerOf(duties, { few: { count: 10 } });
    duties.dropEnds.mockResolvedValueOnce(100).mockRejectedValueOnce(new Error('away'));
    await expect(trimmer.trim(going)).rejects.toThrow('away');
    await trimmer.trim(going);
    expect(droppedFrom(duties)[2]).toEqual(numbers(101, 140).map((number) => `j${number}`));
  });

  it('leaves a record alone whose first line it cannot read', async () => {
    const duties = dutiesOf([endOf(1), { ...endOf(2), head: '9 nonsense' }, endOf(3)]);
    await trimmerOf(duties, { few: { count: 1 } }).trim(going);
    expect(droppedFrom(duties)).toEqual([['j1']]);
  });
});

describe('the duty of own rules', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('looks once in two seconds, however many jobs end', async () => {
    const duties = dutiesOf([]);
    const maintenance = new Maintenance({
      store: {
        connection: {},
        duties: {
          ...duties,
          reclaim: async () => ({ now: NOW, reclaimed: 0, poisoned: [], inflight: 0, ready: 0, parked: 0 }),
          trim: async () => ({ trimmed: 0, trimmedDead: 0, more: false }),
        },
      } as never,
      queues: [{ name: 'work', leaseMs: 8000, retention: DEFAULTS.job.retention }],
      logger: new RecordingLogger(),
      ownRuleOf: () => undefined,
    });
    maintenance.start();
    for (let ms = 0; ms < 10_000; ms += 10) {
      maintenance.ownEnded('work');
      await jest.advanceTimersByTimeAsync(10);
    }
    const looks = duties.readEnds.mock.calls.filter(([, state]) => state === 'completed').length;
    expect(looks).toBeGreaterThanOrEqual(4);
    expect(looks).toBeLessThanOrEqual(5);
    await maintenance.stop();
  });
});
