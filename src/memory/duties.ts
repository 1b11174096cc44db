import { isSettled, type RetentionRule, type SettledState } from '../core/job.js';
import type { Duties, EndPage, JobEnd, ReclaimReply } from '../core/ports/duties.js';
import { wholeHeadOf } from '../core/envelope-head.js';
import { RULES } from '../core/rules.js';
import type { MemoryConnection } from './connection.js';
import { deleteJob, endJob, trimEnds } from './end-job.js';
import { goOn } from './go-on.js';
import { isSuspect, type KeptJob } from './kept-job.js';
import { leave } from './leave.js';
import type { MemoryQueue } from './memory-queue.js';
import { addEvent } from './notify.js';
import { place } from './place.js';
import { promoteDue } from './promote-due.js';
import { wake } from './wake.js';
import { sweepKeys } from './unique.js';
import { updateGrace } from './update-grace.js';

/** Items of one step, as on Redis, where a step must not hold others up. */
const STEP = 1000;

export class MemoryDuties implements Duties {
  constructor(private readonly connection: MemoryConnection) {}

  async promote(name: string, limit: number): Promise<{ promoted: number; nextDueAt: number | undefined }> {
    const queue = this.connection.queue(name);
    const promoted = promoteDue(queue, limit);
    if (promoted > 0) wake(queue);
    return { promoted, nextDueAt: queue.nextDueAt() };
  }

  /** One step: the jobs of one worker whose lease ran out. */
  async reclaim(name: string, leaseMs: number): Promise<ReclaimReply> {
    const queue = this.connection.queue(name);
    updateGrace(queue, leaseMs);
    const [worker] = expiredWorkers(queue);
    const poisoned: string[] = [];
    let reclaimed = 0;
    if (worker !== undefined) {
      for (const job of queue.heldBy(worker).reverse()) {
        const fate = giveBack(queue, job);
        if (fate === 'reclaimed') reclaimed++;
        if (fate === 'poisoned') poisoned.push(job.id);
      }
      queue.leases.delete(worker);
      queue.idle.delete(worker);
    }
    // The end of a job may let others of its group start.
    if (reclaimed > 0 || (worker !== undefined && queue.lanes.hasTurn)) wake(queue);
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
      nextLookAt: this.connection.schedules(name).nextLookAt(),
      hasBulks: [...queue.bulks.values()].some(({ state }) => state === 'running'),
    };
  }

  async trim(
    name: string,
    retention: Record<SettledState, RetentionRule>,
  ): Promise<{ trimmed: number; trimmedDead: number; more: boolean }> {
    const queue = this.connection.queue(name);
    const completed = trimState(queue, 'completed', retention.completed);
    const cancelled = trimState(queue, 'cancelled', retention.cancelled);
    const dead = trimState(queue, 'dead', retention.dead);
    const now = queue.now();
    for (const [caller, { at }] of queue.calls) if (now - at > RULES.callMemoryMs) queue.calls.delete(caller);
    for (const [id, until] of queue.waiters) if (until < now) queue.waiters.delete(id);
    sweepKeys(queue);
    queue.lanes.sweep();
    const more = [completed, cancelled, dead].includes(STEP);
    return { trimmed: completed + cancelled + dead, trimmedDead: dead, more };
  }

  async readEnds(name: string, state: SettledState, place: string | undefined, limit: number): Promise<EndPage> {
    const queue = this.connection.queue(name);
    const split = place?.indexOf(':') ?? 0;
    const behind =
      place === undefined ? undefined : { rank: Number(place.slice(0, split)), id: place.slice(split + 1) };
    const { jobs, more } = queue.ended[state].order.pageBehind(behind, limit);
    const last = jobs.at(-1) ?? behind;
    const ends = jobs.map(({ id, record }) => {
      return { id, seen: record.slice(0, 14), bytes: Buffer.byteLength(record), head: wholeHeadOf(record) };
    });
    // Where all were read, others may end in the same millisecond.
    return { now: queue.now(), ends, place: last && `${last.rank}:${more ? last.id : ''}`, more };
  }

  async dropEnds(name: string, ends: readonly Pick<JobEnd, 'id' | 'seen'>[]): Promise<number> {
    const queue = this.connection.queue(name);
    const kept = ends.flatMap(({ id, seen }) => {
      const job = queue.find(id);
      return job !== undefined && isSettled(job.state) && job.record.startsWith(seen) ? [job] : [];
    });
    for (const job of kept) deleteJob(queue, job);
    return kept.length;
  }
}

function giveBack(queue: MemoryQueue, job: KeptJob): 'cancelled' | 'poisoned' | 'reclaimed' {
  leave(queue, job);
  if (!goOn(queue, job, 'crashed')) return 'cancelled';
  if (job.crashes >= RULES.maxCrashes) {
    const message = `Its worker died ${job.crashes} times while it ran.`;
    endJob(queue, job, 'dead', JSON.stringify({ reason: 'poison', message }), undefined);
    return 'poisoned';
  }
  place(queue, job, isSuspect(job) ? 'back' : 'front'); // a suspect stands behind those that wait longer to run alone
  addEvent(queue, 'reclaimed', job, '');
  return 'reclaimed';
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

function trimState(queue: MemoryQueue, state: SettledState, rule: RetentionRule): number {
  return trimEnds(queue, state, rule === false ? { count: 0, bytes: 0 } : rule, STEP);
}
