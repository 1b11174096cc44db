import type { CancelAnswer, JobEnd } from '../core/broker.js';
import { decodeEnvelope, UnreadableEnvelopeError } from '../core/envelope.js';
import { isSettled, type JobState, type RetentionRule, type SettledState } from '../core/job.js';
import type { KeptJob } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';
import { inParkedOrder } from './reserver.js';
import { CANCELLED_DETAIL } from './settler.js';

/** Items of one step, as on Redis, where a step must not hold others up. */
const STEP = 1000;
const CALL_MEMORY_MS = 600_000;

export function cancel(queue: MemoryQueue, id: string): CancelAnswer | 'not-found' {
  const job = queue.find(id);
  if (!job) return 'not-found';
  if (isSettled(job.state)) return 'finished';
  if (job.state !== 'active') {
    queue.end(job, 'cancelled', CANCELLED_DETAIL, undefined);
    return 'cancelled';
  }
  job.cancelling = true;
  queue.signal({ type: 'cancel', id: job.id });
  return 'requested';
}

export function retryDead(
  queue: MemoryQueue,
  id: string,
  settledAt: number,
  envelope: string,
): 'retried' | 'changed' | 'not-found' {
  const job = queue.find(id);
  if (!job) return 'not-found';
  if (job.state !== 'dead' || job.rank !== settledAt) return 'changed';
  queue.revive(job, envelope, priorityOf(envelope));
  queue.tell('enqueued', job, '');
  queue.wake();
  return 'retried';
}

/** The envelope tells it: the place of a dead job does not. */
function priorityOf(envelope: string): number {
  try {
    const level = decodeEnvelope(envelope).header.p ?? 0;
    return Number.isInteger(level) && level >= 0 && level <= 9 ? level : 0;
  } catch (error) {
    if (error instanceof UnreadableEnvelopeError) return 0;
    throw error;
  }
}

export function promoteJob(queue: MemoryQueue, id: string): 'promoted' | Exclude<JobState, 'scheduled'> | 'not-found' {
  const job = queue.find(id);
  if (!job) return 'not-found';
  if (job.state !== 'scheduled') return job.state;
  queue.makeReady(job, 'back');
  queue.tell('promoted', job, '');
  queue.wake();
  return 'promoted';
}

export function remove(
  queue: MemoryQueue,
  id: string,
  seen: string | undefined,
): 'removed' | 'active' | 'changed' | 'not-found' {
  const job = queue.find(id);
  if (!job) return 'not-found';
  if (job.state === 'active') return 'active';
  if (seen !== undefined && seen !== (isSettled(job.state) ? job.record.slice(0, seen.length) : job.state))
    return 'changed';
  removeJob(queue, job);
  return 'removed';
}

export function dropEnds(queue: MemoryQueue, ends: readonly Pick<JobEnd, 'id' | 'seen'>[]): number {
  const kept = ends.flatMap(({ id, seen }) => {
    const job = queue.find(id);
    return job !== undefined && isSettled(job.state) && job.record.startsWith(seen) ? [job] : [];
  });
  for (const job of kept) queue.delete(job);
  return kept.length;
}

export function purge(
  queue: MemoryQueue,
  state: Exclude<JobState, 'active'>,
  limit: number,
): { removed: number; more: boolean } {
  const victims = oldestOf(queue, state, Math.min(limit, STEP));
  for (const job of victims) removeJob(queue, job);
  return { removed: victims.length, more: queue.counts[state] > 0 };
}

function removeJob(queue: MemoryQueue, job: KeptJob): void {
  queue.delete(job);
  queue.tellWaiter(job.id, `X${queue.now()}{"reason":"removed"}`);
  queue.tell('removed', job, '');
}

function oldestOf(queue: MemoryQueue, state: Exclude<JobState, 'active'>, limit: number): KeptJob[] {
  if (state === 'blocked' || limit <= 0) return [];
  if (state === 'scheduled') return queue.scheduled.slice(0, limit);
  if (state === 'parked') return inParkedOrder(queue).slice(0, limit);
  if (isSettled(state)) return queue.ended[state].order.slice(0, limit);
  return takeReady(queue, limit);
}

/** Taken out of the line, or purging a long one would leave as many holes. */
function takeReady(queue: MemoryQueue, limit: number): KeptJob[] {
  const victims: KeptJob[] = [];
  while (victims.length < limit) {
    const job = queue.ready.takeSuspect() ?? queue.ready.take();
    if (!job) break;
    victims.push(job);
  }
  return victims;
}

export function trim(
  queue: MemoryQueue,
  retention: Record<SettledState, RetentionRule>,
): { trimmed: number; trimmedDead: number; more: boolean } {
  const completed = trimState(queue, 'completed', retention.completed);
  const cancelled = trimState(queue, 'cancelled', retention.cancelled);
  const dead = trimState(queue, 'dead', retention.dead);
  const now = queue.now();
  for (const [caller, { at }] of queue.calls) if (now - at > CALL_MEMORY_MS) queue.calls.delete(caller);
  for (const [id, until] of queue.waiters) if (until < now) queue.waiters.delete(id);
  const more = [completed, cancelled, dead].includes(STEP);
  return { trimmed: completed + cancelled + dead, trimmedDead: dead, more };
}

function trimState(queue: MemoryQueue, state: SettledState, rule: RetentionRule): number {
  const keep = rule === false ? { count: 0, ageMs: 0, bytes: 0 } : rule;
  const ended = queue.ended[state];
  let trimmed = 0;
  while (trimmed < STEP) {
    const oldest = ended.order.first();
    if (!oldest) break;
    const age = queue.now() - settledAtOf(oldest);
    if (ended.order.size <= keep.count && ended.bytes <= keep.bytes && age <= keep.ageMs) break;
    queue.delete(oldest);
    trimmed++;
  }
  return trimmed;
}

function settledAtOf(job: KeptJob): number {
  return Number(job.record.slice(1, 14));
}
