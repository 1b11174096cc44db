import type { BeatReply, Heartbeat, WorkerSession } from '../core/ports/worker-store.js';

export interface LeaseKeeperContext {
  session: Pick<WorkerSession, 'beat'>;
  queue: string;
  leaseMs: number;
  onCancelling: (ids: readonly string[]) => void;
  /** The lease ran out at some time: others may have what this worker holds. */
  onLapse: () => void;
}

/** Renewals per lease: three may be lost before it runs out. */
const BEATS_PER_LEASE = 4;

/**
 * Keeps the worker's lease alive while it holds jobs; an idle worker costs the store nothing. Learns from each beat what
 * happened while it could not look: jobs to cancel, or a lease that ran out. A heartbeat outside of the main loop does
 * the renewing where there is one.
 */
export class LeaseKeeper {
  private timer: NodeJS.Timeout | undefined;
  /** Of the clock that set the timer: tests that fake timers may change it meanwhile. */
  private clear = clearInterval;
  private heartbeat: Heartbeat | undefined;
  private holding = false;
  private beating = false;
  /** Store time, ms: as far as an answer has told that the lease goes. */
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

  /** What a beat was answered, wherever it was made. */
  heed({ now, lapsed, cancelling }: BeatReply): void {
    // A beat that was repeated, because the reply was lost, finds the lease that it renewed itself.
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
   * A reservation renews a lease without telling whether it had run out, and the beat behind it would find nothing wrong:
   * a process that was frozen looks at the time of its first answer.
   * @param now store time, ms, of an answer
   */
  mayHaveLapsed(now: number): boolean {
    return now >= this.endsAt;
  }

  private async beat(): Promise<void> {
    if (this.beating || !this.holding) return;
    this.beating = true;
    try {
      this.heed(await this.context.session.beat());
    } catch {
      // The next beat comes by itself; while Redis is away no lease runs out.
    } finally {
      this.beating = false;
    }
  }
}
