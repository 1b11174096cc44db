import type { BeatReply, HeldJob, ReclaimReply, Reconciliation, RunReport } from '../core/broker.js';
import { isSuspect, MAX_CRASHES, type KeptJob } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';
import { cancellingOf } from './reserver.js';
import { endIfCancelling } from './settler.js';

const LOG_LINES = 100;

export function beat(queue: MemoryQueue, worker: string, leaseMs: number): BeatReply {
  witness(queue, leaseMs);
  const lease = queue.leases.get(worker);
  const lapsed = lease === undefined || lease.killed || lease.endsAt <= queue.clock.movedMs;
  // What a test killed stays dead until the scan has seen it.
  if (!lease?.killed) queue.leases.set(worker, { endsAt: queue.clock.movedMs + leaseMs, killed: false });
  return { now: queue.now(), lapsed, cancelling: cancellingOf(queue, worker) };
}

export function reconcile(queue: MemoryQueue, worker: string, held: readonly HeldJob[]): Reconciliation {
  const lost = held.filter(({ id, token }) => queue.active.get(id)?.token !== token).map(({ id }) => id);
  for (const id of lost) queue.forgive(id);
  const ids = new Set(held.map(({ id }) => id));
  const orphans = ownedBy(queue, worker).filter(({ id }) => !ids.has(id));
  for (const job of orphans.reverse()) {
    if (endIfCancelling(queue, job)) continue;
    queue.giveBack(job);
    queue.tell('released', job, '');
  }
  if (orphans.length > 0) queue.wake();
  return { lost, released: orphans.length, fence: queue.fence };
}

export function leave(queue: MemoryQueue, worker: string): void {
  queue.idle.delete(worker);
  reconcile(queue, worker, []);
  // Its call record stays until it is old: a late copy of a turn reserves nothing.
  queue.leases.delete(worker);
}

export function report(queue: MemoryQueue, reports: readonly RunReport[]): { lost: string[] } {
  const lost: string[] = [];
  for (const { id, token, progress, logs } of reports) {
    const job = queue.active.get(id);
    if (job?.token !== token) {
      lost.push(id);
      continue;
    }
    if (progress !== undefined) {
      job.progress = progress;
      queue.tell('progress', job, progress);
    }
    if (logs.length > 0) job.logs = [...(job.logs ?? []), ...logs].slice(-LOG_LINES);
  }
  return { lost };
}

/** As shared/witness.lua: after a gap in which nobody looked, no lease counts for a whole one. */
function witness(queue: MemoryQueue, leaseMs: number): void {
  const { movedMs } = queue.clock;
  const wasAway = queue.seenAt === undefined || movedMs - queue.seenAt > leaseMs / 2;
  if (queue.active.size > 0 && wasAway) queue.graceUntil = movedMs + leaseMs;
  queue.seenAt = movedMs;
}

/** One step: the jobs of one worker whose lease ran out. */
export function reclaim(queue: MemoryQueue, leaseMs: number): Omit<ReclaimReply, 'nextLookAt'> {
  witness(queue, leaseMs);
  const [worker] = expiredWorkers(queue);
  const poisoned: string[] = [];
  let reclaimed = 0;
  if (worker !== undefined) {
    for (const job of ownedBy(queue, worker).reverse()) {
      const fate = giveBack(queue, job);
      if (fate === 'reclaimed') reclaimed++;
      if (fate === 'poisoned') poisoned.push(job.id);
    }
    queue.leases.delete(worker);
    queue.idle.delete(worker);
  }
  if (reclaimed > 0) queue.wake();
  return {
    now: queue.now(),
    reclaimed,
    poisoned,
    more: expiredWorkers(queue).length > 0,
    inflight: queue.active.size,
    nextExpiryAt: nextExpiryAt(queue),
    ready: queue.counts.ready,
    nextDueAt: queue.nextDueAt(),
    parked: queue.counts.parked,
  };
}

function giveBack(queue: MemoryQueue, job: KeptJob): 'cancelled' | 'poisoned' | 'reclaimed' {
  if (endIfCancelling(queue, job)) return 'cancelled';
  job.crashes++;
  if (job.crashes >= MAX_CRASHES) {
    const message = `Its worker died ${job.crashes} times while it ran.`;
    queue.end(job, 'dead', JSON.stringify({ reason: 'poison', message }), undefined);
    return 'poisoned';
  }
  if (isSuspect(job)) queue.makeSuspect(job);
  else queue.makeReady(job, 'front');
  queue.tell('reclaimed', job, '');
  return 'reclaimed';
}

/** Oldest first. */
function ownedBy(queue: MemoryQueue, worker: string): KeptJob[] {
  const owned = [...queue.active.values()].filter((job) => job.worker === worker);
  return owned.sort((a, b) => (a.id < b.id ? -1 : 1));
}

function expiredWorkers(queue: MemoryQueue): string[] {
  const { movedMs } = queue.clock;
  const inGrace = movedMs < queue.graceUntil;
  return [...queue.leases]
    .filter(([, lease]) => lease.killed || (!inGrace && lease.endsAt <= movedMs))
    .sort(([a, x], [b, y]) => x.endsAt - y.endsAt || (a < b ? -1 : 1))
    .map(([worker]) => worker);
}

function nextExpiryAt(queue: MemoryQueue): number | undefined {
  if (queue.leases.size === 0) return undefined;
  const ends = Math.min(...[...queue.leases.values()].map(({ endsAt }) => endsAt));
  return queue.now() + (ends - queue.clock.movedMs);
}
