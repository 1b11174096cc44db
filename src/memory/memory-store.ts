import type { Clock } from '../core/clock.js';
import { ConfigurationError } from '../core/errors.js';
import { Announcer } from './announcer.js';
import { Inboxes } from './inboxes.js';
import { WallClock } from './memory-clock.js';
import { MemoryQueue } from './memory-queue.js';
import { Timetable } from './timetable.js';

const named = new Map<string, MemoryStore>();

/** What one or more brokers of this process share. */
export class MemoryStore {
  readonly announcer = new Announcer();
  readonly inboxes = new Inboxes();
  private readonly queues = new Map<string, MemoryQueue>();
  private readonly timetables = new Map<string, Timetable>();

  constructor(readonly clock: Clock = new WallClock()) {}

  /**
   * The store of a name; it outlives the brokers that use it, as a server would, until {@link forget}.
   * @throws ConfigurationError when it exists with another clock
   */
  static named(name: string, clock: Clock | undefined): MemoryStore {
    const store = named.get(name) ?? new MemoryStore(clock);
    if (clock !== undefined && store.clock !== clock) {
      throw new ConfigurationError(
        `memory://${name} exists in this process with another clock. Give both the same clock.`,
      );
    }
    named.set(name, store);
    return store;
  }

  /** The next broker of this name begins with nothing. */
  static forget(name: string): void {
    named.delete(name);
  }

  queue(name: string): MemoryQueue {
    let queue = this.queues.get(name);
    if (!queue) this.queues.set(name, (queue = new MemoryQueue(name, this.clock, this.announcer)));
    return queue;
  }

  timetable(name: string): Timetable {
    let timetable = this.timetables.get(name);
    if (!timetable) this.timetables.set(name, (timetable = new Timetable(this.queue(name))));
    return timetable;
  }

  kill(worker: string): void {
    for (const queue of this.queues.values()) {
      const lease = queue.leases.get(worker);
      if (lease) lease.killed = true;
    }
  }
}
