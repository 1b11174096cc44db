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
}

/** What a thrown value does to its job beyond "this attempt failed". Made by the control-flow errors users throw. */
export type ControlFlow =
  { kind: 'bury'; reason: DeadReason } | { kind: 'snooze'; delayMs: number } | { kind: 'cancel' };

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
