import type { DeadReason } from './job.js';

/**
 * One decorated method, ready to run: what discovery makes and the worker calls. A handler without enhancers, pipes or
 * request scope costs one call.
 */
export interface Handler<TJob = unknown> {
  queue: string;
  /** The job name it takes; undefined takes every name without a handler of its own. */
  name: string | undefined;
  /** `Class.method`, for logs and errors. */
  label: string;
  /** Runs one attempt. May return a value, a promise or an Observable (values are progress, the last is the result). */
  readonly invoke: (job: TJob) => unknown;
  /** It takes many jobs in one call; `invoke` is not used then. */
  readonly batch?: BatchHandling<TJob> | undefined;
}

/** How a handler takes many jobs, all of one name, in one call. */
export interface BatchHandling<TJob = unknown> {
  /** Jobs of one call, at most. */
  size: number;
  /** How long the first job of a call waits for others, ms. */
  waitMs: number;
  /** All jobs of a call are of one group. Default false. */
  byGroup?: boolean;
  /** Checks one job before the call; it throws, or its promise rejects, for a job that must not reach the handler. */
  check: ((job: TJob) => unknown) | undefined;
  /** May return a value or a promise: see `readBatchResults`. */
  readonly invoke: (jobs: readonly TJob[]) => unknown;
}

/** What a thrown value does to its job beyond "this attempt failed". Made by the control-flow errors users throw. */
export type ControlFlow =
  | { kind: 'bury'; reason: DeadReason }
  | { kind: 'snooze'; delayMs: number }
  | { kind: 'limit'; forMs: number; scope?: 'group' }
  | { kind: 'cancel' };

/** Errors carry their meaning under this key, so that neither copies of a class nor bundlers can hide it. */
export const CONTROL_FLOW: unique symbol = Symbol.for('task-queue:control-flow') as never;

export function controlFlowOf(thrown: unknown): ControlFlow | undefined {
  if (typeof thrown !== 'object' || thrown === null) return undefined;
  try {
    return (thrown as { [CONTROL_FLOW]?: ControlFlow })[CONTROL_FLOW];
  } catch {
    return undefined; // a getter or proxy that throws is an ordinary failure
  }
}
