import type { Observable } from 'rxjs';
import type { CancelAnswer, QueueCounts } from '../core/ports/curation.js';
import { showMembers } from '../core/shown-members.js';
import { limitArguments, NAME_IS_AN_OPTION, refuseSurplus } from '../core/surplus-arguments.js';
import type { HistoryQuery, QueueHistory } from '../inspector/history-reader.js';
import type { BulkHandle, BulkPreview, BulkProgress } from '../inspector/bulk/bulk-handle.js';
import type { BulkOptions } from '../inspector/bulk/bulk-request.js';
import type { FacetOptions, Facets } from '../inspector/facet-counter.js';
import type { FindOptions } from '../inspector/finder.js';
import type { JobExplanation } from '../inspector/job-explainer.js';
import type { GroupOptions } from '../options/group-option.js';
import type { LimitOptions } from '../options/limit-options.js';
import type { BulkChunk, EnqueueManyOptions } from './bulk-enqueuer.js';
import type { BulkJob, EnqueueOptions } from './enqueue-options.js';
import type { GroupsPage, GroupsQuery } from './group-lister.js';
import type { JobEvent } from './job-event.js';
import type { JobFilter } from './job-filter.js';
import type { JobHandle } from './job-handle.js';
import type { JobsPage, JobsQuery } from './job-lister.js';
import type { RetryOptions } from './payload-editor.js';
import type { PurgeQuery } from './queue-operations.js';
import type { QueueService, UntypedResult } from './queue.service.js';

/**
 * One queue, as `@InjectQueue(name)` gives it: the verbs of `QueueService` without the queue argument.
 * @typeParam P payload of its jobs
 * @typeParam R what their handlers return
 */
export class Queue<P = unknown, R = UntypedResult> {
  constructor(
    readonly name: string,
    private readonly queues: QueueService,
  ) {}

  enqueue(payload: P, options?: EnqueueOptions<P>): Promise<JobHandle<P, R>>;
  async enqueue(payload: P, options?: EnqueueOptions<P>, surplus?: unknown): Promise<JobHandle<P, R>> {
    if (surplus !== undefined) refuseSurplus([surplus], 'Queue.enqueue', NAME_IS_AN_OPTION);
    return this.queues.enqueue<P, R>(this.name, payload, options);
  }

  enqueueMany(jobs: readonly BulkJob<P>[], options?: { chunk?: false }): Promise<JobHandle<P, R>[]>;
  enqueueMany(jobs: readonly BulkJob<P>[], options: { chunk: true }): Promise<BulkChunk<P, R>[]>;
  enqueueMany(
    jobs: readonly BulkJob<P>[],
    options?: EnqueueManyOptions,
  ): Promise<JobHandle<P, R>[] | BulkChunk<P, R>[]> {
    return this.queues.enqueueMany<P, R>(this.name, jobs, options as { chunk: true });
  }

  getJob(id: string): Promise<JobHandle<P, R> | undefined> {
    return this.queues.getJob<P, R>(this.name, id);
  }

  jobs(query: JobsQuery): Promise<JobsPage<P, R>> {
    return this.queues.jobs<P, R>(this.name, query);
  }

  history(query?: HistoryQuery): Promise<QueueHistory> {
    return this.queues.history(this.name, query);
  }

  explain(id: string): Promise<JobExplanation> {
    return this.queues.explain(this.name, id);
  }

  counts(): Promise<QueueCounts> {
    return this.queues.counts(this.name);
  }

  pause(): Promise<void> {
    return this.queues.pause(this.name);
  }

  resume(): Promise<void> {
    return this.queues.resume(this.name);
  }

  isPaused(): Promise<boolean> {
    return this.queues.isPaused(this.name);
  }

  setLimits(limits: LimitOptions): Promise<void> {
    return this.queues.setLimits(this.name, limits);
  }

  resetLimits(): Promise<void> {
    return this.queues.resetLimits(this.name);
  }

  limits(): Promise<LimitOptions | undefined> {
    return this.queues.limits(this.name);
  }

  setGroup(key: string, group: GroupOptions): Promise<void> {
    return this.queues.setGroup(this.name, key, group);
  }

  resetGroup(key: string): Promise<boolean> {
    return this.queues.resetGroup(this.name, key);
  }

  groups(query?: GroupsQuery): Promise<GroupsPage> {
    return this.queues.groups(this.name, query);
  }

  cancel(id: string): Promise<CancelAnswer> {
    return this.queues.cancel(this.name, id);
  }

  retry(id: string, options?: RetryOptions): Promise<JobHandle<P, R>> {
    return this.queues.retry<P, R>(this.name, id, options);
  }

  retryAll(filter?: JobFilter): Promise<number> {
    return this.queues.retryAll(this.name, filter);
  }

  promote(id: string): Promise<JobHandle<P, R>> {
    return this.queues.promote<P, R>(this.name, id);
  }

  remove(id: string): Promise<void> {
    return this.queues.remove(this.name, id);
  }

  find(where: string, options?: FindOptions): AsyncIterableIterator<JobHandle<P, R>> {
    return this.queues.find<P, R>(this.name, where, options);
  }

  facets(where: string, path: string, options?: FacetOptions): Promise<Facets> {
    return this.queues.facets(this.name, where, path, options);
  }

  bulk(options: BulkOptions & { dryRun?: false }): Promise<BulkHandle>;
  bulk(options: BulkOptions & { dryRun: true }): Promise<BulkPreview>;
  bulk(options: BulkOptions): Promise<BulkHandle | BulkPreview>;
  bulk(options: BulkOptions): Promise<BulkHandle | BulkPreview> {
    return this.queues.bulk(this.name, options);
  }

  bulks(): Promise<BulkProgress[]> {
    return this.queues.bulks(this.name);
  }

  getBulk(id: string): Promise<BulkHandle | undefined> {
    return this.queues.getBulk(this.name, id);
  }

  purge(query: PurgeQuery): Promise<number> {
    return this.queues.purge(this.name, query);
  }

  events(): Observable<JobEvent> {
    return this.queues.events(this.name);
  }
}

showMembers(Queue, ({ name }) => ({ name }));

limitArguments(
  Queue,
  {
    ...{
      enqueueMany: 2,
      getJob: 1,
      jobs: 1,
      counts: 0,
      pause: 0,
      resume: 0,
      isPaused: 0,
      cancel: 1,
      retry: 2,
      retryAll: 1,
    },
    ...{
      promote: 1,
      remove: 1,
      purge: 1,
      events: 0,
      history: 1,
      explain: 1,
      setLimits: 1,
      resetLimits: 0,
      limits: 0,
      setGroup: 2,
      resetGroup: 1,
      groups: 1,
      find: 2,
      facets: 3,
      bulk: 1,
      bulks: 0,
      getBulk: 1,
    },
  },
  ['events', 'find'],
);
