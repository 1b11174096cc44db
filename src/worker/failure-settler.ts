import type { Logger } from '@nestjs/common';
import { backoffDelay, type BackoffStrategy } from '../core/backoff.js';
import type { Settlement } from '../core/ports/worker-store.js';
import { encodeFailed, type Envelope } from '../core/envelope.js';
import { controlFlowOf } from '../core/handler.js';
import { type DeadReason, type ErrorRecord, type RetentionRule, type SettledState } from '../core/job.js';
import type { Redactor } from '../core/redactor.js';
import { messageOfThrown } from '../core/thrown-reader.js';
import type { ResolvedJobOptions } from '../options/options.js';
import { appendError, recordError } from './error-history.js';
import { maskText } from './reporter.js';
import { retryBudgetOf } from './retry-budget.js';
import type { RunObserver } from './run-observer.js';
import type { RunningJob } from './running-job.js';
import { bury, cancel, limit, release, retry, snooze } from './settlements.js';

export interface FailureContext {
  queue: string;
  /** Hides fields of payloads in errors and logs; undefined: none. */
  redactor?: Redactor | undefined;
  backoffs: Readonly<Record<string, BackoffStrategy>>;
  /** Settings for jobs that no handler takes. */
  fallback: ResolvedJobOptions;
  now(): number;
  observer: Pick<RunObserver, 'failed'>;
  logger: Pick<Logger, 'warn'>;
}

/** What becomes of a job whose run failed, or that may not run. */
export class FailureSettler {
  /** Strategies with a logged problem. */
  private readonly loggedStrategies = new Set<string>();

  /** @param keepOf what is kept of a job that ends so */
  constructor(
    private readonly context: FailureContext,
    private readonly keepOf: (state: SettledState, envelope: Envelope, settings: ResolvedJobOptions) => RetentionRule,
  ) {}

  /** The settlement of a run that took longer than its timeout. */
  timedOut(job: RunningJob, timeoutMs: number): Settlement {
    return this.failed(
      job,
      Object.assign(new Error(`The run took longer than its timeout (${timeoutMs} ms)`), { name: 'TimeoutError' }),
    );
  }

  /** The settlement of a job whose time to start is over. */
  expired(reserved: { id: string; token: string }, envelope: Envelope, settings: ResolvedJobOptions): Settlement {
    const { x: expiresAt, y: drops } = envelope.header;
    // Whoever gives the expiry says what becomes of the job.
    const isDropped = expiresAt === undefined ? settings.dropsExpired === true : drops === 1;
    const error = new Error('The job expired before it could run');
    if (isDropped) return this.bury(reserved, 'dropped', error, undefined, false);
    return this.bury(reserved, 'expired', error, undefined, this.keepOf('dead', envelope, settings));
  }

  failed(job: RunningJob, thrown: unknown): Settlement {
    try {
      return this.judge(job, thrown);
    } catch (error) {
      // What is stored with the job can not be worked with: better dead and seen than stuck.
      const detail = JSON.stringify({
        reason: 'unreadable' satisfies DeadReason,
        name: 'Error',
        message: messageOfThrown(error),
      });
      const keep = this.context.fallback.retention.dead;
      return bury(job.number, job.token, detail, undefined, keep);
    }
  }

  private judge(job: RunningJob, thrown: unknown): Settlement {
    const { plan, envelope, number: id, token } = job;
    const flow = controlFlowOf(thrown);
    if (flow?.kind === 'cancel' || job.abortReason === 'cancelled') {
      return cancel(id, token, this.keepOf('cancelled', envelope, plan.settings));
    }
    // A shutdown interrupted the run: that is no failure of the job.
    if (job.abortReason === 'shutdown' && flow === undefined) return release(id, token);
    if (flow?.kind === 'snooze') return snooze(id, token, flow.delayMs);
    if (flow?.kind === 'limit') {
      return limit(id, token, flow.forMs, envelope.header.g === undefined ? undefined : flow.scope);
    }
    let reason = flow?.kind === 'bury' ? flow.reason : job.attempt >= job.maxAttempts ? 'exhausted' : undefined;
    const delayMs = reason === undefined ? this.delayOf(job, thrown) : 0;
    const budget = reason === undefined ? retryBudgetOf(job, this.context.now()) : undefined;
    if (budget !== undefined && delayMs >= budget.leftMs) reason = 'out-of-time';
    if (reason !== undefined) {
      return this.bury(reservedOf(job), reason, thrown, job, this.keepOf('dead', envelope, plan.settings));
    }
    const record = this.record(thrown, job);
    const header = budget === undefined ? envelope.header : { ...envelope.header, f: budget.startedAt };
    const errors = appendError(envelope.header.e, record);
    const failed = encodeFailed({ ...envelope, header }, job.attempt + 1, errors);
    this.context.observer.failed(job, record, delayMs);
    return retry(id, token, delayMs, failed);
  }

  private record(thrown: unknown, job: RunningJob | undefined): ErrorRecord {
    const { redactor } = this.context;
    const mask = redactor && job && ((text: string): string => maskText(redactor, text, job));
    return recordError(thrown, job?.attempt ?? 1, this.context.now(), mask);
  }

  private delayOf(job: RunningJob, thrown: unknown): number {
    const spec = job.envelope.header.b ?? job.plan.settings.backoff;
    return backoffDelay(spec, job.attempt, thrown, this.context.backoffs, Math.random, (problem) => {
      if (this.loggedStrategies.has(spec.type)) return;
      this.loggedStrategies.add(spec.type);
      this.context.logger.warn(
        `Queue "${job.queue}": the backoff strategy "${spec.type}" ${problem}. It must return milliseconds; until it does, the ` +
          'default delay counts.',
      );
    });
  }

  bury(
    reserved: { id: string; token: string },
    reason: DeadReason,
    thrown: unknown,
    job: RunningJob | undefined,
    keep: RetentionRule,
  ): Settlement {
    const record = this.record(thrown, job);
    let envelope: string | undefined;
    if (job !== undefined) {
      const { a: attempt, e: errors } = job.envelope.header;
      envelope = encodeFailed(job.envelope, attempt, appendError(errors, record));
    }
    // Who reads the dead letter may know nothing of the handler that decided.
    const maxAttempts = job?.maxAttempts;
    const detail = JSON.stringify({ reason, name: record.name, message: record.message, maxAttempts });
    return bury(reserved.id, reserved.token, detail, envelope, keep);
  }
}

export function reservedOf(job: RunningJob): { id: string; token: string } {
  return { id: job.number, token: job.token };
}
