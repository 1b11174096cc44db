import type { QueueLimits } from '../core/limits.js';
import { RULES } from '../core/rules.js';
import type { MemoryQueue } from './memory-queue.js';

/** What may start now. Where nothing may, when something may; undefined where only the end of another job can tell. */
export interface Permission {
  jobs: number;
  cost: number;
  opensAt?: number | undefined;
}

const EVERYTHING: Permission = { jobs: Infinity, cost: Infinity };

export function applyLimits(queue: MemoryQueue, limits: QueueLimits | undefined): void {
  const { allowance, lanes } = queue;
  allowance.limits = limits;
  allowance.keeper = undefined;
  allowance.window.use(limits?.rate);
  lanes.limit(limits?.groups);
}

/** @param needed the cost of the job that would start next */
export function permissionOf(queue: MemoryQueue, needed = 1): Permission {
  const { limits, gate, window } = queue.allowance;
  if (gate > queue.now()) return { jobs: 0, cost: 0, opensAt: gate };
  if (limits === undefined) return EVERYTHING;
  const jobs = limits.running === undefined ? Infinity : limits.running - queue.active.size;
  if (jobs <= 0) return { jobs: 0, cost: 0 };
  const { cost, opensAt } = window.left(needed);
  if (cost < needed && !window.startsAlone(needed)) return { jobs: 0, cost: Math.max(cost, 0), opensAt };
  return { jobs, cost };
}

/** Whether a worker should hear of jobs that became ready: one may start, or nobody knows yet when the next may. */
export function isWorthAWake(queue: MemoryQueue): boolean {
  const { jobs, opensAt } = permissionOf(queue);
  if (jobs > 0 && queue.lanes.hasTurn) return true;
  const at = jobs > 0 ? queue.lanes.opensAt : opensAt;
  return at !== undefined && !isGateKept(queue, at);
}

/**
 * A rate lets nothing start before `opensAt`, and jobs wait: one worker, the gatekeeper, looks again exactly then, the others a
 * while later.
 * @returns when this one does; `'pass'` where it has no room and another one must be woken
 */
export function keepGate(queue: MemoryQueue, worker: string, opensAt: number, hasRoom: boolean) {
  if (isGateKept(queue, opensAt, worker)) return hasRoom ? opensAt + RULES.gateBelievedMs : undefined;
  queue.allowance.keeper = hasRoom ? { worker, at: opensAt } : undefined;
  return hasRoom ? opensAt : 'pass';
}

/** Whether a worker, and not the one that asks, will look again when something may start. One that has looked is a keeper no more. */
function isGateKept(queue: MemoryQueue, opensAt: number, worker?: string): boolean {
  const { keeper } = queue.allowance;
  return keeper !== undefined && keeper.worker !== worker && keeper.at > queue.now() && keeper.at <= opensAt;
}
