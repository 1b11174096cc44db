import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';

/** Its timer fires so often, and delays are what it is late by. */
const RESOLUTION_MS = 50;
const SHARE = 99;

/** How late the event loop of this process is. It keeps no process alive. */
export class LoopLag {
  private readonly delays: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  start(): void {
    this.delays.enable();
  }

  stop(): void {
    this.delays.disable();
  }

  /** @returns 99th percentile since the last call, ms */
  take(): number {
    const { delays } = this;
    const ms = delays.count === 0 ? 0 : delays.percentile(SHARE) / 1e6 - RESOLUTION_MS;
    delays.reset();
    return Math.max(0, Math.round(ms * 10) / 10);
  }
}
