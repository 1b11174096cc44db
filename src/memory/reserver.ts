import { callerOf, type Reservation, type ReservedJob, type WorkerTurn } from '../core/ports/worker-store.js';
import { RULES } from '../core/rules.js';
import { keepGate, permissionOf } from './allowance.js';
import type { KeptJob } from './kept-job.js';
import type { CallRecord, MemoryQueue } from './memory-queue.js';
import { earliest } from './lanes.js';
import { addEvent } from './notify.js';
import { promoteDue } from './promote-due.js';
import { settle } from './settler.js';
import { take } from './take.js';
import { wake } from './wake.js';

/** One turn of a worker: what ended is settled, what is due promoted, what is wanted reserved. */
export function takeTurn(queue: MemoryQueue, turn: WorkerTurn): Reservation {
  const last = queue.calls.get(callerOf(turn));
  if (last !== undefined && last.call >= turn.call) return repeatAnswer(queue, turn, last);

  const { lost, trimmedDead } = settle(queue, turn.settlements);
  promoteDue(queue, RULES.mostPromoted);
  const { jobs, needed } = queue.paused ? NOTHING : reserve(queue, turn);
  const ids = jobs.map((job) => job.id);
  queue.calls.set(callerOf(turn), { call: turn.call, at: queue.now(), fence: queue.fence, lost, ids });

  const answer = answerOf(queue, turn, jobs, { needed });
  if (turn.listed !== false) queue.idle.delete(turn.worker);
  const roomLeft = jobs.length < turn.want;
  if (answer.backlog) wake(queue);
  // Room left: the next job that becomes ready wakes this worker.
  if (roomLeft) queue.idle.add(turn.worker);
  return {
    ...answer,
    lost,
    cancelling: cancellingOf(queue, turn.worker),
    nextDueAt: lookAgainAt(queue, turn, roomLeft, needed),
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
    ...answerOf(queue, turn, jobs, { fence: last.fence }),
    lost: repeated ? last.lost : [],
    cancelling: [],
    nextDueAt: lookAgainAt(queue, turn, jobs.length < turn.want),
    trimmedDead: 0,
  };
}

/** When a worker looks again although nobody wakes it: the next job is due, or a rate permits the next start. */
function lookAgainAt(queue: MemoryQueue, turn: WorkerTurn, hasRoom: boolean, needed?: number): number | undefined {
  const due = hasRoom ? queue.nextDueAt() : undefined;
  const opensAt = openingOf(queue, turn, needed);
  if (opensAt === undefined) return due;
  const at = keepGate(queue, turn.worker, opensAt, hasRoom);
  if (at === 'pass') wake(queue);
  return typeof at === 'number' && !(due !== undefined && due <= at) ? at : due;
}

/** When a job that waits may start, where none may before: by the limits of the queue, else by those of groups. */
function openingOf(queue: MemoryQueue, turn: WorkerTurn, needed: number | undefined): number | undefined {
  const { lanes } = queue;
  const { jobs, opensAt } = permissionOf(queue, needed);
  const beside = besideLanes(queue, turn).map((job) => lanes.holdOf(job));
  const opensLater = earliest([lanes.opensAt, ...beside.map((hold) => hold?.until)]);
  if (lanes.hasTurn || beside.includes(undefined)) return jobs > 0 ? undefined : opensAt;
  return jobs > 0 || opensLater === undefined ? opensLater : opensAt;
}

/** Suspects for a worker that runs nothing, and parked jobs for one that adopts. */
function besideLanes(queue: MemoryQueue, { alone, adopt }: WorkerTurn): KeptJob[] {
  return [...(alone ? queue.lanes.suspects.live() : []), ...(adopt === undefined ? [] : adoptable(queue, adopt))];
}

function answerOf(
  queue: MemoryQueue,
  turn: WorkerTurn,
  jobs: readonly KeptJob[],
  { fence = queue.fence, needed }: { fence?: number; needed?: number | undefined },
) {
  const isHeld = (job: KeptJob) => queue.lanes.holdOf(job) !== undefined;
  return {
    now: queue.now(),
    fence,
    jobs: jobs.map(({ id, token, record, crashes }): ReservedJob => ({ id, token, fence, envelope: record, crashes })),
    paused: queue.paused,
    backlog: queue.lanes.hasTurn && permissionOf(queue, needed).jobs > 0,
    limited: queue.allowance.limits !== undefined || queue.allowance.gate > queue.now() || queue.lanes.hasLimitedGroup,
    awaited: queue.waiters.size > 0,
    suspects: queue.lanes.suspects.live().some((job) => !isHeld(job)) && claimSuspects(queue, turn),
    parked: queue.counts.parked > 0,
  };
}

/** One worker at a time lets its jobs end to take a suspect alone; the others go on. */
function claimSuspects(queue: MemoryQueue, turn: WorkerTurn): boolean {
  const { worker, leaseMs } = turn;
  const claim = queue.suspectClaim;
  if (turn.alone && permissionOf(queue).jobs <= 0) {
    // It could not start one: a worker whose own jobs fill the limit lets them end.
    if (claim?.worker === worker) queue.suspectClaim = undefined;
    return false;
  }
  if (claim !== undefined && claim.worker !== worker && claim.until > queue.now()) return false;
  queue.suspectClaim = { worker, until: queue.now() + RULES.suspectClaimLeases * leaseMs };
  return true;
}

/** What a turn takes. */
interface Choice {
  jobs: KeptJob[];
  /** Where a rate has less left than the next job costs: that cost. */
  needed?: number | undefined;
}

const NOTHING: Choice = { jobs: [] };

function reserve(queue: MemoryQueue, turn: WorkerTurn): Choice {
  const choice = choose(queue, turn);
  const { jobs } = choice;
  if (jobs.length === 0) return choice;
  queue.allowance.window.charge(jobs.reduce((sum, { cost }) => sum + cost, 0));
  take(queue, turn, jobs);
  for (const job of jobs) addEvent(queue, 'active', job, '');
  return choice;
}

function choose(queue: MemoryQueue, turn: WorkerTurn): Choice {
  const permission = permissionOf(queue);
  const most = Math.min(turn.want, permission.jobs);
  if (most <= 0) return NOTHING;
  const { lanes, allowance } = queue;
  const jobs: KeptJob[] = [];
  let left = permission.cost;
  let needed: number | undefined;
  const fits = ({ cost }: KeptJob): boolean => {
    if (cost > left && !(jobs.length === 0 && allowance.window.startsAlone(cost))) {
      needed = cost;
      return false;
    }
    left -= cost;
    return true;
  };
  const mayStart = (job: KeptJob) => lanes.holdOf(job) === undefined;
  const suspect = turn.alone ? lanes.suspects.first(mayStart) : undefined;
  if (suspect !== undefined) {
    if (!fits(suspect)) return { jobs: [], needed };
    lanes.suspects.delete(suspect);
    lanes.start(suspect);
    return { jobs: [suspect] };
  }
  while (jobs.length < most) {
    const lane = lanes.next();
    if (lane?.line.first === undefined || !fits(lane.line.first)) break;
    jobs.push(lanes.take(lane));
  }
  if (needed === undefined && turn.adopt !== undefined && queue.parked.size > 0) {
    for (const job of adoptable(queue, turn.adopt)) {
      if (jobs.length >= most) break;
      if (!mayStart(job)) continue;
      if (!fits(job)) break;
      lanes.start(job);
      jobs.push(job);
    }
  }
  return { jobs, needed };
}

function adoptable(queue: MemoryQueue, names: readonly string[] | '*'): KeptJob[] {
  if (queue.parked.size === 0) return [];
  const waiting = inParkedOrder(queue);
  return names === '*' ? waiting : names.flatMap((name) => waiting.filter(({ parkedAs }) => parkedAs === name));
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
