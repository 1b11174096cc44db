import type { Presence, PresentProcess } from '../core/ports/presence.js';
import { RULES } from '../core/rules.js';
import type { MemoryConnection } from './connection.js';

export class MemoryPresence implements Presence {
  constructor(private readonly connection: MemoryConnection) {}

  async announce(process: string, record: string, queues: readonly string[]): Promise<void> {
    const { registry } = this.connection;
    const now = this.connection.now();
    // What was heard of last is the last: whoever is over the bounds is the first.
    registry.processes.delete(process);
    registry.processes.set(process, { id: process, seenAt: now, record });
    for (const queue of queues) {
      registry.queues.delete(queue);
      registry.queues.set(queue, now);
    }
    for (const [id, { seenAt }] of registry.processes) {
      if (seenAt < now - RULES.presenceMs || registry.processes.size > RULES.mostProcesses)
        registry.processes.delete(id);
    }
    for (const [name, knownAt] of registry.queues) {
      if (knownAt < now - RULES.queueMemoryMs || registry.queues.size > RULES.mostQueues) registry.queues.delete(name);
    }
  }

  async withdraw(process: string): Promise<void> {
    this.connection.registry.processes.delete(process);
  }

  async processes(): Promise<PresentProcess[]> {
    const heardSince = this.connection.now() - RULES.presenceMs;
    return [...this.connection.registry.processes.values()].filter(({ seenAt }) => seenAt >= heardSince);
  }

  async queues(): Promise<string[]> {
    const knownSince = this.connection.now() - RULES.queueMemoryMs;
    const known = [...this.connection.registry.queues].filter(([, knownAt]) => knownAt >= knownSince);
    return known.map(([name]) => name).sort();
  }
}
