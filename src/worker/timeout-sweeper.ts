import type { RunningJob } from './running-job.js';

const SWEEP_MS = 50;

/** One timer for every run that has a timeout, and none while there is no such run. */
export class TimeoutSweeper {
  private readonly deadlines = new Map<RunningJob, number>();
  private timer: NodeJS.Timeout | undefined;
  /** Of the clock that set the timer: tests that fake timers may change it meanwhile. */
  private clear = clearInterval;

  constructor(private readonly onTimeout: (job: RunningJob) => void) {}

  watch(job: RunningJob, timeoutMs: number): void {
    this.deadlines.set(job, performance.now() + timeoutMs);
    if (this.timer !== undefined) return;
    this.clear = clearInterval;
    this.timer = setInterval(() => this.sweep(), SWEEP_MS);
  }

  forget(job: RunningJob): void {
    if (this.deadlines.size > 0 && this.deadlines.delete(job) && this.deadlines.size === 0) this.stop();
  }

  stop(): void {
    const { clear } = this;
    clear(this.timer);
    this.timer = undefined;
    this.deadlines.clear();
  }

  private sweep(): void {
    const now = performance.now();
    for (const [job, deadline] of this.deadlines) {
      if (deadline > now) continue;
      this.forget(job);
      this.onTimeout(job);
    }
  }
}
