import { isObservable, Subscription, type Observable } from 'rxjs';
import type { ReservedJob, Settlement } from '../core/ports/worker-store.js';
import { decodeEnvelope, jobNameOf, payloadIdOf, type Envelope } from '../core/envelope.js';
import type { Codec } from '../core/codec.js';
import { describeValue } from '../core/errors/described-value.js';
import type { RetentionRule, RetentionRules, SettledState } from '../core/job.js';
import { isOwn, keptBy } from '../core/own-retention.js';
import { isJobName } from '../core/names.js';
import { openScope } from '../process/own-scope.js';
import { encodeOutput } from '../core/payload-encoder.js';
import { isThenable } from '../core/thenable.js';
import type { ResolvedJobOptions } from '../options/options.js';
import { FailureSettler, reservedOf, type FailureContext } from './failure-settler.js';
import type { HandlerPlan, HandlerTable } from './handler-plan.js';
import { RunningJob, type ReportSink } from './running-job.js';
import { complete, park } from './settlements.js';
import { refuseUnfinished } from './unfinished-work.js';

export interface RunnerContext extends FailureContext {
  handlers: HandlerTable;
  codec: Codec;
  /** Largest encoded result in bytes. */
  resultLimit: number;
  /** What the queue keeps of all its jobs; by default each job's own settings. */
  retention?: RetentionRules | undefined;
  /** A job ends that keeps fewer records of its own kind than the queue does. */
  onOwnRule?: (() => void) | undefined;
  sink: ReportSink;
}

type End = (job: RunningJob, settlement: Settlement) => void;

const RESOLVED = Promise.resolve();

/** Up to here a kept job's envelope is sent again: looked up it costs Redis more, Lua reads it twice from end to end. */
const RESEND_LENGTH = 4096;

/**
 * Turns one attempt into one settlement: with {@link FailureSettler} the only place where what a handler did becomes the fate of
 * its job.
 * Nothing a handler throws or returns gets past it. What it throws later, from timers and listeners of its own, is the
 * process's to handle, as in any Node program.
 */
export class JobRunner {
  private starting: { job: RunningJob; end: End }[] = [];
  readonly failures: FailureSettler;

  constructor(protected readonly context: RunnerContext) {
    this.failures = new FailureSettler(context, (...end) => this.keepOf(...end));
  }

  /** Decodes a reserved job: ready to run, or settled already because it can not or may not run. */
  prepare(reserved: ReservedJob): RunningJob | Settlement {
    const { queue, handlers, codec, fallback } = this.context;
    let envelope: Envelope;
    try {
      envelope = decodeEnvelope(reserved.envelope, reserved.payload);
    } catch (error) {
      return this.failures.bury(reserved, 'unreadable', error, undefined, fallback.retention.dead);
    }
    const name = jobNameOf(envelope);
    const plan = handlers.find(name);
    const { header } = envelope;
    const expiresAt = header.x ?? expiryOf(envelope, plan?.settings ?? fallback);
    if (expiresAt !== undefined && this.context.now() > expiresAt) {
      return this.failures.expired(reserved, envelope, plan?.settings ?? fallback);
    }
    if (plan === undefined) {
      if (isJobName(name)) return park(reserved.id, reserved.token, name);
      // No handler will ever know it: parked, it would wait for ever.
      const unknowable = new Error(`No handler can have the job name ${describeValue(name)}`);
      return this.failures.bury(reserved, 'unreadable', unknowable, undefined, this.keepOf('dead', envelope, fallback));
    }
    let payload: unknown;
    try {
      payload = codec.decode(envelope.payload, {
        queue,
        jobName: name,
        jobId: payloadIdOf(envelope),
        field: 'payload',
      });
    } catch (error) {
      return this.failures.bury(reserved, 'unreadable', error, undefined, this.keepOf('dead', envelope, plan.settings));
    }
    return this.make(reserved, name, envelope, payload, plan);
  }

  protected make(
    reserved: ReservedJob,
    name: string,
    envelope: Envelope,
    payload: unknown,
    plan: HandlerPlan,
  ): RunningJob {
    const { queue, sink } = this.context;
    const { id, token, fence, crashes } = reserved;
    return new RunningJob(queue, name, id, token, fence, crashes, envelope, reserved.envelope, payload, plan, sink);
  }

  /**
   * Runs the handler, soon; `end` is called exactly once, unless the worker ended the job before ({@link RunningJob.ended}).
   * Not at once: an error that a handler makes has a frame of every call below it, and V8 charges for each.
   */
  run(job: RunningJob, end: End): void {
    // In a scope of its own: what users are asked when a run ends (codecs, strategies) is asked in no request's context.
    if (this.starting.push({ job, end }) === 1) openScope().runInAsyncScope(this.startSoon);
  }

  private readonly startSoon = (): void => void RESOLVED.then(this.startAll);

  private readonly startAll = (): void => {
    const batch = this.starting;
    this.starting = [];
    for (const { job, end } of batch) {
      if (job.ended) continue;
      job.startedAt = performance.now();
      let returned: unknown;
      try {
        returned = job.start();
      } catch (error) {
        this.fail(job, error, end);
        continue;
      }
      this.awaitEnd(job, returned, end);
    }
  };

  private awaitEnd(job: RunningJob, returned: unknown, end: End): void {
    let promise: Promise<unknown> | undefined;
    try {
      if (returned instanceof Promise) promise = returned;
      else if (isThenable(returned)) promise = job.inScope(() => Promise.resolve(returned));
    } catch (error) {
      this.fail(job, error, end);
      return;
    }
    if (promise === undefined) {
      this.settleValue(job, returned, end);
      return;
    }
    promise.then(
      (value) => this.settleValue(job, value, end),
      (error) => this.fail(job, error, end),
    );
  }

  private settleValue(job: RunningJob, value: unknown, end: (job: RunningJob, settlement: Settlement) => void): void {
    try {
      if (isObservable(value)) this.follow(job, value, end);
      else this.settle(job, this.completed(job, value), end);
    } catch (error) {
      this.fail(job, error, end); // a value that throws when it is looked at
    }
  }

  /** Every value of an Observable is progress; the last one is the result. */
  private follow(
    job: RunningJob,
    source: Observable<unknown>,
    end: (job: RunningJob, settlement: Settlement) => void,
  ): void {
    let last: unknown;
    let any = false;
    const subscription = new Subscription();
    /** A teardown of the handler may throw: here, that would end the process. */
    const stop = (reason: unknown): unknown => {
      try {
        subscription.unsubscribe();
        return reason;
      } catch (error) {
        return error;
      }
    };
    const observer = {
      next: (item: unknown) => {
        if (job.ended) return void stop(undefined);
        try {
          if (any) job.progress(last);
        } catch (error) {
          this.fail(job, stop(error), end);
          return;
        }
        last = item;
        any = true;
      },
      error: (error: unknown) => this.fail(job, error, end),
      complete: () => this.settle(job, this.completed(job, last), end),
    };
    subscription.add(job.inScope(() => source.subscribe(observer)));
    if (job.ended) return;
    const onAbort = () => this.fail(job, stop(job.signal.reason), end);
    job.signal.addEventListener('abort', onAbort, { once: true });
  }

  /** What a run throws after its end is nothing to judge. */
  private fail(job: RunningJob, thrown: unknown, end: End): void {
    if (!job.ended) this.settle(job, this.failures.failed(job, thrown), end);
  }

  private settle(
    job: RunningJob,
    settlement: Settlement,
    end: (job: RunningJob, settlement: Settlement) => void,
  ): void {
    if (job.ended) return;
    job.ended = true;
    end(job, settlement);
  }

  completed(job: RunningJob, value: unknown): Settlement {
    const { queue, codec, resultLimit } = this.context;
    let result = '';
    if (value !== undefined) {
      try {
        refuseUnfinished(value, job.plan.handler.label);
        result = encodeOutput(codec, value, { queue, jobName: job.name, jobId: job.id, field: 'result' }) ?? '';
        if (result.length * 3 > resultLimit && Buffer.byteLength(result) > resultLimit) {
          throw new Error(`The result has ${Buffer.byteLength(result)} bytes, more than payloadLimit (${resultLimit})`);
        }
      } catch (error) {
        // The work is done: running it again would do it twice and fail the same way.
        return this.failures.bury(
          reservedOf(job),
          'result',
          error,
          job,
          this.keepOf('dead', job.envelope, job.plan.settings),
        );
      }
    }
    const keep = this.keepOf('completed', job.envelope, job.plan.settings);
    const envelope = job.envelopeText.length <= RESEND_LENGTH ? job.envelopeText : undefined;
    return complete(job.number, job.token, result, envelope, keep);
  }

  private keepOf(state: SettledState, { header }: Envelope, settings: ResolvedJobOptions): RetentionRule {
    const { retention = settings.retention, onOwnRule } = this.context;
    const asked = header.r?.[state] ?? settings.retention[state];
    if (isOwn(asked, retention[state])) onOwnRule?.();
    return keptBy(asked, retention[state]);
  }
}

/** Where the job itself carries no expiry, its queue's or processor's counts from when it was meant to run. */
function expiryOf({ enqueuedAt, header }: Envelope, { expiresInMs }: ResolvedJobOptions): number | undefined {
  if (expiresInMs === undefined || (enqueuedAt === 0 && header.s === undefined)) return undefined;
  return Math.max(enqueuedAt, header.s ?? 0) + expiresInMs;
}

export function isSettlement(prepared: RunningJob | Settlement): prepared is Settlement {
  return 'op' in prepared;
}
