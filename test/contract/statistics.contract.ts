import { describe, expect, it } from '@jest/globals';
import { emptyCounts, RUN_BUCKETS, RUN_SUM, type RunRow } from '../../src/core/run-counts.js';
import { SERIES, type SeriesName } from '../../src/core/ports/statistics.js';
import { RULES } from '../../src/core/rules.js';
import { QUEUE, type StoreDriver } from './store-driver.js';

const COMPLETED = 0;
const DEAD = 1;

/** So many completed runs of 3 ms, and dead ones without a run. */
function row(name: string, completed: number, dead = 0): RunRow {
  const counts = emptyCounts();
  counts[COMPLETED] = completed;
  counts[DEAD] = dead;
  counts[RUN_SUM] = completed * 3;
  counts[RUN_BUCKETS + 2] = completed;
  return { name, counts };
}

export function statisticsContract(use: () => StoreDriver): void {
  const sequences = new Map<string, number>();

  async function record(process: string, rows: RunRow[], more: { version?: string; startedAt?: number } = {}) {
    const driver = use();
    const sequence = (sequences.get(process) ?? 0) + 1;
    sequences.set(process, sequence);
    await driver.store.statistics.record(QUEUE, {
      ...{ process, sequence, rows },
      version: more.version,
      startedAt: more.startedAt ?? driver.now(),
    });
    return sequence;
  }

  async function read(name: string, series: SeriesName = 'minutes') {
    const driver = use();
    const { stepMs, slots } = SERIES[series];
    const last = Math.floor(driver.now() / stepMs);
    const found = await driver.store.statistics.read(QUEUE, name, series, last - slots + 1, last);
    return found.map(({ slot, counts }) => [last - slot, counts[COMPLETED], counts[DEAD]]);
  }

  describe('the history of runs', () => {
    it('is empty at first', async () => {
      const { statistics } = use().store;
      expect(await read('')).toEqual([]);
      expect(await statistics.outline(QUEUE)).toEqual({ names: [], deploys: [] });
    });

    it('sums what processes record in one step, for the queue and for each name, in every series', async () => {
      await record('p1', [row('', 5, 1), row('send', 3, 1), row('list', 2)]);
      await record('p2', [row('', 4), row('send', 4)]);
      for (const series of ['minutes', 'tenMinutes', 'hours'] as const) {
        expect(await read('', series)).toEqual([[0, 9, 1]]);
        expect(await read('send', series)).toEqual([[0, 7, 1]]);
        expect(await read('list', series)).toEqual([[0, 2, 0]]);
      }
      expect((await use().store.statistics.outline(QUEUE)).names).toEqual(['list', 'send']);
    });

    it('keeps sums and buckets', async () => {
      await record('p1', [row('', 5)]);
      await record('p2', [row('', 2)]);
      const slot = Math.floor(use().now() / 60_000);
      const [{ counts }] = await use().store.statistics.read(QUEUE, '', 'minutes', slot, slot);
      const expected = emptyCounts();
      expected[COMPLETED] = 7;
      expected[RUN_SUM] = 21;
      expected[RUN_BUCKETS + 2] = 7;
      expect(counts).toEqual(expected);
    });

    it('counts a batch that is repeated once', async () => {
      const { statistics } = use().store;
      const sequence = await record('p1', [row('', 5), row('send', 5)]);
      const again = { process: 'p1', sequence, rows: [row('', 5), row('send', 5)], version: undefined, startedAt: 0 };
      await statistics.record(QUEUE, again);
      await statistics.record(QUEUE, { ...again, sequence: sequence - 1 });
      expect(await read('')).toEqual([[0, 5, 0]]);
      expect(await read('send')).toEqual([[0, 5, 0]]);
    });

    it('moves on with time, and forgets what left its series', async () => {
      const driver = use();
      await record('p1', [row('', 1)]);
      await driver.advance(60_000);
      await record('p1', [row('', 2)]);
      expect(await read('')).toEqual([
        [1, 1, 0],
        [0, 2, 0],
      ]);
      await driver.advance((RULES.minuteSlots - 1) * 60_000);
      expect(await read('')).toEqual([[RULES.minuteSlots - 1, 2, 0]]);
      await driver.advance(60_000);
      await record('p1', [row('', 7)]); // in the place of the second minute
      expect(await read('')).toEqual([[0, 7, 0]]);
      expect((await read('', 'hours')).map(([, completed]) => completed)).toEqual([3, 7]);
    });

    it('reads the steps that are asked for alone', async () => {
      const driver = use();
      for (const count of [1, 2, 3]) {
        await record('p1', [row('', count)]);
        await driver.advance(60_000);
      }
      const slot = Math.floor(driver.now() / 60_000);
      const found = await driver.store.statistics.read(QUEUE, '', 'minutes', slot - 2, slot - 2);
      expect(found.map(({ counts }) => counts[COMPLETED])).toEqual([2]);
      expect(await driver.store.statistics.read(QUEUE, '', 'minutes', slot, slot - 1)).toEqual([]);
    });

    it('has series of so many names, and one of all others; a name that was silent for a month makes room', async () => {
      const driver = use();
      const names = Array.from({ length: RULES.mostStatNames }, (_, index) => `n${index}`);
      for (let first = 0; first < names.length; first += 10) {
        await record(
          'p1',
          names.slice(first, first + 10).map((name) => row(name, 1)),
        );
      }
      await record('p1', [row('late', 1), row('later', 2), row('n3', 4)]);
      const { statistics } = driver.store;
      expect((await statistics.outline(QUEUE)).names).toEqual([...names, 'other'].sort());
      expect(await read('other')).toEqual([[0, 3, 0]]);
      expect(await read('late')).toEqual([]);
      expect(await read('n3')).toEqual([[0, 5, 0]]);
      await driver.advance((RULES.hourSlots + 1) * 3_600_000);
      await record('p1', [row('late', 6)]);
      const outline = await statistics.outline(QUEUE);
      expect(outline.names).toContain('late');
      expect(outline.names).toHaveLength(RULES.mostStatNames + 1);
      expect(await read('late')).toEqual([[0, 6, 0]]);
    });

    it('marks releases by the start of their first process, a rollback among them, and not twice', async () => {
      const driver = use();
      const at = driver.now();
      const start = (process: string, version: string, startedAt: number) =>
        record(process, [row('', 1)], { version, startedAt });
      await start('p1', 'v1', at);
      await start('p2', 'v1', at + 5);
      await start('p3', 'v2', at + 20);
      await start('p4', 'v2', at + 10);
      await start('p1', 'v1', at); // works on while others are replaced
      await start('p5', 'v1', at + 30);
      expect((await driver.store.statistics.outline(QUEUE)).deploys).toEqual([
        { at, version: 'v1' },
        { at: at + 10, version: 'v2' },
        { at: at + 30, version: 'v1' },
      ]);
      for (let index = 0; index < RULES.mostDeploys + 3; index++) await start('p6', `w${index}`, at + 100 + index);
      const { deploys } = await driver.store.statistics.outline(QUEUE);
      expect(deploys).toHaveLength(RULES.mostDeploys);
      expect(deploys.at(-1)).toEqual({ at: at + 100 + RULES.mostDeploys + 2, version: `w${RULES.mostDeploys + 2}` });
    });
  });
}
