import type { WorkerTurn } from '../core/ports/worker-store.js';
import type { KeptJob } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';

/** Hook: a worker reserves jobs. One lease covers them all, under one fence that is higher than all before it. */
export function take(
  queue: MemoryQueue,
  { worker, leaseMs }: Pick<WorkerTurn, 'worker' | 'leaseMs'>,
  jobs: readonly KeptJob[],
): void {
  queue.fence = Math.max(queue.fence + 1, queue.now() * 1000);
  const token = `${worker}:${queue.fence}`;
  for (const job of jobs) {
    queue.move(job, 'active');
    job.worker = worker;
    job.token = token;
    queue.active.set(job.id, job);
  }
  const killed = queue.leases.get(worker)?.killed ?? false;
  queue.leases.set(worker, { endsAt: queue.clock.movedMs + leaseMs, killed });
}
