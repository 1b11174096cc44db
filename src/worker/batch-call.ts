import type { AsyncResource } from 'node:async_hooks';
import { readBatchResults } from '../core/batch-results.js';
import type { BatchHandling } from '../core/handler.js';
import type { Job } from '../core/job-view.js';
import type { Settlement } from '../core/ports/worker-store.js';
import { forget, isThenable } from '../core/thenable.js';
import { openScope } from '../process/own-scope.js';
import type { BatchMember } from './batch-member.js';
import { runJobOfTaskQueue } from './current-job.js';
import type { JobRunner } from './job-runner.js';

const RESOLVED = Promise.resolve();

/** What is no promise of this realm, such as the query of a library, is awaited inside as well. */
function callInside(jobs: readonly Job[], invoke: (jobs: readonly Job[]) => unknown): Promise<unknown> {
  return Promise.resolve(runJobOfTaskQueue(jobs, invoke));
}

/** One call of a batch handler. Each of its jobs gets a settlement of its own, exactly once, unless the worker ended it before. */
export class BatchCall {
  left: number;
  /** What users are asked when a job ends (codecs, strategies) is asked here, and not in the handler's context. */
  private readonly outside = openScope();

  constructor(
    readonly members: readonly BatchMember[],
    private readonly batch: BatchHandling<Job>,
    private readonly runner: Pick<JobRunner, 'completed' | 'failures'>,
    private readonly end: (job: BatchMember, settlement: Settlement) => void,
  ) {
    this.left = members.length;
    for (const member of members) member.call = this;
  }

  /** Calls the handler, soon, in a scope of its own. */
  start(): void {
    this.outside.runInAsyncScope(() => void RESOLVED.then(() => this.run()));
  }

  /** What one job of the call throws. */
  fail(member: BatchMember, thrown: unknown): void {
    if (member.ended) return;
    this.outside.runInAsyncScope(() => this.settle(member, this.runner.failures.failed(member, thrown)));
  }

  private run(): void {
    const scope = openScope();
    const startedAt = performance.now();
    for (const member of this.members) {
      member.startedAt = startedAt;
      member.enter(scope);
    }
    void this.callHandler(scope);
  }

  /** Never rejects. */
  private async callHandler(scope: AsyncResource): Promise<void> {
    const { check } = this.batch;
    if (check !== undefined) await Promise.all(this.present.map((member) => this.check(member, check)));
    const called = this.present;
    if (called.length === 0) return;
    const [{ plan }] = called;
    const jobs = called.map(({ handled }) => handled as Job);
    let results: readonly unknown[] | undefined;
    try {
      const returned: unknown = await scope.runInAsyncScope(callInside, undefined, jobs, this.batch.invoke);
      results = readBatchResults(returned, called.length, plan.handler.label);
    } catch (error) {
      for (const member of called) this.fail(member, error);
      return;
    }
    for (const [index, member] of called.entries()) this.complete(member, results?.[index]);
  }

  private get present(): BatchMember[] {
    return this.members.filter(({ ended }) => !ended);
  }

  private async check(member: BatchMember, check: (job: Job) => unknown): Promise<void> {
    try {
      await member.inScope(check);
    } catch (error) {
      this.fail(member, error);
    }
  }

  private complete(member: BatchMember, value: unknown): void {
    try {
      if (isThenable(value)) {
        if (member.ended) return forget(value);
        const later = member.inScope(() => Promise.resolve(value));
        later.then(
          (result) => this.complete(member, result),
          (error) => this.fail(member, error),
        );
      } else if (!member.ended) {
        this.settle(member, this.runner.completed(member, value));
      }
    } catch (error) {
      this.fail(member, error); // a value that throws when it is looked at
    }
  }

  private settle(member: BatchMember, settlement: Settlement): void {
    member.ended = true;
    this.end(member, settlement);
  }
}
