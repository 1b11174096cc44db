import type { JobHeaders } from '../core/job-headers.js';
import { showMembers } from '../core/shown-members.js';
import type { Job } from '../core/job-view.js';

/** The run behind it. */
interface Run extends Omit<Job, 'toJSON'> {
  /** A payload as it may be shown. */
  show(payload: unknown): unknown;
}

/**
 * What a handler sees of its run: the documented members as properties of its own, so that `{ ...job }`, logs and
 * `structuredClone` show them, and nothing of the worker.
 */
export class HandledJob implements Job {
  readonly id: string;
  readonly queue: string;
  readonly name: string;
  readonly payload: unknown;
  readonly headers: JobHeaders;
  readonly group: string | undefined;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly enqueuedAt: number;
  readonly scheduledFor: number | undefined;
  readonly schedule: { readonly name: string; readonly missed: number } | undefined;
  readonly fence: number;
  readonly #run: Run;

  constructor(run: Run) {
    this.id = run.id;
    this.queue = run.queue;
    this.name = run.name;
    this.payload = run.payload;
    this.headers = run.headers;
    this.group = run.group;
    this.attempt = run.attempt;
    this.maxAttempts = run.maxAttempts;
    this.enqueuedAt = run.enqueuedAt;
    this.scheduledFor = run.scheduledFor;
    this.schedule = run.schedule;
    this.fence = run.fence;
    this.#run = run;
  }

  get signal(): AbortSignal {
    return this.#run.signal;
  }

  progress(value: unknown): void {
    this.#run.progress(value);
  }

  log(line: string): void {
    this.#run.log(line);
  }

  /** The fields as a plain object, as `JobHandle.toJSON()` gives them. What `redact` names is hidden. */
  toJSON(): Record<string, unknown> {
    const show = (value: unknown) => this.#run.show(value);
    return { ...(this as object), payload: show(this.payload), headers: show(this.headers) };
  }
}

showMembers(HandledJob, (job) => job.toJSON());
