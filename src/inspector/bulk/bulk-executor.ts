import { performance } from 'node:perf_hooks';
import type { BulkRecord, ExecutorLease } from '../../core/ports/bulks.js';
import { messageOfThrown } from '../../core/thrown-reader.js';
import type { DutyLogger } from '../../duties/duty-logger.js';
import { UNTIL_WOKEN } from '../../duties/periodic-loop.js';
import type { QueueScope } from '../../queue/queue-scope.js';
import { DutyCycle } from '../duty-cycle.js';
import { BulkRun, letGo } from './bulk-run.js';

/** An executor that is gone is followed by another after this. */
export const LEASE_MS = 5000;
/** A lease is renewed so often at least: by a claim, or by a step. */
const RENEW_MS = LEASE_MS / 3;
/** Several processes do not ask at the same moment for what the lease of another frees. */
const SPREAD_MS = 500;

/** Works at the bulk operations of one queue, as far as no other process does. */
export class BulkExecutor {
  private readonly lease: ExecutorLease;
  private readonly runs = new Map<string, BulkRun>();
  private readonly unreadable = new Set<string>();
  private readonly duty = new DutyCycle();

  constructor(
    private readonly scope: QueueScope,
    executor: string,
    private readonly logger: DutyLogger,
  ) {
    this.lease = { executor, leaseMs: LEASE_MS };
  }

  /** When the next step of an operation that is held may begin: store time, ms. */
  get nextDueAt(): number | undefined {
    return this.runs.size === 0 ? undefined : Math.min(...[...this.runs.values()].map(({ dueAt }) => dueAt));
  }

  /** Takes what nobody works at, and works at it for a while. @returns the delay before the next turn, ms */
  async work(isStopping: () => boolean): Promise<number> {
    const { store, queue } = this.scope;
    const { claimed, nextFreeAt } = await store.bulks.claim(queue, this.lease);
    await this.take(claimed);
    const renewAt = performance.now() + RENEW_MS;
    while (!isStopping() && performance.now() < renewAt) {
      const run = this.nextDue();
      if (run === undefined) break;
      const spentMs = await run.step();
      if (run.isOver) this.runs.delete(run.id);
      await this.duty.rest(spentMs, undefined);
    }
    const now = store.connection.now();
    const { nextDueAt } = this;
    if (nextDueAt !== undefined) return Math.min(RENEW_MS, Math.max(0, nextDueAt - now));
    return nextFreeAt === undefined ? UNTIL_WOKEN : Math.max(0, nextFreeAt - now) + SPREAD_MS * Math.random();
  }

  /** Others may go on at once with what this one holds. */
  async release(): Promise<void> {
    const held = [...this.runs.values()];
    this.runs.clear();
    await Promise.all(held.map((run) => run.release()));
  }

  private async take(claimed: readonly BulkRecord[]): Promise<void> {
    const ids = new Set(claimed.map(({ id }) => id));
    for (const id of this.runs.keys()) if (!ids.has(id)) this.runs.delete(id);
    for (const record of claimed) {
      const known = this.runs.get(record.id);
      if (known === undefined) await this.begin(record);
      else known.update(record);
    }
  }

  private async begin(record: BulkRecord): Promise<void> {
    try {
      this.runs.set(record.id, new BulkRun(this.scope, this.lease, record));
    } catch (error) {
      this.reportUnreadable(record, error);
      // A process of the version that stored it can.
      await letGo(this.scope, record, this.lease.executor);
    }
  }

  private reportUnreadable({ id }: BulkRecord, error: unknown): void {
    if (this.unreadable.has(id)) return;
    this.unreadable.add(id);
    this.logger.warn(
      `Queue "${this.scope.queue}": bulk operation "${id}" is left to other processes, because this one cannot read it: ` +
        messageOfThrown(error),
    );
  }

  /** The one that waits longest. */
  private nextDue(): BulkRun | undefined {
    const now = this.scope.store.connection.now();
    const due = [...this.runs.values()].filter(({ dueAt }) => dueAt <= now).sort((a, b) => a.dueAt - b.dueAt)[0];
    if (due === undefined) return undefined;
    // Of those that may go on at once, each has its turn.
    this.runs.delete(due.id);
    this.runs.set(due.id, due);
    return due;
  }
}
