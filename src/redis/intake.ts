import type { Durability } from '../core/durability.js';
import type { EnqueueReceipt, Intake, NewJob } from '../core/ports/intake.js';
import type { ServerConnection } from './connection.js';
import { DurableEnqueuer } from './durable-enqueuer.js';
import type { Enqueuer } from './enqueuer.js';
import type { RedisQueues } from './redis-queue.js';
import { InboxWatch } from './wire/inbox-watch.js';
import { Link } from './wire/link.js';
import { refuseMissingFsync } from './wire/server-facts.js';

/** Jobs that one script looks for: some 1 ms of Redis. */
const STEP = 200;

export class RedisIntake implements Intake {
  private durable: DurableEnqueuer | undefined;
  private inboxWatch: InboxWatch | undefined;

  constructor(
    private readonly connection: ServerConnection,
    private readonly queues: RedisQueues,
    private readonly commandTimeoutMs: number,
  ) {
    connection.beforeClose(() => {
      this.inboxWatch?.close();
      this.durable?.close();
    });
  }

  enqueue(queue: string, jobs: readonly NewJob[], durability?: Durability): Promise<EnqueueReceipt[]> {
    try {
      if (durability !== undefined) return this.durableEnqueuer(durability).enqueue(queue, jobs, durability);
      return this.queues.of(queue).enqueuer.enqueue(jobs);
    } catch (error) {
      return Promise.reject(error); // not an async method: it would cost every job three turns of the microtask queue
    }
  }

  async takeInbox(queue: string, inbox: string, limit: number): Promise<number> {
    const target = this.queues.of(queue);
    return target.mending(() => target.inboxes.move(inbox, limit, () => target.mender.mend()));
  }

  async awaitInbox(inbox: string, timeoutMs: number): Promise<void> {
    this.connection.opened();
    this.inboxWatch ??= new InboxWatch(() => this.connection.connect('inbox'));
    return this.inboxWatch.wait(inbox, timeoutMs);
  }

  /** @throws UnsupportedError */
  private durableEnqueuer(level: Durability): DurableEnqueuer {
    this.connection.opened();
    if (level.fsync) refuseMissingFsync(this.connection.facts);
    if (this.durable === undefined) {
      const link = new Link(this.connection.connect('durability'), this.commandTimeoutMs);
      const enqueuers = new Map<string, Enqueuer>();
      const enqueuerOf = (queue: string) => {
        let enqueuer = enqueuers.get(queue);
        if (enqueuer === undefined) enqueuers.set(queue, (enqueuer = this.queues.of(queue).enqueuerOn(link)));
        return enqueuer;
      };
      this.durable = new DurableEnqueuer(link, enqueuerOf, (queue, ids, deadline) =>
        this.missingOf(link, queue, ids, deadline),
      );
    }
    return this.durable;
  }

  private async missingOf(link: Link, queue: string, ids: readonly string[], deadline: number): Promise<Set<string>> {
    const { keys } = this.queues.of(queue);
    const missing = new Set<string>();
    for (let first = 0; first < ids.length; first += STEP) {
      const step = ids.slice(first, first + STEP);
      const reply = await link.run(this.connection.readers.read, keys.all, ['', '1', ...step], deadline);
      const [, ...found] = reply as unknown[][];
      for (const [index, { length }] of found.entries()) if (length === 0) missing.add(step[index]);
    }
    return missing;
  }
}
