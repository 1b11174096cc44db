import { attemptLimitOf } from '../core/attempt-limit.js';
import type { CancelAnswer, StoredJob } from '../core/ports/curation.js';
import type { Conflict, EnqueueReceipt } from '../core/ports/intake.js';
import { JobNotFoundError } from '../core/errors/job-errors.js';
import type { DeadReason, ErrorRecord, JobState } from '../core/job.js';
import { unpackHeaders, type JobHeaders } from '../core/job-headers.js';
import type { Job } from '../core/job-view.js';
import { showMembers } from '../core/shown-members.js';
import { limitArguments } from '../core/surplus-arguments.js';
import { explainJob, type JobExplanation } from '../inspector/job-explainer.js';
import { retryDeadJob } from './dead-letter-retrier.js';
import { cancelJob, promoteJob, removeJob } from './job-curator.js';
import { JobRecord, maskError, readEndDetail } from './job-record.js';
import { awaitResult, type ResultOptions } from './job-result.js';
import type { RetryOptions } from './payload-editor.js';
import type { QueueScope } from './queue-scope.js';

/** Worker and fence of a token. A fence is the time of the reservation in µs, or one more than the fence before. */
const LEASE = /^(.*?):(\d+)/;

type Shared<P> = Pick<
  Job<P>,
  'id' | 'queue' | 'name' | 'payload' | 'headers' | 'group' | 'attempt' | 'enqueuedAt' | 'scheduledFor' | 'schedule'
>;

/**
 * A stored job, seen from outside: what it was at the call that returned the handle, and ways to ask again. Nothing is
 * decoded before it is asked for.
 * @typeParam P payload
 * @typeParam R what the handler returns
 */
export class JobHandle<P = unknown, R = unknown> implements Shared<P> {
  readonly #scope: QueueScope;
  readonly #number: string;
  #state: JobState;
  #text: string;
  #stored: StoredJob | undefined;
  #record: JobRecord | undefined;

  private constructor(
    scope: QueueScope,
    number: string,
    state: JobState,
    text: string,
    stored: StoredJob | undefined,
    /** Whether the call that returned this handle stored the job; false: it was there already. */
    readonly created: boolean,
    /**
     * What became of this job, which had the unique key of the call: `kept`, it stayed as it was; `replaced`, it waits with what
     * the call brought; `extended`, it is due at another time as well. Else undefined.
     */
    readonly conflict: Conflict | undefined,
  ) {
    this.#scope = scope;
    this.#number = number;
    this.#state = state;
    this.#text = text;
    this.#stored = stored;
  }

  /** @internal */
  static ofEnqueued<P, R>(scope: QueueScope, receipt: EnqueueReceipt, envelope: string): JobHandle<P, R> {
    return new JobHandle(scope, receipt.id, receipt.state, envelope, undefined, receipt.created, receipt.conflict);
  }

  /** @internal */
  static ofStored<P, R>(scope: QueueScope, stored: StoredJob, conflict?: Conflict): JobHandle<P, R> {
    return new JobHandle(scope, stored.id, stored.state, stored.record, stored, false, conflict);
  }

  /** The store's own number of the job, unique within its queue: `number` of its events, too. */
  get number(): string {
    return this.#number;
  }

  /** The id the producer gave, else the number the store gave. */
  get id(): string {
    return this.#read().userId ?? this.#number;
  }

  get queue(): string {
    return this.#scope.queue;
  }

  get name(): string {
    return this.#read().name;
  }

  /** The payload as stored, decoded; undefined where it is {@link unreadable}. */
  get payload(): P {
    return this.#read().payload as P;
  }

  /** Texts that its producer gave it beside the payload, such as a trace id; empty where there are none. */
  get headers(): JobHeaders {
    return unpackHeaders(this.#read().header.h);
  }

  /** The key of its group; undefined where it has none. */
  get group(): string | undefined {
    return this.#read().header.g;
  }

  /** State as of the call that returned this handle, or of the last {@link refresh}. */
  get state(): JobState {
    return this.#state;
  }

  /** Of the current, next or last run: 1 on the first; +1 after each counted failure. */
  get attempt(): number {
    return this.#read().header.a ?? 1;
  }

  /**
   * How many failed runs are allowed. Of a job that died in a run, the number that decided; of others, what the job itself
   * says, else what holds for its handler in this process. Undefined where this process has no such handler: another one may
   * configure its queue otherwise.
   */
  get maxAttempts(): number | undefined {
    const { header, name, settled } = this.#read();
    const decided = settled?.state === 'dead' ? readEndDetail(settled.detail).maxAttempts : undefined;
    if (decided !== undefined || header.m !== undefined) return decided ?? header.m;
    const limits = this.#scope.attemptLimitsOf(name);
    return limits && attemptLimitOf(header, limits);
  }

  get priority(): number {
    return this.#read().header.p ?? 0;
  }

  /** Store time of the enqueue, ms since the epoch; 0 where a foreign producer gave none. */
  get enqueuedAt(): number {
    return this.#read().enqueuedAt;
  }

  /** When the job was meant to run (delay, `runAt` or a schedule's tick), ms; undefined for a job that was ready at once. */
  get scheduledFor(): number | undefined {
    return this.#read().header.s;
  }

  get schedule(): { readonly name: string; readonly missed: number } | undefined {
    return this.#read().header.c;
  }

  /** When a scheduled job (delayed, snoozed, or waiting for its next attempt) is due, ms. */
  get dueAt(): number | undefined {
    if (this.#state !== 'scheduled') return undefined;
    return this.#stored === undefined ? this.scheduledFor : this.#stored.dueAt;
  }

  /** A run may not start later than this, ms. */
  get expiresAt(): number | undefined {
    return this.#read().header.x;
  }

  /** When the job ended, ms; undefined while it has not. */
  get settledAt(): number | undefined {
    return this.#read().settled?.settledAt;
  }

  /** Why a dead job is dead. */
  get deadReason(): DeadReason | undefined {
    const { settled } = this.#read();
    return settled?.state === 'dead' ? (readEndDetail(settled.detail).reason as DeadReason) : undefined;
  }

  /** What ended a dead job, in words. */
  get deadMessage(): string | undefined {
    const { settled } = this.#read();
    return settled?.state === 'dead' ? readEndDetail(settled.detail).message : undefined;
  }

  /** Failed runs, oldest first: the last ten, 8 KiB together. */
  get errors(): readonly ErrorRecord[] {
    return this.#read().errors;
  }

  /** The last value its handler passed to `progress()`; undefined where there is none. */
  get lastProgress(): unknown {
    const text = this.#stored?.progress;
    if (text === undefined) return undefined;
    try {
      return this.#read().decode(text, 'progress');
    } catch {
      return undefined;
    }
  }

  /** When a worker took the job that is active, ms: one that it holds in advance starts some milliseconds later. */
  get startedAt(): number | undefined {
    const fence = LEASE.exec(this.#stored?.token ?? '')?.[2];
    return fence === undefined ? undefined : Math.floor(Number(fence) / 1000);
  }

  /** The worker that has the active job: random per start; a process logs its own at level debug. */
  get worker(): string | undefined {
    return LEASE.exec(this.#stored?.token ?? '')?.[1];
  }

  /** Its cancellation was asked for while it runs. */
  get cancelling(): boolean {
    return this.#stored?.cancelling ?? false;
  }

  /** The stored text cannot be decoded: payload is undefined, {@link raw} has the text. */
  get unreadable(): boolean {
    return this.#read().unreadable;
  }

  /** The record as stored: for people who look into a dead letter that is {@link unreadable}. */
  get raw(): string {
    return this.#text;
  }

  /**
   * Reads the job again; the fields of this handle follow.
   * @throws JobNotFoundError when it is no longer kept
   */
  async refresh(): Promise<this> {
    const stored = await this.#readKept();
    this.#state = stored.state;
    this.#text = stored.record;
    this.#stored = stored;
    this.#record = undefined;
    return this;
  }

  /** As `QueueService.cancel`. @throws JobNotFoundError */
  async cancel(): Promise<CancelAnswer> {
    await this.refresh();
    const answer = await cancelJob(this.#scope, this.#number);
    await this.refresh();
    return answer;
  }

  /** As `QueueService.retry`: a dead job is ready again; the fields of this handle follow. @throws JobNotFoundError, JobStateError */
  async retry(options?: RetryOptions): Promise<this> {
    await this.refresh();
    await retryDeadJob(this.#scope, this.#number, options);
    return this.refresh();
  }

  /** As `QueueService.promote`: a scheduled job runs now; the fields of this handle follow. @throws JobNotFoundError, JobStateError */
  async promote(): Promise<this> {
    await this.refresh();
    await promoteJob(this.#scope, this.#number);
    return this.refresh();
  }

  /** As `QueueService.remove`; this handle stays as it was. @throws JobNotFoundError, JobStateError */
  async remove(): Promise<void> {
    await this.refresh();
    await removeJob(this.#scope, this.#number);
  }

  /**
   * What the handler returned, waiting for it, from whatever process it runs in.
   * @param options `timeout`: default 30 s; 0 asks only whether it is there. A timeout does not cancel the job.
   * @throws ResultTimeoutError
   * @throws JobDeadError, JobCancelledError when it ended so
   * @throws JobNotFoundError when it was removed, trimmed, or its result is not kept and came before the call
   */
  async result<T = R>(options: ResultOptions = {}): Promise<T> {
    // A completed or cancelled job stays what it is; a dead one may have been retried since.
    const end = this.#state === 'completed' || this.#state === 'cancelled' ? this.#read().settled : undefined;
    const job = { id: this.id, number: this.#number, record: this.#read(), end };
    return (await awaitResult(this.#scope, job, options)) as T;
  }

  /** As `QueueService.explain`: why it has not started, now; the fields of this handle stay. @throws JobNotFoundError */
  explain(): Promise<JobExplanation> {
    return explainJob(this.#scope.store.explainer, this.#scope.queue, this.#number);
  }

  /** What its handler logged: the last 100 lines of at most 1 KiB. @throws JobNotFoundError */
  async logs(): Promise<string[]> {
    await this.#readKept();
    return this.#scope.store.curation.logs(this.#scope.queue, this.#number);
  }

  /** The fields as a plain object: what a controller that returns a handle answers. What `redact` names is hidden. */
  toJSON(): Record<string, unknown> {
    const fields = this.#fields();
    const { redactor } = this.#scope;
    if (redactor === undefined) return fields;
    const mask = (text: unknown): string => redactor.mask(String(text), this.payload);
    return {
      ...fields,
      payload: redactor.redact(this.payload),
      headers: redactor.redact(this.headers),
      lastProgress: redactor.redact(this.lastProgress),
      // A worker that knew of `redact` has hidden these before it stored them.
      deadMessage: this.deadMessage === undefined ? undefined : mask(this.deadMessage),
      errors: this.errors.map((error) => maskError(error, mask)),
    };
  }

  #fields(): Record<string, unknown> {
    return {
      id: this.id,
      number: this.number,
      queue: this.queue,
      name: this.name,
      state: this.state,
      payload: this.payload,
      headers: this.headers,
      group: this.group,
      attempt: this.attempt,
      maxAttempts: this.maxAttempts,
      priority: this.priority,
      enqueuedAt: this.enqueuedAt,
      scheduledFor: this.scheduledFor,
      schedule: this.schedule,
      dueAt: this.dueAt,
      expiresAt: this.expiresAt,
      startedAt: this.startedAt,
      worker: this.worker,
      settledAt: this.settledAt,
      deadReason: this.deadReason,
      deadMessage: this.deadMessage,
      errors: this.errors,
      lastProgress: this.lastProgress,
      cancelling: this.cancelling,
      unreadable: this.unreadable,
    };
  }

  async #readKept(): Promise<StoredJob> {
    const { store, queue } = this.#scope;
    const [stored] = await store.curation.read(queue, [this.#number]);
    // An id of a user may look like the number of a job that is gone.
    if (stored?.id !== this.#number) throw new JobNotFoundError(queue, this.id);
    return stored;
  }

  #read(): JobRecord {
    this.#record ??= new JobRecord(this.#scope.queue, this.#scope.codec, this.#number, this.#text);
    return this.#record;
  }
}

showMembers(JobHandle, (handle) => handle.toJSON());

limitArguments(JobHandle, { refresh: 0, cancel: 0, retry: 1, promote: 0, remove: 0, result: 1, logs: 0, explain: 0 });
