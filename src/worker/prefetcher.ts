const MOST_JOBS = 250;
const MOST_WORK_MS = 5;
const WEIGHT = 0.1;
/** Text held beside the running jobs: large payloads gain nothing from waiting here. */
const MOST_LENGTH = 256 * 1024;

/**
 * How many jobs to hold beside the running ones: as many as will start within a few milliseconds. None while handlers
 * are slow or their speed is unknown, so that no job waits behind a slow one while another worker is free.
 */
export class Prefetcher {
  private averageMs: number | undefined;
  private averageLength = 0;

  constructor(
    private readonly setting: 'auto' | number,
    private readonly concurrency: number,
  ) {}

  get target(): number {
    if (this.setting !== 'auto') return this.setting;
    if (this.averageMs === undefined) return 0;
    // A handler faster than the clock's grain still counts as one microsecond.
    const fits = this.averageLength === 0 ? MOST_JOBS : Math.floor(MOST_LENGTH / this.averageLength);
    return Math.min(MOST_JOBS, fits, Math.floor((MOST_WORK_MS / Math.max(this.averageMs, 0.001)) * this.concurrency));
  }

  /** A run took this long. */
  observe(ms: number): void {
    const average = this.averageMs;
    // A handler that turned slow is believed at once, one that turned fast has to prove it.
    this.averageMs = average === undefined || ms > average * 5 + 1 ? ms : average + (ms - average) * WEIGHT;
  }

  /** How many jobs of the size seen last fit into so much text; always one. */
  fitting(length: number): number {
    return this.averageLength === 0 ? Infinity : Math.max(1, Math.floor(length / this.averageLength));
  }

  /** These envelopes were reserved together. */
  weigh(envelopes: readonly { envelope: string }[]): void {
    if (envelopes.length === 0) return;
    let length = 0;
    for (const { envelope } of envelopes) length += envelope.length;
    this.averageLength = length / envelopes.length;
  }

  /** Held jobs did not start in time: hold none until runs have shown that they are fast again. */
  distrust(ms: number): void {
    this.averageMs = Math.max(this.averageMs ?? 0, ms);
  }
}
