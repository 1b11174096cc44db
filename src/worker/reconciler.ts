import type { HeldJob } from '../core/ports/worker-store.js';
import type { WorkerSession } from '../core/ports/worker-store.js';

/** After a failure turns go first; then the comparison is tried again. */
const RETRY_MS = 2000;

/** Compares what the worker holds with the store, once one of them may know of jobs that the other does not. */
export class Reconciler {
  /** What this worker holds and what the store says may differ. */
  private due = false;
  private running = false;
  private closed = false;
  private retryTimer: NodeJS.Timeout | undefined;

  /** @param onChange a comparison is due, or one has ended */
  constructor(
    private readonly session: WorkerSession,
    private readonly held: () => HeldJob[],
    private readonly onChange: () => void,
  ) {}

  get isDue(): boolean {
    return this.due;
  }

  get isReconciling(): boolean {
    return this.running;
  }

  /** The next step of the worker is a comparison. */
  request(): void {
    this.due = true;
    this.onChange();
  }

  /** Never beside a turn. */
  async reconcile(): Promise<void> {
    this.running = true;
    this.due = false;
    try {
      await this.session.reconcile(this.held());
    } catch {
      clearTimeout(this.retryTimer);
      if (!this.closed) this.retryTimer = setTimeout(() => this.request(), RETRY_MS);
    }
    this.running = false;
    this.onChange();
  }

  stop(): void {
    this.closed = true;
    clearTimeout(this.retryTimer);
  }
}
