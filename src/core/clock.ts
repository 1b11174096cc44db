/** What a store that lives in the process takes for time. */
export interface Clock {
  /** Whole milliseconds since the epoch; what scheduled jobs, ticks and retention go by. */
  now(): number;
  /**
   * How far a test has moved this clock, ms; a real clock answers 0 for ever. Leases go by this number alone: a handler
   * that blocks the event loop blocks the heartbeat of its own process, too, and must not lose its jobs for it.
   */
  readonly movedMs: number;
}
