import type { JobHeaders } from './job-headers.js';

/**
 * What a handler is given: one run of one job.
 * @typeParam P payload
 */
export interface Job<P = unknown> {
  /** The id the producer gave, else the number the store gave. */
  readonly id: string;
  readonly queue: string;
  readonly name: string;
  readonly payload: P;
  /** Texts that its producer gave it beside the payload, such as a trace id; empty where there are none. */
  readonly headers: JobHeaders;
  /** The key of its group; undefined where it has none. */
  readonly group: string | undefined;
  /** 1 on the first run, +1 after each counted failure. */
  readonly attempt: number;
  /** How many failed runs are allowed. */
  readonly maxAttempts: number;
  /** Store time of the enqueue, ms since the epoch. */
  readonly enqueuedAt: number;
  /** When the job was meant to run (delay, `runAt` or a schedule's tick), ms; undefined for a job that was ready at once. */
  readonly scheduledFor: number | undefined;
  /** The schedule that enqueued this job, and how many ticks before this one were missed. */
  readonly schedule: { readonly name: string; readonly missed: number } | undefined;
  /** Aborted with a `RunAbortedError` when the job is cancelled, times out, loses its lease, or the process shuts down. */
  readonly signal: AbortSignal;
  /** A fencing token: higher on each run, so your database can reject writes from stale runs. */
  readonly fence: number;
  /** Keeps the last value (any JSON), at most ten times a second; listeners get each kept value. */
  progress(value: unknown): void;
  /** Adds a line to the job's log: the last 100 lines of at most 1 KiB are kept. */
  log(line: string): void;
  /** The fields as a plain object, for logs. What `redact` names is hidden. */
  toJSON(): Record<string, unknown>;
}

/**
 * One job of a batch handler's call.
 * @typeParam P payload
 */
export interface BatchJob<P = unknown> extends Job<P> {
  /**
   * Ends this job's run as if it had thrown `error`: it is tried again or dead by its own rules, or does what the error says
   * (`SnoozeError`, `LimitedError`, `UnrecoverableError`, `CancelledError`). The other jobs of the call go on. It counts at once and once;
   * what the handler returns for this job is ignored.
   */
  fail(error: unknown): void;
}

/** Payload of a job that a schedule enqueued without one of its own. */
export interface CronTick {
  schedule: string;
  /** The tick, ms since the epoch. */
  scheduledFor: number;
  /** Ticks before this one that nobody could fire. */
  missed: number;
}
