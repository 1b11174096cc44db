import { Injectable } from '@nestjs/common';
import { filter, type Observable } from 'rxjs';
import type { CancelAnswer } from '../core/ports/curation.js';
import type { EnqueueReceipt, NewJob } from '../core/ports/intake.js';
import { encodeEnvelope } from '../core/envelope.js';
import { JobNotFoundError } from '../core/errors/job-errors.js';
import { DEFAULT_JOB_NAME } from '../core/job.js';
import { encodePayload } from '../core/payload-encoder.js';
import { showMembers } from '../core/shown-members.js';
import { limitArguments, NAME_IS_AN_OPTION, refuseSurplus } from '../core/surplus-arguments.js';
import type { Uninferred } from '../core/uninferred.js';
import type { ResolvedOptions } from '../options/options.js';
import {
  prepareBulk,
  readChunk,
  refuseLargeBulk,
  storeChunks,
  type BulkChunk,
  type EnqueueManyOptions,
} from './bulk-enqueuer.js';
import { retryDeadJob } from './dead-letter-retrier.js';
import {
  readEnqueueOptions,
  type BulkJob,
  type DefinedEnqueueOptions,
  type EnqueueOptions,
} from './enqueue-options.js';
import { openEventStream } from './event-stream.js';
import { cancelJob, isStorableId, promoteJob, removeJob } from './job-curator.js';
import type { JobDefinition } from './job-definition.js';
import type { JobEvent } from './job-event.js';
import { JobHandle } from './job-handle.js';
import { listJobs, type JobsPage, type JobsQuery } from './job-lister.js';
import { handlesOf, prepareJob, storeJob, storeJobs, withHandles } from './job-producer.js';
import type { KnownQueues } from './known-queues.js';
import { QueueOperations } from './queue-operations.js';
import type { RetryOptions } from './payload-editor.js';
import type { QueueScope, QueueStore } from './queue-scope.js';
import type { Target } from './queue-scopes.js';

/** What a handler returns where nobody said it: name the type at `enqueue`, at `result`, or by a definition. */
export type UntypedResult = Record<string, unknown>;

/**
 * Enqueues jobs and looks after queues. Wherever a queue is named, a definition made by `defineJob` may stand instead.
 * Verbs that look after jobs take queues of other applications of the prefix, too (`list()` names them); those that enqueue reject
 * with `UnknownQueueError` for a queue that this application does not know. Every verb rejects with `BrokerUnavailableError` while the store is away: then nothing was done. What may have been done, because the reply never
 * came, is an `EnqueueOutcomeUnknownError` or `CallOutcomeUnknownError`.
 */
@Injectable()
export class QueueService extends QueueOperations {
  private readonly streams = new Map<string, Observable<JobEvent>>();
  private readonly backoffNames: readonly string[];

  constructor(store: QueueStore, options: ResolvedOptions, queues: KnownQueues) {
    super(store, options, queues);
    this.backoffNames = Object.keys(options.backoffs);
  }

  /**
   * Stores a job; once this resolves, it is handed to a handler until it ends.
   * @throws InvalidPayloadError, PayloadTooLargeError, InvalidValueError, UnknownOptionError
   * @throws ConfigurationError for a schema that refuses its own output as JSON brings it back, or a codec that writes no line of text
   * @throws BrokerUnavailableError (nothing stored), EnqueueOutcomeUnknownError (repeat by its `retry()`), StoreFullError
   * @throws DurabilityUnconfirmedError (stored; ask again by its `retry()`), UnsupportedError, where `durability` was asked
   */
  enqueue<P, R, I>(
    definition: JobDefinition<P, R, I>,
    payload: Uninferred<I>,
    options?: DefinedEnqueueOptions<Uninferred<P>>,
  ): Promise<JobHandle<P, R>>;
  enqueue<P = unknown, R = UntypedResult>(
    queue: string,
    payload: P,
    options?: EnqueueOptions<Uninferred<P>>,
  ): Promise<JobHandle<P, R>>;
  async enqueue(target: Target, payload: unknown, options?: EnqueueOptions, surplus?: unknown): Promise<JobHandle> {
    if (surplus !== undefined) refuseSurplus([surplus], 'QueueService.enqueue', NAME_IS_AN_OPTION);
    const scope = this.scopeOf(target);
    // The plain job is the hot path: beside its encoding it costs one lookup, one await and a handle.
    if (options === undefined && scope.plain && typeof target === 'string') {
      const text = encodePayload(scope.codec, payload, target, DEFAULT_JOB_NAME, scope.payloadLimit);
      const job: NewJob = { envelope: encodeEnvelope(scope.store.connection.now(), undefined, undefined, text) };
      let receipts: EnqueueReceipt[];
      try {
        receipts = await scope.store.intake.enqueue(target, [job]);
      } catch (error) {
        throw withHandles(error, async (late) => (await handlesOf(scope, [job], late))[0]);
      }
      return JobHandle.ofEnqueued(scope, receipts[0], job.envelope);
    }
    const request =
      options === undefined ? undefined : readEnqueueOptions(options, `enqueue("${scope.queue}")`, this.backoffNames);
    const job = await prepareJob(scope, definitionOf(target), payload, request);
    return storeJob(scope, job);
  }

  /**
   * Stores all jobs or none: at most 1000 and 4 MiB in one call.
   * @returns a handle each, in order; with `{ chunk: true }` what became of each chunk
   * @throws as `enqueue`, with the index of the job; BulkTooLargeError
   */
  enqueueMany<P, R, I>(
    definition: JobDefinition<P, R, I>,
    jobs: readonly BulkJob<Uninferred<I>, DefinedEnqueueOptions<Uninferred<P>>>[],
    options?: { chunk?: false },
  ): Promise<JobHandle<P, R>[]>;
  enqueueMany<P, R, I>(
    definition: JobDefinition<P, R, I>,
    jobs: readonly BulkJob<Uninferred<I>, DefinedEnqueueOptions<Uninferred<P>>>[],
    options: { chunk: true },
  ): Promise<BulkChunk<P, R>[]>;
  enqueueMany<P = unknown, R = UntypedResult>(
    queue: string,
    jobs: readonly BulkJob<P, EnqueueOptions<Uninferred<P>>>[],
    options?: { chunk?: false },
  ): Promise<JobHandle<P, R>[]>;
  enqueueMany<P = unknown, R = UntypedResult>(
    queue: string,
    jobs: readonly BulkJob<P, EnqueueOptions<Uninferred<P>>>[],
    options: { chunk: true },
  ): Promise<BulkChunk<P, R>[]>;
  async enqueueMany(
    target: Target,
    jobs: readonly BulkJob<unknown>[],
    options?: EnqueueManyOptions,
  ): Promise<JobHandle[] | BulkChunk[]> {
    const scope = this.scopeOf(target);
    const chunk = readChunk(options);
    const prepared = await prepareBulk(scope, definitionOf(target), jobs);
    if (chunk) return storeChunks(scope, prepared);
    if (prepared.length === 0) return [];
    refuseLargeBulk(prepared);
    return storeJobs(scope, prepared);
  }

  /** The job of this id (the number the store gave, or else a producer's own); undefined where none is kept. */
  getJob<P, R, I>(definition: JobDefinition<P, R, I>, id: string): Promise<JobHandle<P, R> | undefined>;
  getJob<P = unknown, R = UntypedResult>(queue: string, id: string): Promise<JobHandle<P, R> | undefined>;
  async getJob(target: Target, id: string): Promise<JobHandle | undefined> {
    const scope = await this.operatedScopeOf(target);
    if (!isStorableId(id)) return undefined;
    const [stored] = await scope.store.curation.read(scope.queue, [id]);
    return stored && JobHandle.ofStored(scope, stored);
  }

  /**
   * One page of the jobs in a state: `ready` and `scheduled` next to run first, ended ones newest first. A cursor names the
   * last job of its page: whoever retries, promotes or removes the jobs of each page meets every job once. Only `active` jobs
   * may be met twice, on Redis.
   */
  jobs<P, R, I>(definition: JobDefinition<P, R, I>, query: JobsQuery): Promise<JobsPage<P, R>>;
  jobs<P = unknown, R = UntypedResult>(queue: string, query: JobsQuery): Promise<JobsPage<P, R>>;
  async jobs(target: Target, query: JobsQuery): Promise<JobsPage> {
    return listJobs(await this.operatedScopeOf(target), query);
  }

  /**
   * `cancelled`: it had not started and never will. `requested`: it runs; its `signal` is aborted as soon as its process
   * hears of it (a lost message is made up for by the next renewal of the lease), and no further attempt follows.
   * `finished`: it had ended already.
   * @throws JobNotFoundError
   */
  async cancel(target: Target, id: string): Promise<CancelAnswer> {
    return cancelJob(await this.operatedScopeOf(target), id);
  }

  /**
   * Makes a dead job ready again, counting attempts from 1 and keeping its error history. A job with an expiry gets as
   * much time as it had the first time.
   * @param options `patch`: a JSON Patch that changes the payload first. It is checked as at an enqueue: by the schema of the definition,
   *   or else of the handler that this process has. Its unique key stays.
   * @throws InvalidPatchError, InvalidPayloadError, PayloadTooLargeError
   * @throws JobNotFoundError; JobStateError when it is not dead, or another job (`holder`) holds its unique key
   */
  retry<P, R, I>(definition: JobDefinition<P, R, I>, id: string, options?: RetryOptions): Promise<JobHandle<P, R>>;
  retry<P = unknown, R = UntypedResult>(queue: string, id: string, options?: RetryOptions): Promise<JobHandle<P, R>>;
  async retry(target: Target, id: string, options?: RetryOptions): Promise<JobHandle> {
    const scope = await this.operatedScopeOf(target);
    const number = await retryDeadJob(scope, id, options, definitionOf(target));
    return handleOf(scope, number);
  }

  /**
   * A job that is scheduled (delayed, snoozed, or waiting for its next attempt) need not wait: it becomes ready, at the back
   * of its priority. One that is ready or runs already stays as it is.
   * @throws JobNotFoundError; JobStateError when it is parked or has ended
   */
  promote<P, R, I>(definition: JobDefinition<P, R, I>, id: string): Promise<JobHandle<P, R>>;
  promote<P = unknown, R = UntypedResult>(queue: string, id: string): Promise<JobHandle<P, R>>;
  async promote(target: Target, id: string): Promise<JobHandle> {
    const scope = await this.operatedScopeOf(target);
    await promoteJob(scope, id);
    return handleOf(scope, id);
  }

  /**
   * Deletes a job that does not run.
   * @throws JobNotFoundError; JobStateError when it is active: cancel it
   */
  async remove(target: Target, id: string): Promise<void> {
    return removeJob(await this.operatedScopeOf(target), id);
  }

  /**
   * What happens in the queue, live and at most once, in every process that subscribes. On Redis the first subscription takes
   * a round trip, and what happens before that is not told: read `handle.refresh()` after subscribing. While nobody
   * subscribes, events cost nothing. Of a definition: the events of its jobs, and those of the queue itself. It never completes; it fails where the store cannot be reached at the first
   * subscription.
   */
  events(target: Target): Observable<JobEvent> {
    const scope = this.foundScopeOf(target);
    let stream = this.streams.get(scope.queue);
    if (stream === undefined) {
      stream = openEventStream(scope);
      this.streams.set(scope.queue, stream);
    }
    if (typeof target === 'string') return stream;
    return stream.pipe(filter((event) => !('name' in event) || event.name === target.name));
  }
}

showMembers(QueueService);

limitArguments(
  QueueService,
  { enqueueMany: 3, getJob: 2, jobs: 2, cancel: 2, retry: 3, promote: 2, remove: 2, events: 1 },
  ['events'],
);

async function handleOf(scope: QueueScope, id: string): Promise<JobHandle> {
  const [stored] = await scope.store.curation.read(scope.queue, [id]);
  if (stored === undefined) throw new JobNotFoundError(scope.queue, id);
  return JobHandle.ofStored(scope, stored);
}

function definitionOf(target: Target): JobDefinition | undefined {
  return typeof target === 'string' ? undefined : target;
}
