import type { Store } from '../core/ports/store.js';
import { MOST_ROWS, type RunBatch } from '../core/ports/statistics.js';
import { RULES } from '../core/rules.js';
import type { RunTally } from '../core/run-tally.js';
import type { DutyLogger } from '../duties/duty-logger.js';
import { OutageLog } from '../duties/outage-log.js';
import { PeriodicLoop } from '../duties/periodic-loop.js';

const EVERY_MS = 10_000;
const JITTER = 0.1;

export interface RecorderContext {
  store: Pick<Store, 'connection' | 'statistics'>;
  /** Of this process, random per start. */
  id: string;
  version: string | undefined;
  /** Of each queue of which runs ended here. */
  tallies: () => Iterable<readonly [queue: string, tally: RunTally]>;
  logger: DutyLogger;
}

/** A batch that the store may have, or not. */
interface SentBatch {
  batch: RunBatch;
  /** performance.now() of the first try; undefined before it. */
  triedAt: number | undefined;
}

interface QueueRecord {
  sequence: number;
  waiting: SentBatch[];
}

/**
 * Brings what ended in this process into the histories of its queues: a call per queue in ten seconds, and none where nothing
 * ended. A batch is repeated under its number until the store answers, so that it counts once.
 */
export class Recorder {
  private readonly loop: PeriodicLoop;
  private readonly records = new Map<string, QueueRecord>();
  private startedAt: number | undefined;
  /** The last look brought everything into the store. */
  private worked = false;

  constructor(private readonly context: RecorderContext) {
    const { store, logger } = context;
    this.loop = new PeriodicLoop({
      name: 'recorder of histories',
      step: () => this.record(),
      jitter: JITTER,
      outages: new OutageLog(logger, store.connection),
      inBackground: true,
    });
  }

  start(): void {
    this.startedAt = this.context.store.connection.now();
    this.worked = true;
    this.loop.start(EVERY_MS);
  }

  /** What ended since the last look is recorded, unless the store did not answer then. */
  async stop(): Promise<void> {
    if (this.startedAt === undefined) return;
    await this.loop.stop();
    if (this.worked) await this.record().catch(() => {});
    this.startedAt = undefined;
  }

  /** @returns the delay before the next look, ms */
  async record(): Promise<number> {
    this.worked = false;
    for (const [queue, tally] of this.context.tallies()) await this.recordQueue(queue, tally);
    this.worked = true;
    return EVERY_MS;
  }

  private async recordQueue(queue: string, tally: RunTally): Promise<void> {
    let record = this.records.get(queue);
    if (record === undefined) this.records.set(queue, (record = { sequence: 0, waiting: [] }));
    const { waiting } = record;
    if (waiting.length === 0) this.collect(record, tally);
    while (waiting.length > 0) {
      const [next] = waiting;
      // The store remembers calls for a time: later it could not tell a repetition.
      if (performance.now() - (next.triedAt ??= performance.now()) < RULES.callMemoryMs * 0.9) {
        await this.context.store.statistics.record(queue, next.batch);
      }
      waiting.shift();
      if (waiting.length === 0) this.collect(record, tally);
    }
  }

  private collect(record: QueueRecord, tally: RunTally): void {
    const { id: process, version } = this.context;
    const rows = tally.take();
    for (let first = 0; first < rows.length; first += MOST_ROWS) {
      const batch: RunBatch = {
        ...{ process, version, sequence: ++record.sequence, startedAt: this.startedAt ?? 0 },
        rows: rows.slice(first, first + MOST_ROWS),
      };
      record.waiting.push({ batch, triedAt: undefined });
    }
  }
}
