import type { QueueLimits } from '../core/limits.js';
import { RateWindow } from './rate-window.js';

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
  readonly window: RateWindow;
  /** Ms before which nothing starts: a handler met a limit that is not ours. */
  gate: number;
  /** Who looks again when a rate permits the next start, and when. */
  keeper: { worker: string; at: number } | undefined;
}

export const newAllowance = (clock: { now(): number }): Allowance => ({
  limits: undefined,
  window: new RateWindow(clock),
  gate: 0,
  keeper: undefined,
});
