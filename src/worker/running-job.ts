import type { AsyncResource } from 'node:async_hooks';
import { setMaxListeners } from 'node:events';
import { attemptLimitOf } from '../core/attempt-limit.js';
import type { Baggable } from '../core/bag.js';
import type { Token } from '../core/ports/worker-store.js';
import type { Envelope } from '../core/envelope.js';
import { RunAbortedError } from '../core/errors/job-errors.js';
import { unpackHeaders, type JobHeaders } from '../core/job-headers.js';
import type { Job } from '../core/job-view.js';
import { openScope } from '../process/own-scope.js';
import { runJobOfTaskQueue } from './current-job.js';
import { HandledJob } from './handled-job.js';
import type { HandlerPlan } from './handler-plan.js';

export type AbortReason = RunAbortedError['reason'];

/** Where a running job sends what it reports between start and end. */
export interface ReportSink {
  progress(job: RunningJob, value: unknown): void;
  log(job: RunningJob, line: string): void;
  /** A value without what is to be hidden. */
  show(value: unknown): unknown;
}

/**
 * One run of one job: what the handler sees, and what the worker must know to settle it. Made for every job, so it
 * computes nothing that nobody asks for.
 */
export class RunningJob implements Omit<Job, 'toJSON'>, Baggable {
  slot = -1;
  /** performance.now() of the start. */
  startedAt = 0;
  /** True once a settlement was made: whatever the handler does later counts for nothing. */
  ended = false;
  abortReason: AbortReason | undefined;
  /** What the handler is given; undefined before it starts. */
  handled: HandledJob | undefined;
  private controller: AbortController | undefined;
  protected scope: AsyncResource | undefined;

  constructor(
    readonly queue: string,
    readonly name: string,
    /** The store's number of the job. */
    readonly number: string,
    readonly token: Token,
    readonly fence: number,
    readonly crashes: number,
    readonly envelope: Envelope,
    /** The envelope as it is stored. */
    readonly envelopeText: string,
    readonly payload: unknown,
    readonly plan: HandlerPlan,
    private readonly sink: ReportSink,
  ) {}

  get id(): string {
    return this.envelope.userId ?? this.number;
  }

  get headers(): JobHeaders {
    return unpackHeaders(this.envelope.header.h);
  }

  get group(): string | undefined {
    return this.envelope.header.g;
  }

  get attempt(): number {
    return this.envelope.header.a ?? 1;
  }

  get maxAttempts(): number {
    return attemptLimitOf(this.envelope.header, this.plan.settings);
  }

  get enqueuedAt(): number {
    return this.envelope.enqueuedAt;
  }

  get scheduledFor(): number | undefined {
    return this.envelope.header.s;
  }

  get schedule(): { readonly name: string; readonly missed: number } | undefined {
    return this.envelope.header.c;
  }

  // An AbortController costs more than the rest of a plain job: it is made when somebody asks for it.
  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      // One listener a call is normal use, and Node would warn of the eleventh.
      setMaxListeners(0, this.controller.signal);
      if (this.abortReason !== undefined) this.controller.abort(new RunAbortedError(this.abortReason));
    }
    return this.controller.signal;
  }

  progress(value: unknown): void {
    this.sink.progress(this, value);
  }

  log(line: string): void {
    this.sink.log(this, line);
  }

  /** A payload as it may be shown. */
  show(payload: unknown): unknown {
    return this.sink.show(payload);
  }

  /** Calls the handler, in a scope of its own. */
  start(): unknown {
    this.handled = new HandledJob(this);
    this.scope = openScope();
    return this.inScope(this.plan.handler.invoke);
  }

  /** Calls what belongs to the handler as if the handler called it: with its context and its current job. */
  inScope<T>(call: (job: Job) => T): T {
    const { handled, scope } = this;
    if (handled === undefined || scope === undefined) throw new Error('The run has not started');
    return scope.runInAsyncScope(runJobOfTaskQueue<Job, T>, undefined, handled, call);
  }

  abort(reason: AbortReason): void {
    if (this.abortReason !== undefined) return;
    this.abortReason = reason;
    const { controller } = this;
    if (controller === undefined) return;
    // Its listeners are the handler's.
    this.inScope(() => controller.abort(new RunAbortedError(reason)));
  }
}
