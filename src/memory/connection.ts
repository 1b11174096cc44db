import { BrokerUnavailableError } from '../core/errors/store-errors.js';
import type { Connection, Unsubscribe } from '../core/ports/connection.js';
import type { StoreFacts, StoreReport } from '../core/store-report.js';
import type { Announcer } from './announcer.js';
import type { MemoryQueue } from './memory-queue.js';
import type { MemoryServer } from './memory-server.js';
import type { Registry } from './registry.js';
import type { ScheduleTable } from './schedule-table.js';

/** One store's way to the server that it shares with others of its name. */
export class MemoryConnection implements Connection {
  readonly capabilities = { shared: false, heartbeat: false, durability: false };
  private readonly subscriptions = new Set<() => void>();
  private readonly ended = new AbortController();

  constructor(
    private readonly server: MemoryServer,
    private readonly name: string | undefined,
  ) {}

  async open(): Promise<StoreFacts> {
    this.assertOpen();
    return {
      kind: 'memory',
      version: '1',
      mode: 'memory',
      appendonly: false,
      maxmemoryPolicy: 'noeviction',
      replicas: 0,
      summary: `memory://${this.name ?? ''}: jobs live and end with this process`,
      warnings: [],
    };
  }

  async examine(): Promise<StoreReport> {
    const { kind, version, mode, summary } = await this.open();
    const all = 'all: they end with this process';
    return {
      ...{ kind, version, mode, summary },
      persistence: { appendonly: false, appendfsync: undefined, snapshots: false },
      memory: { usedBytes: undefined, limitBytes: 0, policy: 'noeviction' },
      replication: { replicas: 0, minReplicasToWrite: 0, minReplicasMaxLagSeconds: undefined },
      durability: ['primary'],
      losses: { crash: all, powerCut: all, failover: 'there is no replica to fail over to' },
      dangers: ['memory:// keeps jobs in this process alone: a restart loses them'],
      unknown: [],
    };
  }

  async close(): Promise<void> {
    this.ended.abort();
    for (const unsubscribe of this.subscriptions) unsubscribe();
    this.subscriptions.clear();
  }

  now(): number {
    return this.server.clock.now();
  }

  get isClosed(): boolean {
    return this.ended.signal.aborted;
  }

  // ---------------------------------------------------------------- for the other parts of the store

  /** Aborted when the store closes. */
  get whenClosed(): AbortSignal {
    return this.ended.signal;
  }

  queue(name: string): MemoryQueue {
    this.assertOpen();
    return this.server.queue(name);
  }

  schedules(queue: string): ScheduleTable {
    this.assertOpen();
    return this.server.schedules(queue);
  }

  get registry(): Registry {
    this.assertOpen();
    return this.server.registry;
  }

  subscribe(listen: (announcer: Announcer) => () => void): Unsubscribe {
    this.assertOpen();
    const unsubscribe = listen(this.server.announcer);
    this.subscriptions.add(unsubscribe);
    return async () => {
      this.subscriptions.delete(unsubscribe);
      unsubscribe();
    };
  }

  /** @throws BrokerUnavailableError */
  assertOpen(): void {
    if (this.ended.signal.aborted) {
      throw new BrokerUnavailableError('This memory store is closed. Make no calls after the application has closed.');
    }
  }
}
