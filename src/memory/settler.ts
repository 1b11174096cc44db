import type { Settlement } from '../core/ports/worker-store.js';
import { newestErrorOf } from '../core/envelope.js';
import type { KeptJob } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';

export const CANCELLED_DETAIL = '{"reason":"cancelled"}';

/** Applies what a worker made of its runs; one that is not the newest run of its job changes nothing and is named. */
export function settle(
  queue: MemoryQueue,
  settlements: readonly Settlement[],
): { lost: string[]; trimmedDead: number } {
  const lost: string[] = [];
  const releases: KeptJob[] = [];
  let trimmedDead = 0;
  for (const settlement of settlements) {
    const job = queue.active.get(settlement.id);
    if (job?.token !== settlement.token) {
      lost.push(settlement.id);
      continue;
    }
    job.ranMs = settlement.durationMs;
    if (settlement.op === 'release') {
      // Its token dies now, its place comes at the end: the first one released shall be the first to run again.
      job.token = '';
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

/** @returns dead letters that retention trimmed */
function apply(queue: MemoryQueue, job: KeptJob, settlement: Exclude<Settlement, { op: 'release' }>): number {
  switch (settlement.op) {
    case 'complete':
      queue.end(job, 'completed', settlement.result, settlement.keep);
      return 0;
    case 'retry':
      runLater(queue, job, settlement.delayMs, settlement.envelope, 'retrying', newestErrorOf(settlement.envelope));
      return 0;
    case 'snooze':
      runLater(queue, job, settlement.delayMs, settlement.envelope, 'snoozed', String(settlement.delayMs));
      return 0;
    case 'park':
      if (endIfCancelling(queue, job)) return 0;
      queue.park(job, settlement.name);
      queue.signal({ type: 'parked', name: settlement.name });
      queue.tell('parked', job, settlement.name);
      return 0;
    case 'cancel':
      queue.end(job, 'cancelled', CANCELLED_DETAIL, settlement.keep);
      return 0;
    case 'bury':
      if (settlement.envelope !== undefined) job.record = settlement.envelope;
      return queue.end(job, 'dead', oneLine(settlement.detail), settlement.keep);
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
  if (endIfCancelling(queue, job)) return;
  // What the run came to is counted: it did not take its worker with it.
  job.crashes = 0;
  if (delayMs > 0) queue.schedule(job, queue.now() + delayMs);
  else queue.makeReady(job, 'back');
  queue.tell(event, job, detail);
}

function release(queue: MemoryQueue, job: KeptJob): void {
  if (endIfCancelling(queue, job)) return;
  queue.giveBack(job);
  queue.tell('released', job, '');
}

/** A running job that somebody wants cancelled gets no further attempt. */
export function endIfCancelling(queue: MemoryQueue, job: KeptJob): boolean {
  if (!job.cancelling) return false;
  queue.end(job, 'cancelled', CANCELLED_DETAIL, undefined); // what is to be kept of it, the janitor knows
  return true;
}

/** Details end at the newline that begins the envelope. */
function oneLine(text: string): string {
  return text.includes('\n') ? text.replaceAll('\n', ' ') : text;
}
