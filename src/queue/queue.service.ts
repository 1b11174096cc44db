import { Injectable, Logger } from '@nestjs/common';
import { filter, type Observable } from 'rxjs';
import type { CancelAnswer, QueueCounts } from '../core/ports/curation.js';
import type { EnqueueReceipt, NewJob } from '../core/ports/intake.js';
import { encodeEnvelope } from '../core/envelope.js';
import { JobNotFoundError } from '../core/errors/job-errors.js';
import { InvalidValueError } from '../core/errors/option-errors.js';
import { DEFAULT_JOB_NAME, type JobState } from '../core/job.js';
import { requireObject } from '../core/option-checks.js';
import { encodePayload } from '../core/payload-encoder.js';
import { showMembers } from '../core/shown-members.js';
import { limitArguments, NAME_IS_AN_OPTION, refuseSurplus } from '../core/surplus-arguments.js';
import type { StoreReport } from '../core/store-report.js';
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
import { retryAllDead, retryDeadJob } from './dead-letter-retrier.js';
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
import { readJobFilter, type JobFilter } from './job-filter.js';
import { JobHandle } from './job-handle.js';
import { listJobs, requireState, type JobsPage, type JobsQuery } from './job-lister.js';
import { handlesOf, prepareJob, storeJob, storeJobs, withHandles } from './job-producer.js';
import type { KnownQueues } from './known-queues.js';
import { purgeAll, purgeFitting } from './purger.js';
import type { QueueScope, QueueStore } from './queue-scope.js';
import { QueueScopes, type Target } from './queue-scopes.js';

/** What a handler returns where nobody said it: name the type at `enqueue`, at `result`, or by a definition. */
export type UntypedResult = Record<string, unknown>;

export interface PurgeQuery extends JobFilter {
  state: Exclude<JobState, 'active'>;
}

/**
 * Enqueues jobs and looks after queues. Wherever a queue is named, a definition made by `defineJob` may stand instead.
 * Every verb rejects with `UnknownQueueError` for a queue that this application does not know, and with
 * `BrokerUnavailableError` while the store is away: then nothing was done. What may have been done, because the reply never
 * came, is an `EnqueueOutcomeUnknownError` or `CallOutcomeUnknownError`.
 */
@Injectable()
export class QueueService {
  private readonly scopes: QueueScopes;
  private readonly streams = new Map<string, Observable<JobEvent>>();
  private readonly backoffNames: readonly string[];

  constructor(
    private readonly store: QueueStore,
    options: ResolvedOptions,
    queues: KnownQueues,
  ) {
    this.backoffNames = Object.keys(options.backoffs);
    this.scopes = new QueueScopes(store, options, queues, new Logger('TaskQueueModule'));
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
    options?: DefinedEnqueueOptions,
  ): Promise<JobHandle<P, R>>;
  enqueue<P = unknown, R = UntypedResult>(
    queue: string,
    payload: P,
    options?: EnqueueOptions,
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
    jobs: readonly BulkJob<Uninferred<I>, DefinedEnqueueOptions>[],
    options?: { chunk?: false },
  ): Promise<JobHandle<P, R>[]>;
  enqueueMany<P, R, I>(
    definition: JobDefinition<P, R, I>,
    jobs: readonly BulkJob<Uninferred<I>, DefinedEnqueueOptions>[],
    options: { chunk: true },
  ): Promise<BulkChunk<P, R>[]>;
  enqueueMany<P = unknown, R = UntypedResult>(
    queue: string,
    jobs: readonly BulkJob<P>[],
    options?: { chunk?: false },
  ): Promise<JobHandle<P, R>[]>;
  enqueueMany<P = unknown, R = UntypedResult>(
    queue: string,
    jobs: readonly BulkJob<P>[],
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
    const scope = this.scopeOf(target);
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
    return listJobs(this.scopeOf(target), query);
  }

  /** How many jobs the queue holds in each state, and whether it is paused. */
  async counts(target: Target): Promise<QueueCounts> {
    const { store, queue } = this.scopeOf(target);
    return store.curation.counts(queue);
  }

  /** No process takes another job of this queue until it is resumed; running ones finish. Enqueues go on. */
  async pause(target: Target): Promise<void> {
    const { store, queue } = this.scopeOf(target);
    await store.curation.setPaused(queue, true);
  }

  async resume(target: Target): Promise<void> {
    const { store, queue } = this.scopeOf(target);
    await store.curation.setPaused(queue, false);
  }

  async isPaused(target: Target): Promise<boolean> {
    const { store, queue } = this.scopeOf(target);
    return store.curation.isPaused(queue);
  }

  /**
   * `cancelled`: it had not started and never will. `requested`: it runs; its `signal` is aborted as soon as its process
   * hears of it (a lost message is made up for by the next renewal of the lease), and no further attempt follows.
   * `finished`: it had ended already.
   * @throws JobNotFoundError
   */
  async cancel(target: Target, id: string): Promise<CancelAnswer> {
    return cancelJob(this.scopeOf(target), id);
  }

  /**
   * Makes a dead job ready again, counting attempts from 1 and keeping its error history. A job with an expiry gets as
   * much time as it had the first time.
   * @throws JobNotFoundError; JobStateError when it is not dead
   */
  retry<P, R, I>(definition: JobDefinition<P, R, I>, id: string): Promise<JobHandle<P, R>>;
  retry<P = unknown, R = UntypedResult>(queue: string, id: string): Promise<JobHandle<P, R>>;
  async retry(target: Target, id: string): Promise<JobHandle> {
    const scope = this.scopeOf(target);
    const number = await retryDeadJob(scope, id);
    return handleOf(scope, number);
  }

  /**
   * Retries the dead jobs of the queue that can be read, page by page: all, or those that fit the filter.
   * @returns how many
   */
  async retryAll(target: Target, filter: JobFilter = {}): Promise<number> {
    const scope = this.scopeOf(target);
    return retryAllDead(scope, await readJobFilter(scope, filter, 'retryAll', 'dead'));
  }

  /**
   * A job that is scheduled (delayed, snoozed, or waiting for its next attempt) need not wait: it becomes ready, at the back
   * of its priority. One that is ready or runs already stays as it is.
   * @throws JobNotFoundError; JobStateError when it is parked or has ended
   */
  promote<P, R, I>(definition: JobDefinition<P, R, I>, id: string): Promise<JobHandle<P, R>>;
  promote<P = unknown, R = UntypedResult>(queue: string, id: string): Promise<JobHandle<P, R>>;
  async promote(target: Target, id: string): Promise<JobHandle> {
    const scope = this.scopeOf(target);
    await promoteJob(scope, id);
    return handleOf(scope, id);
  }

  /**
   * Deletes a job that does not run.
   * @throws JobNotFoundError; JobStateError when it is active: cancel it
   */
  async remove(target: Target, id: string): Promise<void> {
    return removeJob(this.scopeOf(target), id);
  }

  /**
   * Deletes the jobs that are in this state now: all, or those that fit the filter beside it. It works in steps that let other
   * work in between. Jobs that run are never deleted.
   * @returns how many were deleted
   */
  async purge(target: Target, query: PurgeQuery): Promise<number> {
    const scope = this.scopeOf(target);
    requireObject(query, 'query of purge', 'pass an object such as { state: "completed" }');
    const fits = await readJobFilter(scope, query, 'purge', query.state, ['state']);
    const state = requireState(query.state);
    if (state === 'active') throw new InvalidValueError('state', state, 'jobs that run cannot be deleted; cancel them');
    return fits === undefined ? purgeAll(scope, state) : purgeFitting(scope, state, fits);
  }

  /**
   * What happens in the queue, live and at most once, in every process that subscribes. On Redis the first subscription takes
   * a round trip, and what happens before that is not told: read `handle.refresh()` after subscribing. While nobody
   * subscribes, events cost nothing. Of a definition: the events of its jobs, and those of the queue itself. It never completes; it fails where the store cannot be reached at the first
   * subscription.
   */
  events(target: Target): Observable<JobEvent> {
    const scope = this.scopeOf(target);
    let stream = this.streams.get(scope.queue);
    if (stream === undefined) {
      stream = openEventStream(scope);
      this.streams.set(scope.queue, stream);
    }
    if (typeof target === 'string') return stream;
    return stream.pipe(filter((event) => !('name' in event) || event.name === target.name));
  }

  /**
   * What the store behind this app guarantees now: persistence, eviction, replicas, known dangers, and what it would not
   * say. It asks the server once; nothing is changed.
   */
  doctor(): Promise<StoreReport> {
    return this.store.connection.examine();
  }

  /**
   * Fails what still awaits a result; no hook, because Nest calls the hooks of a service for each module that hands it on.
   * @internal
   */
  endWaits(): void {
    this.scopes.endWaits();
  }

  /** @internal @throws UnknownQueueError */
  scopeOf(target: Target): QueueScope {
    return this.scopes.of(target);
  }
}

showMembers(QueueService);

limitArguments(
  QueueService,
  {
    ...{
      enqueueMany: 3,
      getJob: 2,
      jobs: 2,
      counts: 1,
      pause: 1,
      resume: 1,
      isPaused: 1,
      cancel: 2,
      retry: 2,
      retryAll: 2,
    },
    ...{ promote: 2, remove: 2, purge: 2, events: 1, doctor: 0 },
  },
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
