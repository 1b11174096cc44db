import type { Durability } from '../core/durability.js';
import { UnsupportedError } from '../core/errors/store-errors.js';
import type { EnqueueReceipt, Intake, NewJob } from '../core/ports/intake.js';
import type { MemoryConnection } from './connection.js';
import type { Inboxes } from './inboxes.js';
import { adoptElements, enqueue } from './producer.js';

export class MemoryIntake implements Intake {
  constructor(
    private readonly connection: MemoryConnection,
    private readonly inboxes: Inboxes,
  ) {}

  async enqueue(queue: string, jobs: readonly NewJob[], durability?: Durability): Promise<EnqueueReceipt[]> {
    const target = this.connection.queue(queue);
    if (durability !== undefined) {
      throw new UnsupportedError(
        'memory:// has neither replicas nor a disk: leave durability out, or connect to Redis.',
      );
    }
    return enqueue(target, jobs);
  }

  async takeInbox(queue: string, inbox: string, limit: number): Promise<number> {
    const target = this.connection.queue(queue);
    const elements = this.inboxes.take(inbox, limit);
    adoptElements(target, elements);
    return elements.length;
  }

  async awaitInbox(inbox: string, timeoutMs: number): Promise<void> {
    this.connection.assertOpen();
    await this.inboxes.wait(inbox, timeoutMs, this.connection.whenClosed);
  }
}
