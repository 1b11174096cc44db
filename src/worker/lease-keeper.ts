import type { Broker, HeldJob } from '../core/broker.js';

export interface LeaseKeeperContext {
  broker: Broker;
  queue: string;
  workerId: string;
  leaseMs: number;
  held(): HeldJob[];
  onCancelling(ids: readonly string[]): void;
  onLost(ids: readonly string[]): void;
}

/** Renewals per lease: three may be lost before it runs out. */
const BEATS_PER_LEASE = 4;

/**
 * Keeps the worker's lease alive while it holds jobs; an idle worker costs the store nothing. Learns from each beat what
 * happened while it could not look: jobs to cancel, or a lease that ran out.
 */
export class LeaseKeeper {
  private timer: NodeJS.Timeout | undefined;
  private beating = false;
  private renewedAt = 0;

  constructor(private readonly context: LeaseKeeperContext) {}

  start(): void {
    this.timer = setInterval(() => void this.beat(), this.context.leaseMs / BEATS_PER_LEASE);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** A turn that reserved has renewed the lease as well. */
  renewed(byReservation: boolean): void {
    if (byReservation) this.renewedAt = performance.now();
  }

  async reconcile(): Promise<void> {
    const { broker, queue, workerId, held, onLost } = this.context;
    const before = held();
    const { lost } = await broker.reconcile(queue, workerId, before);
    // What was settled meanwhile is no longer in flight either: only what is still held can be lost.
    const now = new Map(held().map(({ id, token }) => [id, token]));
    const tokens = new Map(before.map(({ id, token }) => [id, token]));
    onLost(lost.filter((id) => now.has(id) && now.get(id) === tokens.get(id)));
  }

  private async beat(): Promise<void> {
    const { broker, queue, workerId, leaseMs, held, onCancelling } = this.context;
    if (this.beating || held().length === 0) return;
    this.beating = true;
    try {
      const { lapsed, cancelling } = await broker.beat(queue, workerId, leaseMs);
      this.renewedAt = performance.now();
      if (cancelling.length > 0) onCancelling(cancelling);
      if (lapsed) await this.reconcile();
    } catch {
      // The next beat comes by itself; while Redis is away no lease runs out.
    } finally {
      this.beating = false;
    }
  }

  /** Milliseconds since the store last confirmed the lease. */
  get sinceRenewal(): number {
    return performance.now() - this.renewedAt;
  }
}
