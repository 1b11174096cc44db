import type { Unsubscribe } from '../core/ports/connection.js';
import type { StoredJob } from '../core/ports/curation.js';
import type { SettledNotice } from '../core/ports/notices.js';
import type { Notices } from '../core/ports/notices.js';
import { decodeSettledLine, splitRecord, type SettledLine } from '../core/envelope.js';
import { BrokerUnavailableError } from '../core/errors/store-errors.js';
import { isSettled } from '../core/job.js';

/** How a wait ended: the job's end, or why there is none to tell. */
export type WaitEnd = SettledLine | 'timeout' | 'gone';

interface Wait {
  deadline: number;
  timer: NodeJS.Timeout | undefined;
  end(how: WaitEnd): void;
  fail(error: unknown): void;
}

/** A registration outlives its wait by this much, so that clocks and replies may be late. */
const MARGIN_MS = 5000;
/** A longer timer would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Jobs looked at side by side after a reconnect. */
const RESYNC_STEP = 100;

/**
 * Waits for the ends of jobs of one queue. One subscription serves all of them, from the first wait on. Each wait
 * registers, then reads, so that an end before, between or after is seen; after a reconnect every job is read again.
 */
export class ResultWaiter {
  private readonly waits = new Map<string, Set<Wait>>();
  private subscription: Promise<Unsubscribe> | undefined;
  private resyncing = false;
  private resyncAgain = false;
  private closed = false;

  constructor(
    private readonly queue: string,
    private readonly notices: Notices,
  ) {}

  /** Waits under way, for tests and metrics. */
  get size(): number {
    let size = 0;
    for (const waits of this.waits.values()) size += waits.size;
    return size;
  }

  /**
   * @param number the store's own id of the job: a user's id may name another job by the time this one has ended
   * @returns within `timeoutMs` and the time of one call to the store
   */
  async wait(number: string, timeoutMs: number): Promise<WaitEnd> {
    const deadline = performance.now() + Math.min(timeoutMs, LONGEST_TIMER_MS);
    await this.listen();
    let wait!: Wait;
    const ended = new Promise<WaitEnd>((resolve, reject) => {
      wait = { deadline, timer: undefined, end: resolve, fail: reject };
    });
    this.add(number, wait);
    // A failure of the call below is thrown by itself; close() may fail this promise while nobody awaits it yet.
    ended.catch(() => {});
    try {
      const stored = await this.notices.awaitSettled(this.queue, number, remainingOf(deadline) + MARGIN_MS);
      const end = endOf(stored, number);
      if (end !== undefined) return end;
      wait.timer = setTimeout(() => wait.end('timeout'), remainingOf(deadline));
      return await ended;
    } finally {
      clearTimeout(wait.timer);
      this.delete(number, wait);
    }
  }

  /** Fails the waits under way; later ones fail at once. */
  async close(): Promise<void> {
    this.closed = true;
    for (const waits of this.waits.values()) for (const wait of waits) wait.fail(closedError());
    try {
      await (
        await this.subscription
      )?.();
    } catch {
      // It never was, or the connection is gone and the subscription with it.
    }
  }

  private async listen(): Promise<void> {
    if (this.closed) throw closedError();
    this.subscription ??= this.notices.onSettled(this.queue, (notice) => this.receive(notice));
    const subscription = this.subscription;
    try {
      await subscription;
    } catch (error) {
      // The next wait tries again.
      if (this.subscription === subscription) this.subscription = undefined;
      throw error;
    }
  }

  private receive(notice: SettledNotice | 'resync'): void {
    if (notice === 'resync') {
      void this.resync();
      return;
    }
    const waits = this.waits.get(notice.id);
    if (waits === undefined) return;
    try {
      const line = decodeSettledLine(notice.line);
      for (const wait of waits) wait.end(line);
    } catch (error) {
      for (const wait of waits) wait.fail(error);
    }
  }

  /** Anything may have been missed: every job is registered and read again. */
  private async resync(): Promise<void> {
    this.resyncAgain = this.resyncing;
    if (this.resyncing) return;
    this.resyncing = true;
    const numbers = [...this.waits.keys()];
    for (let first = 0; first < numbers.length; first += RESYNC_STEP) {
      await Promise.all(numbers.slice(first, first + RESYNC_STEP).map((number) => this.look(number)));
    }
    this.resyncing = false;
    if (this.resyncAgain) await this.resync();
  }

  private async look(number: string): Promise<void> {
    const waits = this.waits.get(number);
    if (waits === undefined) return;
    const deadline = Math.max(...[...waits].map((wait) => wait.deadline));
    try {
      const stored = await this.notices.awaitSettled(this.queue, number, remainingOf(deadline) + MARGIN_MS);
      const end = endOf(stored, number);
      if (end !== undefined) for (const wait of waits) wait.end(end);
    } catch {
      // The store is away again: the reconnect after that brings another resync, and each wait has its timer.
    }
  }

  private add(number: string, wait: Wait): void {
    const waits = this.waits.get(number);
    if (waits === undefined) this.waits.set(number, new Set([wait]));
    else waits.add(wait);
  }

  private delete(number: string, wait: Wait): void {
    const waits = this.waits.get(number);
    waits?.delete(wait);
    if (waits?.size === 0) this.waits.delete(number);
  }
}

function endOf(stored: StoredJob | undefined, number: string): WaitEnd | undefined {
  // An id of a user may look like the number of a job that is gone.
  if (stored?.id !== number) return 'gone';
  return isSettled(stored.state) ? splitRecord(stored.record).settled : undefined;
}

function remainingOf(deadline: number): number {
  return Math.max(0, Math.round(deadline - performance.now()));
}

function closedError(): BrokerUnavailableError {
  return new BrokerUnavailableError('The application shut down while a result was awaited.');
}
