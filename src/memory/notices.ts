import type { Unsubscribe } from '../core/ports/connection.js';
import type { StoredJob } from '../core/ports/curation.js';
import type { Notices, QueueSignal, SettledNotice, StoreEvent } from '../core/ports/notices.js';
import type { MemoryConnection } from './connection.js';
import { readAwaited } from './job-reader.js';

export class MemoryNotices implements Notices {
  constructor(private readonly connection: MemoryConnection) {}

  async onSignal(queue: string, listener: (signal: QueueSignal) => void): Promise<Unsubscribe> {
    return this.connection.subscribe(({ signals }) => signals.subscribe(queue, listener));
  }

  async onSettled(queue: string, listener: (end: SettledNotice | 'resync') => void): Promise<Unsubscribe> {
    return this.connection.subscribe(({ ends }) => ends.subscribe(queue, listener));
  }

  async onEvents(queue: string, listener: (events: StoreEvent[]) => void): Promise<Unsubscribe> {
    return this.connection.subscribe(({ events }) => events.subscribe(queue, listener));
  }

  async awaitSettled(queue: string, id: string, ttlMs: number): Promise<StoredJob | undefined> {
    return readAwaited(this.connection.queue(queue), id, ttlMs);
  }
}
