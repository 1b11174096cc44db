import type { QueueLimits, RateLimit } from '../core/limits.js';
import { RULES } from '../core/rules.js';
import type { KeptJob } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';

/** What may start now. Where nothing may, when something may; undefined where only the end of another job can tell. */
export interface Permission {
  jobs: number;
  cost: number;
  opensAt?: number | undefined;
}

const EVERYTHING: Permission = { jobs: Infinity, cost: Infinity };

export function applyLimits(queue: MemoryQueue, limits: QueueLimits | undefined): void {
  const { allowance } = queue;
  const [before, after] = [allowance.limits?.rate, limits?.rate];
  allowance.limits = limits;
  allowance.keeper = undefined;
  // The window of a limit that changes goes on; of a smooth rate only the time of the next start is known, by the rate of before.
  if (before?.perMs === after?.perMs && before?.smooth === after?.smooth && !after?.smooth) return;
  allowance.slots = [];
  allowance.next = 0;
}

/** @param needed the cost of the job that would start next */
export function permissionOf(queue: MemoryQueue, needed = 1): Permission {
  const { limits, gate } = queue.allowance;
  if (gate > queue.now()) return { jobs: 0, cost: 0, opensAt: gate };
  if (limits === undefined) return EVERYTHING;
  const jobs = limits.running === undefined ? Infinity : limits.running - queue.active.size;
  if (jobs <= 0) return { jobs: 0, cost: 0 };
  const { cost, opensAt } = rateLeft(queue, needed);
  if (cost < needed && !startsAlone(queue, needed)) return { jobs: 0, cost: Math.max(cost, 0), opensAt };
  return { jobs, cost };
}

/** The only one of its moment in a smooth rate, else one that costs more than the rate ever has, in an empty window. */
export function startsAlone(queue: MemoryQueue, cost: number): boolean {
  const { limits, next } = queue.allowance;
  if (limits?.rate === undefined) return false;
  if (limits.rate.smooth) return next < queue.now() + 1;
  return cost > limits.rate.limit && slotsOf(queue).length === 0;
}

export function charge(queue: MemoryQueue, jobs: readonly KeptJob[]): void {
  const { allowance } = queue;
  const rate = allowance.limits?.rate;
  if (rate === undefined || jobs.length === 0) return;
  const cost = jobs.reduce((sum, job) => sum + job.cost, 0);
  if (rate.smooth) {
    const { from, each } = smoothly(queue, rate);
    allowance.next = from + cost * each;
    return;
  }
  const slot = Math.floor(queue.now() / widthOf(rate.perMs));
  const slots = slotsOf(queue);
  const last = slots.at(-1);
  if (last !== undefined && last.slot >= slot) last.cost += cost;
  else slots.push({ slot, cost });
  allowance.slots = slots;
}

/** Whether a worker should hear of jobs that became ready: one may start, or nobody knows yet when the rate permits the next. */
export function isWorthAWake(queue: MemoryQueue): boolean {
  const { jobs, opensAt } = permissionOf(queue);
  if (jobs > 0) return true;
  return opensAt !== undefined && !isGateKept(queue, opensAt);
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

/**
 * From when on a smooth rate lets the next job start, and how long it waits for the one behind. A start that comes late, by up to
 * a hundredth of the window, takes nothing from the next one; so each counts for that much longer.
 */
function smoothly(queue: MemoryQueue, { limit, perMs }: RateLimit): { from: number; each: number } {
  const slack = perMs / RULES.windowSlots;
  return { from: Math.max(queue.allowance.next, queue.now() - slack), each: (perMs + slack) / limit };
}

/** What the rate has left; where that is less than `needed`, from when on it has as much. */
export function rateLeft(queue: MemoryQueue, needed: number): { cost: number; opensAt?: number } {
  const { limits, next } = queue.allowance;
  const rate = limits?.rate;
  if (rate === undefined) return { cost: Infinity };
  const now = queue.now();
  if (rate.smooth) {
    const { from, each } = smoothly(queue, rate);
    return { cost: Math.max(Math.ceil((now + 1 - from) / each), 0), opensAt: Math.floor(next) };
  }
  const slots = slotsOf(queue);
  const left = slots.reduce((sum, { cost }) => sum - cost, rate.limit);
  let freed = left;
  let opensAt = now;
  for (const { slot, cost } of slots) {
    if (freed >= Math.min(needed, rate.limit)) break;
    freed += cost;
    opensAt = Math.ceil((slot + countOf(rate.perMs) + 1) * widthOf(rate.perMs));
  }
  return { cost: left, opensAt };
}

function slotsOf(queue: MemoryQueue): { slot: number; cost: number }[] {
  const perMs = queue.allowance.limits?.rate?.perMs ?? 1;
  const first = Math.floor(queue.now() / widthOf(perMs)) - countOf(perMs);
  const now = Math.floor(queue.now() / widthOf(perMs));
  // A clock that was set back has left slots in the future: they count as of now.
  return queue.allowance.slots.flatMap(({ slot, cost }) =>
    slot >= first ? [{ slot: Math.min(slot, now), cost }] : [],
  );
}

function countOf(perMs: number): number {
  return Math.min(RULES.windowSlots, perMs);
}

function widthOf(perMs: number): number {
  return perMs / countOf(perMs);
}
