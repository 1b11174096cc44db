const LONGEST_TIMER_MS = 3_600_000;

/** Wakes the worker when the next scheduled job is due. */
export class DueTimer {
  private timer: NodeJS.Timeout | undefined;
  private dueAt = Infinity;

  /** @param now the store's clock, ms */
  constructor(
    private readonly now: () => number,
    private readonly onDue: () => void,
  ) {}

  /** @param dueAt store time, ms */
  arm(dueAt: number | undefined): void {
    if (dueAt === undefined || (this.timer !== undefined && this.dueAt <= dueAt)) return;
    clearTimeout(this.timer);
    this.dueAt = dueAt;
    const waitMs = Math.min(Math.max(dueAt - this.now(), 0) + 1, LONGEST_TIMER_MS);
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.onDue();
    }, waitMs);
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}
