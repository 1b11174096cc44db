import { randomUUID } from 'node:crypto';
import type { ExecutorLease } from '../../core/ports/bulks.js';
import type { Connection } from '../../core/ports/connection.js';
import type { DutyLogger } from '../../duties/duty-logger.js';
import { OutageLog } from '../../duties/outage-log.js';
import { PeriodicLoop, UNTIL_WOKEN } from '../../duties/periodic-loop.js';
import type { QueueScope } from '../../queue/queue-scope.js';
import { BulkExecutor, LEASE_MS } from './bulk-executor.js';

interface Entry {
  executor: BulkExecutor;
  loop: PeriodicLoop;
  /** No turn will come by itself. */
  isAsleep: boolean;
}

/** The executors of this process, one for each queue of which it has heard of an operation. */
export class BulkExecutors {
  /** Of this process, random per start. A process with workers gives it the id by which `processes` lists it. */
  id: string = randomUUID();
  private readonly entries = new Map<string, Entry>();
  private readonly outages: OutageLog;
  private stopping = false;

  constructor(
    connection: Connection,
    private readonly logger: DutyLogger,
  ) {
    this.outages = new OutageLog(logger, connection);
  }

  /** With which an operation is started here: once this process ends, another one may take it at once. */
  get lease(): ExecutorLease {
    return { executor: this.id, leaseMs: this.stopping ? 0 : LEASE_MS };
  }

  /** Operations of the queue run: whoever has none to work at looks whether it can take one. */
  expect(scope: QueueScope): void {
    const entry = this.entryOf(scope);
    if (!entry.isAsleep || this.stopping) return;
    entry.isAsleep = false;
    entry.loop.wake();
  }

  /** An operation was started here. */
  begin(scope: QueueScope): void {
    if (this.stopping) return;
    const entry = this.entryOf(scope);
    entry.isAsleep = false;
    entry.loop.wake();
  }

  /** When the next step of an operation that this process holds may begin: store time, ms. */
  get nextDueAt(): number | undefined {
    const due = [...this.entries.values()].flatMap(({ executor }) => executor.nextDueAt ?? []);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /** A turn of each, without waiting for a timer: for tests that move a clock. */
  async runOnce(): Promise<void> {
    await Promise.all([...this.entries.values()].map(({ loop }) => loop.runOnce()));
  }

  /** No executor calls the store after it resolves; other processes may go on at once with what was held here. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(
      [...this.entries.values()].map(async ({ executor, loop }) => {
        await loop.stop();
        // Where the store does not answer, the leases end by themselves.
        await executor.release().catch((error: unknown) => this.outages.failed(loop.name, error));
      }),
    );
  }

  private entryOf(scope: QueueScope): Entry {
    const known = this.entries.get(scope.queue);
    if (known !== undefined) return known;
    const executor = new BulkExecutor(scope, this.id, this.logger);
    const loop = new PeriodicLoop({
      name: `bulk operations of "${scope.queue}"`,
      step: async () => {
        const delayMs = await executor.work(() => this.stopping);
        entry.isAsleep = delayMs === UNTIL_WOKEN;
        return delayMs;
      },
      jitter: 0,
      outages: this.outages,
    });
    const entry: Entry = { executor, loop, isAsleep: true };
    this.entries.set(scope.queue, entry);
    loop.start(UNTIL_WOKEN);
    return entry;
  }
}
