import type { Settlement } from '../core/ports/worker-store.js';
import { newestErrorOf } from '../core/envelope.js';
import { CANCELLED_DETAIL, endJob } from './end-job.js';
import { goOn } from './go-on.js';
import type { KeptJob } from './kept-job.js';
import { leave } from './leave.js';
import type { MemoryQueue } from './memory-queue.js';
import { addEvent, signal } from './notify.js';
import { place, placeLater } from './place.js';

/** Applies what a worker made of its runs; one that is not the newest run of its job changes nothing and is named. */
export function settle(
  queue: MemoryQueue,
  settlements: readonly Settlement[],
): { lost: string[]; trimmedDead: number } {
  const lost: string[] = [];
  const releases: KeptJob[] = [];
  let trimmedDead = 0;
  for (const settlement of settlements) {
    const job = leave(queue, settlement);
    if (!job) {
      lost.push(settlement.id);
      continue;
    }
    job.ranMs = settlement.durationMs;
    if (settlement.op === 'release' || settlement.op === 'limit') {
      if (settlement.op === 'limit' && !job.cancelling) {
        close(queue, job, settlement);
      }
      // Its place comes at the end: the first one released shall be the first to run again.
      releases.push(job);
    } else {
      trimmedDead += apply(queue, job, settlement);
      job.ranMs = undefined;
    }
  }
  for (const job of releases.reverse()) {
    release(queue, job);
    job.ranMs = undefined;
  }
  return { lost, trimmedDead };
}

/** A handler met a limit: nothing of the group starts for a while, or of the queue. */
function close(queue: MemoryQueue, job: KeptJob, { forMs, scope }: Extract<Settlement, { op: 'limit' }>): void {
  const until = queue.now() + forMs;
  if (scope === 'group' && job.group !== undefined) queue.lanes.close(job.group, until);
  else queue.allowance.gate = Math.max(queue.allowance.gate, until);
}

/** @returns dead letters that retention trimmed */
function apply(queue: MemoryQueue, job: KeptJob, settlement: Exclude<Settlement, { op: 'release' | 'limit' }>): number {
  switch (settlement.op) {
    case 'complete':
      endJob(queue, job, 'completed', settlement.result, settlement.keep);
      return 0;
    case 'retry':
      runLater(queue, job, settlement.delayMs, settlement.envelope, 'retrying', newestErrorOf(settlement.envelope));
      return 0;
    case 'snooze':
      runLater(queue, job, settlement.delayMs, settlement.envelope, 'snoozed', String(settlement.delayMs));
      return 0;
    case 'park':
      if (goOn(queue, job, 'unrun')) park(queue, job, settlement.name);
      return 0;
    case 'cancel':
      endJob(queue, job, 'cancelled', CANCELLED_DETAIL, settlement.keep);
      return 0;
    case 'bury':
      if (settlement.envelope !== undefined) job.record = settlement.envelope;
      return endJob(queue, job, 'dead', oneLine(settlement.detail), settlement.keep);
    default:
      throw new Error(`No such settlement: ${JSON.stringify(settlement satisfies never)}`);
  }
}

function runLater(
  queue: MemoryQueue,
  job: KeptJob,
  delayMs: number,
  envelope: string | undefined,
  event: 'retrying' | 'snoozed',
  detail: string,
): void {
  if (envelope !== undefined) job.record = envelope;
  if (!goOn(queue, job, 'ran')) return;
  if (delayMs > 0) placeLater(queue, job, queue.now() + delayMs);
  else place(queue, job, 'back');
  addEvent(queue, event, job, detail);
}

function park(queue: MemoryQueue, job: KeptJob, name: string): void {
  queue.move(job, 'parked');
  job.parkedAs = name;
  queue.parked.add(job);
  signal(queue, { type: 'parked', name });
  addEvent(queue, 'parked', job, name);
}

/** An unfinished run goes back to the front. */
export function release(queue: MemoryQueue, job: KeptJob): void {
  if (!goOn(queue, job, 'unrun')) return;
  place(queue, job, 'front');
  addEvent(queue, 'released', job, '');
}

/** Details end at the newline that begins the envelope. */
function oneLine(text: string): string {
  return text.includes('\n') ? text.replaceAll('\n', ' ') : text;
}
