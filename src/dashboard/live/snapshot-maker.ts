import type { QueueService } from '../../queue/queue.service.js';
import { countQueue } from '../views/queue-view.js';
import type { QueueSnapshot } from '../wire.js';

/** Processes describe themselves every 10 s: to look more often shows nothing new. */
const LOADS_MS = 5000;

type Load = Pick<QueueSnapshot, 'slots' | 'slotsBusy'>;

/** Makes snapshots of queues. What processes say of their slots is asked once for all queues. */
export class SnapshotMaker {
  private loads: Promise<ReadonlyMap<string, Load>> = Promise.resolve(new Map());
  private askedAt = -Infinity;

  constructor(private readonly queues: QueueService) {}

  async snapshotOf(queue: string): Promise<QueueSnapshot> {
    if (performance.now() - this.askedAt >= LOADS_MS) {
      this.askedAt = performance.now();
      this.loads = this.askLoads();
    }
    const [counted, loads] = await Promise.all([countQueue(this.queues, queue), this.loads]);
    return { ...counted, ...loads.get(queue) };
  }

  /** None where the store does not answer: the counts of the same moment say so. */
  private async askLoads(): Promise<ReadonlyMap<string, Load>> {
    try {
      const listed = await this.queues.list();
      return new Map(listed.map(({ queue, slots, slotsBusy }) => [queue, { slots, slotsBusy }]));
    } catch {
      return new Map();
    }
  }
}
