import type { OldestJobs, QueueCounts } from '../core/ports/curation.js';
import { SERIES, type SeriesName } from '../core/ports/statistics.js';
import type { Store } from '../core/ports/store.js';
import type { StoreReport } from '../core/store-report.js';
import { OUTCOMES } from '../core/run-counts.js';
import type { ProcessInfo } from '../inspector/process-info.js';
import { listProcesses } from '../inspector/queue-lister.js';

export type AlertedStore = Pick<Store, 'alerts' | 'connection' | 'curation' | 'presence' | 'statistics' | 'timetable'>;

/** What ended in one step of a history. */
export interface EndedStep {
  /** Begin and end of the step, ms. */
  from: number;
  to: number;
  completed: number;
  dead: number;
}

/** Steps of one look at a history: more would be read for nothing. */
const MOST_STEPS = 120;
/** Due schedules that are looked at: the first by the time of their look need not be the one whose tick is oldest. */
const DUE_SCHEDULES = 10;
const COMPLETED = OUTCOMES.indexOf('completed');
const DEAD = OUTCOMES.indexOf('dead');

/** What the store says at one look. Each fact is asked for once, whatever the number of rules that need it. */
export class StoreFacts {
  private readonly asked = new Map<string, Promise<unknown>>();

  constructor(
    private readonly store: AlertedStore,
    /** Store time of the look, ms. */
    readonly now: number,
  ) {}

  /** Every queue that the registry knows. */
  queues(): Promise<string[]> {
    return this.once('queues', () => this.store.presence.queues());
  }

  counts(queue: string): Promise<QueueCounts> {
    return this.once(`counts ${queue}`, () => this.store.curation.counts(queue));
  }

  oldest(queue: string): Promise<OldestJobs> {
    return this.once(`oldest ${queue}`, () => this.store.curation.oldest(queue));
  }

  /** How many processes work on the queue. */
  async workersOf(queue: string): Promise<number> {
    const processes = await this.once<ProcessInfo[]>('processes', () => listProcesses(this.store.presence));
    return processes.filter(({ queues }) => queues.some((each) => each.queue === queue)).length;
  }

  /** The oldest tick that is due and not fired, ms; undefined for none. */
  async oldestTick(queue: string): Promise<number | undefined> {
    const { due } = await this.once(`due ${queue}`, () => this.store.timetable.due(queue, DUE_SCHEDULES));
    return due.length === 0 ? undefined : Math.min(...due.map(({ tick }) => tick));
  }

  memory(): Promise<StoreReport['memory']> {
    return this.once('memory', async () => (await this.store.connection.examine()).memory);
  }

  /** What ended since then, oldest first, without empty steps; the first step may have begun before. */
  endedSince(queue: string, from: number): Promise<EndedStep[]> {
    return this.once(`ended ${queue} ${from}`, async () => {
      const series = seriesFor(this.now - from);
      const { stepMs } = SERIES[series];
      const [first, last] = [Math.floor(from / stepMs), Math.floor(this.now / stepMs)];
      const slots = await this.store.statistics.read(queue, '', series, first, last);
      return slots.map(({ slot, counts }) => ({
        ...{ from: slot * stepMs, to: (slot + 1) * stepMs },
        ...{ completed: counts[COMPLETED], dead: counts[DEAD] },
      }));
    });
  }

  private once<T>(key: string, read: () => Promise<T>): Promise<T> {
    let answer = this.asked.get(key) as Promise<T> | undefined;
    if (answer === undefined) this.asked.set(key, (answer = read()));
    return answer;
  }
}

/** The finest one that needs few steps for so long. */
function seriesFor(ms: number): SeriesName {
  if (ms <= SERIES.minutes.stepMs * MOST_STEPS) return 'minutes';
  return ms <= SERIES.tenMinutes.stepMs * MOST_STEPS ? 'tenMinutes' : 'hours';
}
