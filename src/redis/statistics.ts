import { decodeCounts, encodeCounts } from '../core/run-counts.js';
import { SERIES, type RunBatch, type SeriesName, type SeriesSlot, type Statistics } from '../core/ports/statistics.js';
import type { RedisQueues } from './redis-queue.js';

/** What fields of a series begin with. */
const LETTERS: Record<SeriesName, string> = { minutes: 'm', tenMinutes: 't', hours: 'h' };

type Outline = Awaited<ReturnType<Statistics['outline']>>;

export class RedisStatistics implements Statistics {
  constructor(private readonly queues: RedisQueues) {}

  async record(queue: string, { process, sequence, version, startedAt, rows }: RunBatch): Promise<void> {
    const args = rows.flatMap(({ name, counts }) => [name, ...encodeCounts(counts)]);
    // Numbered by its caller: what it repeats after minutes is still the same call.
    await this.queues
      .of(queue)
      .run('record-runs', [`${process}/stats`, sequence, version ?? '', Math.round(startedAt), ...args]);
  }

  async outline(queue: string): Promise<Outline> {
    const target = this.queues.of(queue);
    type Found = [string | null, string | null];
    const [names, deploys] = (await target.command('hmget', [target.keys.stats, 'names', 'deploys'])) as Found;
    return {
      names: [...(names ?? '').matchAll(/(\S+) \d+/g)].map(([, name]) => name).sort(),
      deploys: [...(deploys ?? '').matchAll(/(\d+) (\S+)/g)].map(([, at, version]) => ({ at: Number(at), version })),
    };
  }

  async read(queue: string, name: string, series: SeriesName, from: number, to: number): Promise<SeriesSlot[]> {
    const target = this.queues.of(queue);
    const { slots } = SERIES[series];
    const wanted = Array.from({ length: Math.max(0, Math.min(slots, to - from + 1)) }, (_, index) => from + index);
    if (wanted.length === 0) return [];
    const fields = wanted.map((slot) => `${LETTERS[series]}${slot % slots}:${name}`);
    const texts = (await target.command('hmget', [target.keys.stats, ...fields])) as (string | null)[];
    return wanted.flatMap((slot, index) => {
      const [at, ...parts] = (texts[index] ?? '').split(' ');
      return Number(at || NaN) === slot ? [{ slot, counts: decodeCounts(parts) }] : [];
    });
  }
}
