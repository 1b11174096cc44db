import { Logger } from '@nestjs/common';
import type { QueueCounts } from '../core/ports/curation.js';
import { JobNotFoundError } from '../core/errors/job-errors.js';
import { InvalidValueError } from '../core/errors/option-errors.js';
import type { JobState } from '../core/job.js';
import { requireObject } from '../core/option-checks.js';
import type { Redactor } from '../core/redactor.js';
import { showMembers } from '../core/shown-members.js';
import type { StoreReport } from '../core/store-report.js';
import { limitArguments } from '../core/surplus-arguments.js';
import type { FiringAlert } from '../core/alert-record.js';
import { listAlerts } from '../inspector/alert-lister.js';
import { BulkExecutors } from '../inspector/bulk/bulk-executors.js';
import {
  getBulk,
  listBulks,
  startBulk,
  type BulkHandle,
  type BulkPreview,
  type BulkProgress,
} from '../inspector/bulk/bulk-handle.js';
import type { BulkOptions } from '../inspector/bulk/bulk-request.js';
import { readHistory, type HistoryQuery, type QueueHistory } from '../inspector/history-reader.js';
import { explainJob, type JobExplanation } from '../inspector/job-explainer.js';
import type { ProcessInfo } from '../inspector/process-info.js';
import { listProcesses, listQueues, type QueueListing } from '../inspector/queue-lister.js';
import { countFacets, type FacetOptions, type Facets } from '../inspector/facet-counter.js';
import { findJobs, type FindOptions } from '../inspector/finder.js';
import { checkGroupKey, readGroupRule, type GroupOptions } from '../options/group-option.js';
import { readLimits, showLimits, type LimitOptions } from '../options/limit-options.js';
import type { ResolvedOptions } from '../options/options.js';
import { forgetRates } from './cost-checker.js';
import { retryAllDead } from './dead-letter-retrier.js';
import type { JobDefinition } from './job-definition.js';
import { listGroups, type GroupsPage, type GroupsQuery } from './group-lister.js';
import { isStorableId } from './job-curator.js';
import { readJobFilter, type JobFilter } from './job-filter.js';
import type { JobHandle } from './job-handle.js';
import { requireState } from './job-lister.js';
import type { KnownQueues } from './known-queues.js';
import { purgeAll, purgeFitting } from './purger.js';
import type { QueueScope, QueueStore } from './queue-scope.js';
import { QueueScopes, type Target } from './queue-scopes.js';

export interface PurgeQuery extends JobFilter {
  state: Exclude<JobState, 'active'>;
}

/**
 * The half of {@link QueueService} that looks after whole queues: what they hold, what holds them back, and what is done to all
 * jobs of a kind. The service itself has what an application does with single jobs.
 */
export abstract class QueueOperations {
  private readonly scopes: QueueScopes;
  private readonly redactor: Redactor | undefined;
  /** What works at bulk operations in this process. @internal */
  readonly bulkExecutors: BulkExecutors;

  constructor(
    private readonly store: QueueStore,
    options: ResolvedOptions,
    queues: KnownQueues,
  ) {
    this.redactor = options.redactor;
    const logger = new Logger('TaskQueueModule');
    this.scopes = new QueueScopes(store, options, queues, logger);
    this.bulkExecutors = new BulkExecutors(store.connection, logger);
  }

  /** Queues of this app, and those that processes of other apps of the prefix knew within 30 days; by name. */
  async list(): Promise<QueueListing[]> {
    return listQueues(this.store.presence, this.scopes.names());
  }

  /** Processes of all apps of the prefix, workers and producers, that described themselves within 35 s; oldest start first. */
  async processes(): Promise<ProcessInfo[]> {
    return listProcesses(this.store.presence);
  }

  /** Alerts of all apps of the prefix that fire now, the one that fires longest first. Rules are `alerts` in `forRoot`. */
  async alerts(): Promise<FiringAlert[]> {
    return listAlerts(this.store.alerts);
  }

  /**
   * What ended in the queue, by time: counts of outcomes, and how waits and runs are spread. Each process adds to it every ten
   * seconds.
   * @throws InvalidValueError, UnknownOptionError
   */
  async history(target: Target, query?: HistoryQuery): Promise<QueueHistory> {
    const { store, queue } = await this.operatedScopeOf(target);
    return readHistory(store, queue, typeof target === 'string' ? query : { name: target.name, ...query });
  }

  /**
   * Why a job has not started: all that holds it, how many run before it, and what would free it. One read, also for a user who may
   * only read.
   * @throws JobNotFoundError
   */
  async explain(target: Target, id: string): Promise<JobExplanation> {
    const { store, queue } = await this.operatedScopeOf(target);
    if (!isStorableId(id)) throw new JobNotFoundError(queue, id);
    return explainJob(store.explainer, queue, id);
  }

  /** How many jobs the queue holds in each state, and whether it is paused. */
  async counts(target: Target): Promise<QueueCounts> {
    const { store, queue } = await this.operatedScopeOf(target);
    return store.curation.counts(queue);
  }

  /** No process takes another job of this queue until it is resumed; running ones finish. Enqueues go on. */
  async pause(target: Target): Promise<void> {
    const { store, queue } = await this.operatedScopeOf(target);
    await store.curation.setPaused(queue, true);
  }

  async resume(target: Target): Promise<void> {
    const { store, queue } = await this.operatedScopeOf(target);
    await store.curation.setPaused(queue, false);
  }

  async isPaused(target: Target): Promise<boolean> {
    const { store, queue } = await this.operatedScopeOf(target);
    return store.curation.isPaused(queue);
  }

  /**
   * Holds the queue back over all processes, whatever code declares, until {@link resetLimits}. What runs goes on.
   * @throws InvalidValueError, UnknownOptionError
   */
  async setLimits(target: Target, limits: LimitOptions): Promise<void> {
    const scope = await this.operatedScopeOf(target);
    await scope.store.limits.set(scope.queue, readLimits(limits, `limits of "${scope.queue}"`));
    forgetRates(scope);
  }

  /** What the `limits` of its handlers declare holds again, if anything. */
  async resetLimits(target: Target): Promise<void> {
    const scope = await this.operatedScopeOf(target);
    await scope.store.limits.reset(scope.queue);
    forgetRates(scope);
  }

  /** What holds the queue back now, by `setLimits` or by the code of its handlers; undefined for nothing. */
  async limits(target: Target): Promise<LimitOptions | undefined> {
    const { store, queue } = await this.operatedScopeOf(target);
    return showLimits(await store.limits.read(queue));
  }

  /**
   * Holds one group of the queue back, or gives it a greater share, until {@link resetGroup}. It replaces what was said of the group
   * before, whole, and opens what a `LimitedError` has closed. What runs goes on.
   * @throws InvalidValueError, UnknownOptionError
   */
  async setGroup(target: Target, key: string, group: GroupOptions): Promise<void> {
    const { store, queue } = await this.operatedScopeOf(target);
    const checked = checkGroupKey(key, 'key of setGroup');
    await store.groups.set(queue, checked, readGroupRule(group, `group "${checked}" of "${queue}"`));
  }

  /**
   * The group is as `limits.groups` of the queue says again.
   * @returns whether `setGroup` had said something of it
   * @throws InvalidValueError
   */
  async resetGroup(target: Target, key: string): Promise<boolean> {
    const { store, queue } = await this.operatedScopeOf(target);
    return store.groups.reset(queue, checkGroupKey(key, 'key of resetGroup'));
  }

  /**
   * The groups of the queue that have jobs that wait or run, or that `setGroup` named; in the order of their keys, page by page.
   * @throws InvalidValueError, UnknownOptionError
   */
  async groups(target: Target, query?: GroupsQuery): Promise<GroupsPage> {
    return listGroups(await this.operatedScopeOf(target), query);
  }

  /**
   * Looks for jobs by name, state, payload, error, age and more, newest first, in small steps: it takes at most a fifth of the time of
   * the store. The grammar of `where` is in docs/guides/find.md.
   * @throws WhereSyntaxError, RedactedFieldError, InvalidValueError; from the iteration UnsupportedError for `on: 'replica'` where the
   *   connection knows none, and the reason of the signal
   */
  find<P, R, I>(
    definition: JobDefinition<P, R, I>,
    where: string,
    options?: FindOptions,
  ): AsyncIterableIterator<JobHandle<P, R>>;
  find<P = unknown, R = Record<string, unknown>>(
    queue: string,
    where: string,
    options?: FindOptions,
  ): AsyncIterableIterator<JobHandle<P, R>>;
  find(target: Target, where: string, options?: FindOptions): AsyncIterableIterator<JobHandle> {
    return findJobs(() => this.operatedScopeOf(target), this.redactor, where, options);
  }

  /**
   * How the newest 10,000 jobs that fit divide by a value: `name`, `error`, `payload.tenantId` …
   * @throws as `find`
   */
  async facets(target: Target, where: string, path: string, options?: FacetOptions): Promise<Facets> {
    return countFacets(await this.operatedScopeOf(target), where, path, options);
  }

  /**
   * Starts an operation on all jobs that fit now: it retries, cancels, removes or promotes each of them once. The operation is stored.
   * This process works at it, and should it end, another one that has a worker of the queue or started an operation of it. It takes at
   * most a fifth of the time of the store. The grammar of `where` is in docs/guides/find.md.
   * @returns a handle; of a `dryRun` the counts, and nothing is done
   * @throws WhereSyntaxError, RedactedFieldError, InvalidValueError, UnknownOptionError
   * @throws TooManyBulksError where ten operations of the queue run; UnknownQueueError
   */
  bulk(target: Target, options: BulkOptions & { dryRun?: false }): Promise<BulkHandle>;
  bulk(target: Target, options: BulkOptions & { dryRun: true }): Promise<BulkPreview>;
  bulk(target: Target, options: BulkOptions): Promise<BulkHandle | BulkPreview>;
  async bulk(target: Target, options: BulkOptions): Promise<BulkHandle | BulkPreview> {
    return startBulk(await this.operatedScopeOf(target), this.bulkExecutors, options);
  }

  /** Bulk operations of the queue: those that run, and the last 50 that ended; the newest first. */
  async bulks(target: Target): Promise<BulkProgress[]> {
    return listBulks(await this.operatedScopeOf(target));
  }

  /** The bulk operation of this id, which any process may have started; undefined where none is kept. */
  async getBulk(target: Target, id: string): Promise<BulkHandle | undefined> {
    return getBulk(await this.operatedScopeOf(target), id);
  }

  /**
   * Retries the dead jobs of the queue that can be read, page by page: all, or those that fit the filter.
   * @returns how many; one whose unique key another job holds stays dead
   */
  async retryAll(target: Target, filter: JobFilter = {}): Promise<number> {
    const scope = await this.operatedScopeOf(target);
    return retryAllDead(scope, await readJobFilter(scope, filter, 'retryAll', 'dead'));
  }

  /**
   * Deletes the jobs that are in this state now: all, or those that fit the filter beside it. It works in steps that let other
   * work in between. Jobs that run are never deleted.
   * @returns how many were deleted
   */
  async purge(target: Target, query: PurgeQuery): Promise<number> {
    const scope = await this.operatedScopeOf(target);
    requireObject(query, 'query of purge', 'pass an object such as { state: "completed" }');
    const fits = await readJobFilter(scope, query, 'purge', query.state, ['state']);
    const state = requireState(query.state);
    if (state === 'active') throw new InvalidValueError('state', state, 'jobs that run cannot be deleted; cancel them');
    return fits === undefined ? purgeAll(scope, state) : purgeFitting(scope, state, fits);
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

  /**
   * Also of a queue that only other apps of the prefix know: for verbs that look after jobs, not for those that make them.
   * @internal @throws UnknownQueueError
   */
  operatedScopeOf(target: Target): Promise<QueueScope> {
    return this.scopes.find(target);
  }

  /** As {@link operatedScopeOf}, of a queue that such a verb has named before. @internal @throws UnknownQueueError */
  foundScopeOf(target: Target): QueueScope {
    return this.scopes.found(target);
  }
}

showMembers(QueueOperations);

limitArguments(
  QueueOperations,
  {
    ...{ counts: 1, pause: 1, resume: 1, isPaused: 1, retryAll: 2, purge: 2, doctor: 0, list: 0, alerts: 0 },
    ...{ find: 3, facets: 4, bulk: 2, bulks: 1, getBulk: 2 },
    ...{ setGroup: 3, resetGroup: 2, groups: 2 },
    ...{ setLimits: 2, resetLimits: 1, limits: 1, processes: 0, history: 2, explain: 2 },
  },
  ['find'],
  'QueueService',
);
