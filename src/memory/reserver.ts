import { callerOf, type Reservation, type ReservedJob, type WorkerTurn } from '../core/ports/worker-store.js';
import type { KeptJob } from './kept-job.js';
import type { CallRecord, MemoryQueue } from './memory-queue.js';
import { addEvent } from './notify.js';
import { promoteDue } from './promote-due.js';
import { settle } from './settler.js';
import { take } from './take.js';
import { wake } from './wake.js';

const PROMOTE_STEP = 500;

/** One turn of a worker: what ended is settled, what is due promoted, what is wanted reserved. */
export function takeTurn(queue: MemoryQueue, turn: WorkerTurn): Reservation {
  const last = queue.calls.get(callerOf(turn));
  if (last !== undefined && last.call >= turn.call) return repeatAnswer(queue, turn, last);

  const { lost, trimmedDead } = settle(queue, turn.settlements);
  promoteDue(queue, PROMOTE_STEP);
  const jobs = queue.paused ? [] : reserve(queue, turn);
  const ids = jobs.map((job) => job.id);
  queue.calls.set(callerOf(turn), { call: turn.call, at: queue.now(), fence: queue.fence, lost, ids });

  const answer = answerOf(queue, turn, jobs);
  if (turn.listed !== false) queue.idle.delete(turn.worker);
  const roomLeft = jobs.length < turn.want;
  if (answer.backlog) wake(queue);
  // Room left: whoever makes a job ready next tells this worker.
  if (roomLeft) queue.idle.add(turn.worker);
  return {
    ...answer,
    lost,
    cancelling: cancellingOf(queue, turn.worker),
    nextDueAt: roomLeft ? queue.nextDueAt() : undefined,
    trimmedDead,
  };
}

/**
 * The reply of the first was lost: the same again, without what was settled or reclaimed meanwhile. A call older than the
 * last one does nothing: what it reserved, nobody would run.
 */
function repeatAnswer(queue: MemoryQueue, turn: WorkerTurn, last: CallRecord): Reservation {
  const token = `${turn.worker}:${last.fence}`;
  const repeated = last.call === turn.call;
  const jobs = (repeated ? last.ids : []).flatMap((id) => {
    const job = queue.active.get(id);
    return job?.token === token ? [job] : [];
  });
  return {
    ...answerOf(queue, turn, jobs, last.fence),
    lost: repeated ? last.lost : [],
    cancelling: [],
    nextDueAt: jobs.length < turn.want ? queue.nextDueAt() : undefined,
    trimmedDead: 0,
  };
}

function answerOf(queue: MemoryQueue, turn: WorkerTurn, jobs: readonly KeptJob[], fence = queue.fence) {
  const suspects = queue.ready.countSuspects();
  return {
    now: queue.now(),
    fence,
    jobs: jobs.map(({ id, token, record, crashes }): ReservedJob => ({ id, token, fence, envelope: record, crashes })),
    paused: queue.paused,
    backlog: queue.counts.ready > suspects,
    suspects: suspects > 0 && claimSuspects(queue, turn),
    parked: queue.counts.parked > 0,
  };
}

/** One worker at a time lets its jobs end to take a suspect alone; the others go on. */
function claimSuspects(queue: MemoryQueue, { worker, leaseMs }: WorkerTurn): boolean {
  const claim = queue.suspectClaim;
  if (claim !== undefined && claim.worker !== worker && claim.until > queue.now()) return false;
  queue.suspectClaim = { worker, until: queue.now() + 4 * leaseMs };
  return true;
}

function reserve(queue: MemoryQueue, turn: WorkerTurn): KeptJob[] {
  const jobs = choose(queue, turn);
  if (jobs.length === 0) return jobs;
  take(queue, turn, jobs);
  for (const job of jobs) addEvent(queue, 'active', job, '');
  return jobs;
}

function choose(queue: MemoryQueue, turn: WorkerTurn): KeptJob[] {
  if (turn.want <= 0) return [];
  const suspect = turn.alone ? queue.ready.takeSuspect() : undefined;
  if (suspect) return [suspect];
  const jobs: KeptJob[] = [];
  while (jobs.length < turn.want) {
    const job = queue.ready.take();
    if (!job) break;
    jobs.push(job);
  }
  if (jobs.length < turn.want && turn.adopt !== undefined && queue.parked.size > 0) {
    jobs.push(...adopt(queue, turn.adopt, turn.want - jobs.length));
  }
  return jobs;
}

function adopt(queue: MemoryQueue, names: readonly string[] | '*', room: number): KeptJob[] {
  const waiting = inParkedOrder(queue);
  const known = names === '*' ? waiting : names.flatMap((name) => waiting.filter(({ parkedAs }) => parkedAs === name));
  return known.slice(0, room);
}

/** By name, then oldest first. */
export function inParkedOrder(queue: MemoryQueue): KeptJob[] {
  return [...queue.parked].sort((a, b) => (parkedKeyOf(a) < parkedKeyOf(b) ? -1 : 1));
}

export function parkedKeyOf({ parkedAs, id }: KeptJob): string {
  return `${parkedAs} ${id}`;
}

/** Active jobs of a worker that somebody asked to cancel. */
export function cancellingOf(queue: MemoryQueue, worker: string): string[] {
  const ids: string[] = [];
  for (const job of queue.active.values()) if (job.cancelling && job.worker === worker) ids.push(job.id);
  return ids;
}
