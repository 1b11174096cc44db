import { performance } from 'node:perf_hooks';
import type { StoredJob } from '../../core/ports/curation.js';
import { seenOf } from '../../core/record-head.js';
import type { ActAnswer, ActedJob, BulkRecord, BulkStep, ExecutorLease } from '../../core/ports/bulks.js';
import { reviveTogether } from '../../queue/dead-letter-retrier.js';
import type { QueueScope } from '../../queue/queue-scope.js';
import { lookAtOutcomes } from './bulk-outcomes.js';
import { readStoredRequest, type BulkPlan } from './bulk-request.js';
import { BulkWalk, type BulkPage } from './bulk-walk.js';

/** Jobs that a step acts on at most: some 2 ms of Redis. */
const MOST_ACTED = 50;
/** Jobs that a page looks at at most. */
const LONGEST_PAGE = 500;
/** A rate is kept by so many steps a second, or by steps of one job. */
const STEPS_PER_SECOND = 4;
/** Outcomes are looked at so often. */
const LOOK_MS = 250;
/** Retried jobs without an outcome, at least and per job that `after` asks for: with more the operation waits. */
const LEAST_WATCHED = 100;
const WATCHED_PER_KNOWN = 2;

/** One operation while this process has it. A step that fails may be repeated: the place of the operation is the store's to say. */
export class BulkRun {
  /** It has ended, or another process has it. */
  isOver = false;
  /** When the next step may begin: store time, ms. */
  dueAt = 0;
  private readonly plan: BulkPlan;
  private readonly walk: BulkWalk;
  private readonly chunk: number;
  private pageLength = MOST_ACTED;
  private lookAt = 0;

  /** @throws Error for a request that this version cannot read */
  constructor(
    private readonly scope: QueueScope,
    private readonly lease: ExecutorLease,
    private record: BulkRecord,
  ) {
    this.plan = readStoredRequest(record.request);
    this.walk = new BulkWalk(scope, this.plan, { at: record.createdAt, highest: record.highest });
    const { rate } = this.plan;
    this.chunk = rate === undefined ? MOST_ACTED : Math.min(MOST_ACTED, Math.ceil(rate / STEPS_PER_SECOND));
  }

  get id(): string {
    return this.record.id;
  }

  /** How it stands in the store: a step whose reply was lost may have been done. */
  update(record: BulkRecord): void {
    this.record = record;
  }

  /** Looks at the next jobs and acts on those that are meant. @returns for how long the store was at work at most, ms */
  async step(): Promise<number> {
    const { plan, chunk } = this;
    const startedAt = performance.now();
    if (plan.stopIf !== undefined && (await this.waitsForOutcomes(plan.stopIf))) return performance.now() - startedAt;
    const page = await this.nextPage(Math.min(chunk, this.room));
    await this.act(page);
    return performance.now() - startedAt;
  }

  /** Lets another process go on with it at once. */
  async release(): Promise<void> {
    this.isOver = true;
    await letGo(this.scope, this.record, this.lease.executor);
  }

  /** How many further jobs may be watched. */
  private get room(): number {
    const { stopIf } = this.plan;
    if (stopIf === undefined) return Infinity;
    return Math.max(LEAST_WATCHED, stopIf.after * WATCHED_PER_KNOWN) - this.record.watched.length;
  }

  /** @returns whether no job is to be retried now: too many outcomes are unknown, or too many failed, and the operation has ended */
  private async waitsForOutcomes({ failures, after }: NonNullable<BulkPlan['stopIf']>): Promise<boolean> {
    const now = this.scope.store.connection.now();
    const { watched } = this.record;
    if (watched.length > 0 && (now >= this.lookAt || this.room <= 0)) {
      const outcomes = await lookAtOutcomes(this.scope, watched);
      this.lookAt = now + LOOK_MS;
      const known = this.record.known + outcomes.known;
      const failed = this.record.failed + outcomes.failed;
      const isTooMany = known >= after && failed > failures * known;
      // Also where none is known: the next look goes on with the others.
      await this.send({ ...outcomes, nextState: isTooMany ? 'stopped' : 'running' });
      if (this.isOver) return true;
    }
    if (this.room > 0) return false;
    this.dueAt = now + LOOK_MS;
    return true;
  }

  /** A page on which no more jobs are meant than may be acted on; longer ones where few are. */
  private async nextPage(chunk: number): Promise<BulkPage> {
    const { walk, record } = this;
    const length = Math.max(chunk, this.pageLength);
    const page = await walk.page(record.place, length);
    if (page.found.length > chunk && length > chunk) {
      this.pageLength = chunk;
      return walk.page(record.place, chunk);
    }
    if (page.found.length * 2 <= chunk) this.pageLength = Math.min(LONGEST_PAGE, length * 2);
    return page;
  }

  private async act({ state, found, looked, nextPlace }: BulkPage): Promise<void> {
    const { action, rate, stopIf } = this.plan;
    const jobs = found.map((stored) => this.actedJobOf(stored)).filter((job) => job !== undefined);
    // The store may have looked at more running jobs than it was asked to: all but the last step leave the place as it is.
    for (let first = 0; ; first += MOST_ACTED) {
      const isLast = first + MOST_ACTED >= jobs.length;
      await this.send({
        ...{ action, state, jobs: jobs.slice(first, first + MOST_ACTED), watches: stopIf !== undefined },
        ...(isLast && { looked, skipped: found.length - jobs.length }),
        ...(isLast && (nextPlace === undefined ? { nextState: 'done' } : { nextPlace })),
      });
      if (isLast || this.isOver) break;
    }
    if (rate !== undefined) {
      this.dueAt = Math.max(this.dueAt, this.scope.store.connection.now()) + (jobs.length * 1000) / rate;
    }
    if (stopIf !== undefined && jobs.length > 0 && !this.isOver) await this.readWatched();
  }

  /** Undefined where the action cannot be done to it. */
  private actedJobOf({ id, record }: StoredJob): ActedJob | undefined {
    if (this.plan.action !== 'retry') return { id, seen: seenOf(record) };
    return reviveTogether({ id, record }, this.scope.store.connection.now());
  }

  /** Which jobs were retried is the store's to say. */
  private async readWatched(): Promise<void> {
    const [record] = await this.scope.store.bulks.read(this.scope.queue, this.id);
    if (record === undefined || record.state !== 'running') this.isOver = true;
    else this.record = record;
  }

  private async send(step: Partial<BulkStep>): Promise<ActAnswer | undefined> {
    const whole = { ...emptyStep(this.record, this.lease), ...step };
    const answer = await this.scope.store.bulks.step(this.scope.queue, whole);
    if (typeof answer === 'string' || whole.nextState !== 'running') this.isOver = true;
    if (typeof answer === 'string') return undefined;
    const { failed, known } = this.record;
    const counts = { failed: failed + whole.failed, known: known + whole.known };
    this.record = { ...this.record, ...counts, place: whole.nextPlace, watched: [...whole.watched] };
    return answer;
  }
}

/** Another process may go on with an operation at once. */
export async function letGo({ store, queue }: QueueScope, record: BulkRecord, executor: string): Promise<void> {
  await store.bulks.step(queue, emptyStep(record, { executor, leaseMs: 0 }));
}

/** Leaves the operation where it is. */
function emptyStep({ id, place, watched }: BulkRecord, lease: ExecutorLease): BulkStep {
  return {
    ...{ ...lease, id, place, nextPlace: place, nextState: 'running', looked: 0, skipped: 0 },
    ...{ failed: 0, known: 0, watched, watches: false, action: 'cancel', state: 'ready', jobs: [] },
  };
}
