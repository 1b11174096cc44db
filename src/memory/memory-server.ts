import type { Clock } from '../core/clock.js';
import { ConfigurationError } from '../core/errors/option-errors.js';
import { Announcer } from './announcer.js';
import { Inboxes } from './inboxes.js';
import { WallClock } from './memory-clock.js';
import { MemoryQueue } from './memory-queue.js';
import { Registry } from './registry.js';
import { ScheduleTable } from './schedule-table.js';

const named = new Map<string, MemoryServer>();

/** What one or more stores of this process share, as clients share a server. */
export class MemoryServer {
  readonly announcer = new Announcer();
  readonly inboxes = new Inboxes();
  readonly registry = new Registry();
  private readonly queues = new Map<string, MemoryQueue>();
  private readonly scheduleTables = new Map<string, ScheduleTable>();

  constructor(readonly clock: Clock = new WallClock()) {}

  /**
   * The server of a name; it outlives the stores that use it, until {@link forget}.
   * @throws ConfigurationError when it exists with another clock
   */
  static named(name: string, clock: Clock | undefined): MemoryServer {
    const server = named.get(name) ?? new MemoryServer(clock);
    if (clock !== undefined && server.clock !== clock) {
      throw new ConfigurationError(
        `memory://${name} exists in this process with another clock. Give both the same clock.`,
      );
    }
    named.set(name, server);
    return server;
  }

  /** The next store of this name begins with nothing. */
  static forget(name: string): void {
    named.delete(name);
  }

  queue(name: string): MemoryQueue {
    let queue = this.queues.get(name);
    if (!queue) this.queues.set(name, (queue = new MemoryQueue(name, this.clock, this.announcer)));
    return queue;
  }

  schedules(name: string): ScheduleTable {
    let table = this.scheduleTables.get(name);
    if (!table) this.scheduleTables.set(name, (table = new ScheduleTable(this.queue(name))));
    return table;
  }

  /** Ends a worker's lease at once, as if its process had died; the next `reclaim` returns its jobs. For tests. */
  kill(worker: string): void {
    for (const queue of this.queues.values()) {
      const lease = queue.leases.get(worker);
      if (lease) lease.killed = true;
    }
  }
}
