import type { QueueLimits } from '../core/limits.js';

/** What code declared and what a user set, as texts of `core/limits`. */
export interface LimitDeclarations {
  declared: string;
  declaredAt: number;
  replaced: string[];
  given: string;
}

/** What holds a queue back, and what it has started lately. */
export interface Allowance {
  limits: QueueLimits | undefined;
  /** Cost of what was started, by slot of time, oldest first. */
  slots: { slot: number; cost: number }[];
  /** Of a smooth rate: the ms from which on the next may start. */
  next: number;
  /** Ms before which nothing starts: a handler met a limit that is not ours. */
  gate: number;
  /** Who looks again when a rate permits the next start, and when. */
  keeper: { worker: string; at: number } | undefined;
}

export const newAllowance = (): Allowance => ({ limits: undefined, slots: [], next: 0, gate: 0, keeper: undefined });
