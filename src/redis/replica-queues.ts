import { UnsupportedError } from '../core/errors/store-errors.js';
import type { ServerConnection } from './connection.js';
import { RedisQueue } from './redis-queue.js';
import type { RedisStoreOptions } from './store-options.js';
import { Link } from './wire/link.js';

/** Queues as replicas have them, on one connection that is made at the first look. Nothing is written there. */
export class ReplicaQueues {
  private readonly queues = new Map<string, RedisQueue>();
  private link: Link | undefined;

  constructor(
    private readonly connection: ServerConnection,
    private readonly options: RedisStoreOptions,
  ) {}

  /** @throws UnsupportedError for a connection that names one server */
  of(name: string): RedisQueue {
    const { connection, options } = this;
    connection.opened();
    if (!connection.knowsReplicas) {
      throw new UnsupportedError(
        'This connection names one server, and no replica. Connect by sentinels or to a cluster, or search on the primary.',
      );
    }
    if (this.link === undefined) {
      const link = new Link(connection.connect('search'), options.commandTimeoutMs);
      connection.beforeClose(() => link.close());
      this.link = link;
    }
    let queue = this.queues.get(name);
    if (queue === undefined) {
      queue = new RedisQueue(name, this.link, connection, options, 'of another server');
      this.queues.set(name, queue);
    }
    return queue;
  }
}
