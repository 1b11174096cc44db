import type { Handler } from '../core/handler.js';
import type { Job } from '../core/job-view.js';
import { layerJobOptions } from '../options/job-options-reader.js';
import type { GivenJobOptions, ResolvedJobOptions, ResolvedOptions } from '../options/options.js';

/** A handler with the job options that hold where the job itself says nothing. */
export interface HandlerPlan {
  handler: Handler<Job>;
  settings: ResolvedJobOptions;
}

/** Precedence behind the job's own header: queue configuration > `@Processor` > module defaults. */
export function settingsOf(
  queue: string,
  options: ResolvedOptions,
  processor: GivenJobOptions | undefined,
): ResolvedJobOptions {
  return layerJobOptions(options.queues[queue]?.job ?? {}, processor ?? {}, options.defaults);
}

/** Finds the handler of a job name: its own, or the one that takes every other name. */
export class HandlerTable {
  private byName = new Map<string, HandlerPlan>();
  private fallback: HandlerPlan | undefined;
  private most = 0;
  /** Some handler takes the jobs of one group in each call. */
  hasBatchesByGroup = false;

  constructor(plans: readonly HandlerPlan[]) {
    this.replace(plans);
  }

  /** From the next job on these take its place. */
  replace(plans: readonly HandlerPlan[]): void {
    this.byName = new Map();
    for (const plan of plans) {
      if (plan.handler.name !== undefined) this.byName.set(plan.handler.name, plan);
    }
    this.most = Math.max(0, ...plans.map(({ handler }) => handler.batch?.size ?? 0));
    this.hasBatchesByGroup = plans.some(({ handler }) => handler.batch?.byGroup === true);
    this.fallback = plans.find(({ handler }) => handler.name === undefined);
  }

  find(name: string): HandlerPlan | undefined {
    return this.byName.get(name) ?? this.fallback;
  }

  /** Most jobs that one of them takes in a call; 0 where each takes one job alone. */
  get largestBatch(): number {
    return this.most;
  }

  /** Each job name that has a handler; `*` for the one that takes every other name. */
  get names(): string[] {
    return [...this.byName.keys(), ...(this.fallback === undefined ? [] : ['*'])];
  }

  /** The names whose parked jobs this process can take; `'*'` takes every name. */
  get known(): readonly string[] | '*' {
    return this.fallback === undefined ? [...this.byName.keys()] : '*';
  }
}
