import type { BeatReply, Heartbeat, WorkerSession } from '../core/ports/worker-store.js';

export interface LeaseKeeperContext {
  session: Pick<WorkerSession, 'beat'>;
  queue: string;
  leaseMs: number;
  onCancelling: (ids: readonly string[]) => void;
  /** The lease ran out at some time: other workers may have the jobs that this one holds. */
  onLapse: () => void;
}

/** Renewals per lease: three may be lost before it runs out. */
const BEATS_PER_LEASE = 4;

/**
 * Renews the worker's lease while it holds jobs. An idle worker renews nothing and costs the store nothing. The reply of each
 * beat also names jobs to cancel and shows a lease that has run out. Where there is a heartbeat thread, it does the renewing.
 */
export class LeaseKeeper {
  private timer: NodeJS.Timeout | undefined;
  /** Of the clock that set the timer: tests that fake timers may change it meanwhile. */
  private clear = clearInterval;
  private heartbeat: Heartbeat | undefined;
  private holding = false;
  private beating = false;
  /** Store time, ms: the end of the lease by the last answer. */
  private endsAt = 0;

  constructor(private readonly context: LeaseKeeperContext) {}

  start(heartbeat: Heartbeat | undefined): void {
    this.heartbeat = heartbeat;
    if (heartbeat === undefined) this.beatFromLoop();
  }

  /** The heartbeat thread is gone: better late beats than none. */
  beatFromLoop(): void {
    this.heartbeat = undefined;
    if (this.timer !== undefined) return;
    this.clear = clearInterval;
    this.timer = setInterval(() => void this.beat(), this.context.leaseMs / BEATS_PER_LEASE);
  }

  stop(): void {
    const { clear } = this;
    clear(this.timer);
    this.holds(false);
  }

  /** Whether there is anything to keep a lease for. */
  holds(holding: boolean): void {
    if (holding === this.holding) return;
    this.holding = holding;
    this.heartbeat?.holds(this.context.queue, holding);
  }

  /** Applies the reply of a beat, of this loop or of the heartbeat thread. */
  applyBeat({ now, lapsed, cancelling }: BeatReply): void {
    // A repeated beat, whose first reply was lost, finds the lease that it renewed itself: the times are compared, too.
    const mayHaveLapsed = lapsed || (this.endsAt > 0 && this.mayHaveLapsed(now));
    this.renewed(now);
    if (cancelling.length > 0) this.context.onCancelling(cancelling);
    if (mayHaveLapsed) this.context.onLapse();
  }

  /** @param now store time, ms, at which the lease began anew */
  renewed(now: number): void {
    this.endsAt = Math.max(this.endsAt, now + this.context.leaseMs);
  }

  /**
   * A reservation renews a lease and does not say whether it had run out, and the next beat finds nothing wrong. A process
   * that was frozen therefore compares the time of its first answer.
   * @param now store time, ms, of an answer
   */
  mayHaveLapsed(now: number): boolean {
    return now >= this.endsAt;
  }

  private async beat(): Promise<void> {
    if (this.beating || !this.holding) return;
    this.beating = true;
    try {
      this.applyBeat(await this.context.session.beat());
    } catch {
      // The next beat comes by itself; while Redis is away no lease runs out.
    } finally {
      this.beating = false;
    }
  }
}
