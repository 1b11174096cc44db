import { wholeHeadOf } from '../core/envelope-head.js';
import type { Explainer, JobStanding } from '../core/ports/explainer.js';
import { rateLeft, startsAlone } from './allowance.js';
import type { MemoryConnection } from './connection.js';
import { isSuspect, type KeptJob } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';

export class MemoryExplainer implements Explainer {
  constructor(private readonly connection: MemoryConnection) {}

  async explain(name: string, id: string): Promise<JobStanding | undefined> {
    const queue = this.connection.queue(name);
    const job = queue.find(id);
    if (job === undefined) return undefined;
    const { limits, gate } = queue.allowance;
    const { movedMs } = queue.clock;
    return {
      now: queue.now(),
      state: job.state,
      head: wholeHeadOf(job.record),
      dueAt: job.state === 'scheduled' ? job.rank : undefined,
      isSuspect: job.state === 'ready' && isSuspect(job),
      parkedAs: job.state === 'parked' ? job.parkedAs : undefined,
      ahead: job.state === 'ready' ? { count: aheadOf(queue, job), isExact: true } : undefined,
      isPaused: queue.paused,
      hasWorkers:
        queue.idle.size > 0 || [...queue.leases.values()].some(({ endsAt, killed }) => !killed && endsAt > movedMs),
      running: queue.active.size,
      group: undefined,
      limits,
      gateUntil: gate > queue.now() ? gate : undefined,
      rateOpensAt: opensAtOf(queue, job),
    };
  }
}

function aheadOf(queue: MemoryQueue, job: KeptJob): number {
  let count = 0;
  for (const other of queue.ready.line(isSuspect(job))) {
    if (other === job) break;
    count++;
  }
  return count;
}

function opensAtOf(queue: MemoryQueue, { cost }: KeptJob): number | undefined {
  const left = rateLeft(queue, cost);
  return left.cost < cost && !startsAlone(queue, cost) ? left.opensAt : undefined;
}
