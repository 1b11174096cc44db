import type { Conflict, EnqueueReceipt, NewJob, OnConflict } from '../core/ports/intake.js';
import { admit } from './admit.js';
import type { KeptJob, KeyHolder } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';
import { addEvent } from './notify.js';
import { placeLater } from './place.js';
import { holderOfKey, holdKey, isOpen } from './unique.js';

/** What an enqueue comes to: an answer where nothing is stored, else when the job is due and what is kept of its key. */
export type Decision =
  | { receipt: EnqueueReceipt; isEarlier?: boolean }
  | { receipt?: undefined; dueAt: number; holds: Omit<KeyHolder, 'job'> };

type Throttle = Extract<OnConflict, { kind: 'throttle' }>;
type Debounce = Extract<OnConflict, { kind: 'debounce' }>;

/** What an enqueue does where another job has its unique key: as scripts/lib/conflict.lua. */
export function meet(queue: MemoryQueue, job: NewJob): Decision {
  const dueAt = job.delayMs === undefined ? (job.runAt ?? 0) : queue.now() + job.delayMs;
  const { onConflict, uniqueKey } = job;
  const refused = admit(queue, job);
  if (onConflict === undefined || uniqueKey === undefined || job.userId !== undefined) {
    return refused === undefined ? { dueAt, holds: {} } : { receipt: refused };
  }
  const holder = queue.uniques.get(uniqueKey);
  switch (onConflict.kind) {
    case 'throttle':
      return throttle(queue, job, onConflict, holder);
    case 'debounce':
      return debounce(queue, job, onConflict, holder);
    case 'replace':
      if (refused === undefined || holder === undefined) return { dueAt, holds: {} };
      return mayChange(queue, holder, job) ? replace(queue, holder, job, dueAt, {}, 'replaced') : kept(holder);
  }
}

function throttle(queue: MemoryQueue, job: NewJob, { ms, both }: Throttle, holder: KeyHolder | undefined): Decision {
  const now = queue.now();
  if (holder?.window === undefined || !isOpen(queue, holder)) {
    if (holder !== undefined && holderOfKey(queue, job.uniqueKey) !== undefined) return kept(holder);
    return { dueAt: 0, holds: { window: { from: now, until: now + ms } } };
  }
  if (!both) return kept(holder);
  const { from, until } = holder.window;
  if (now < from && mayChange(queue, holder, job)) {
    return replace(queue, holder, job, from, { window: holder.window }, 'replaced');
  }
  // The job of the end of this window opens the next one.
  if (now < from) return { dueAt: from, holds: { window: { from, until } } };
  return { dueAt: until, holds: { window: { from: until, until: until + ms } } };
}

function debounce(
  queue: MemoryQueue,
  job: NewJob,
  { ms, atMostMs }: Debounce,
  holder: KeyHolder | undefined,
): Decision {
  const now = queue.now();
  if (holder === undefined || holderOfKey(queue, job.uniqueKey) === undefined) {
    const dueAt = now + Math.min(ms, atMostMs);
    return { dueAt, holds: { burst: { first: now, dueAt } } };
  }
  if (!mayChange(queue, holder, job)) return kept(holder);
  const { job: waiting, ...rest } = holder;
  if (waiting.state !== 'scheduled') return replace(queue, holder, job, now, rest, 'replaced');
  // Due at another time than a call let it be: it has run since, and waits for its next attempt. These calls begin anew.
  const first = holder.burst?.dueAt === waiting.rank ? holder.burst.first : now;
  const dueAt = Math.max(Math.min(now + ms, first + atMostMs), now);
  return replace(queue, holder, job, dueAt, { burst: { first, dueAt } }, 'extended');
}

/** A job with an id of its own is what that id promises, so it stays as it is. So does one of another group. */
function mayChange(queue: MemoryQueue, { job }: KeyHolder, { group }: NewJob): boolean {
  const isWaiting = holderOfKey(queue, job.uniqueKey) === job && job.state !== 'active';
  return isWaiting && job.userId === undefined && job.group === group;
}

/** It keeps its place: only one that is scheduled moves, to another due time. */
function replace(
  queue: MemoryQueue,
  { job }: KeyHolder,
  newJob: NewJob,
  dueAt: number,
  holds: Omit<KeyHolder, 'job'>,
  conflict: Conflict,
): Decision {
  change(job, newJob);
  if (job.inLane) queue.lanes.refresh(queue.lanes.of(job.group));
  const before = queue.nextDueAt() ?? 0;
  if (job.state === 'scheduled') placeLater(queue, job, Math.max(dueAt, queue.now()));
  holdKey(queue, job, holds);
  addEvent(queue, conflict === 'extended' ? 'extended' : 'replaced', job, '');
  return { receipt: receiptOf(job, conflict), isEarlier: (queue.nextDueAt() ?? 0) < before };
}

function change(
  job: KeptJob,
  { envelope, freeWhileRunning = false, priority = 0, cost = 1, ordered = false }: NewJob,
): void {
  job.record = envelope;
  job.freeWhileRunning = freeWhileRunning;
  job.priority = priority;
  job.cost = cost;
  job.ordered = ordered && job.group !== undefined;
}

const kept = ({ job }: KeyHolder): Decision => ({ receipt: receiptOf(job, 'kept') });

/** A job that is not kept any more has ended. */
function receiptOf(job: KeptJob, conflict: Conflict): EnqueueReceipt {
  return { id: job.id, created: false, state: job.gone ? 'completed' : job.state, conflict };
}
