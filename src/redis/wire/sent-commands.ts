import { Command, type Cluster } from 'ioredis';
import { Bag, type Baggable } from '../../core/bag.js';
import { nodeOfSlot } from './cluster-nodes.js';
import type { Client } from './client.js';
import { forgetArguments, ReplyLostError } from './store-errors.js';

interface Sent extends Baggable {
  readonly command: Command;
  /** performance.now() at which the command is given up. */
  readonly giveUpAt: number;
}

const REPLY = { replyEncoding: 'utf8' } as const;
const SWEEP_MS = 100;

/**
 * The commands of one connection that wait for a reply. ioredis alone leaves a promise pending for ever when its connection
 * ends; here each command settles by its deadline. One timer serves all of them.
 */
export class SentCommands {
  private readonly waiting = new Bag<Sent>();
  private sweeper: NodeJS.Timeout | undefined;
  /** Sum of the times in which the event loop stood still while commands waited: Redis could not be heard then. */
  stoodStillMs = 0;

  constructor(
    private readonly client: Client,
    /** Gets the nodes that left a command unanswered; `''` is the one server of a client that is no cluster. */
    private readonly onSilent: (nodes: ReadonlySet<string>) => void,
  ) {}

  get size(): number {
    return this.waiting.size;
  }

  /**
   * @param giveUpAt performance.now() of the deadline
   * @throws ReplyLostError when the deadline has passed or the connection was given up
   */
  async send(
    name: string,
    args: readonly (string | number)[],
    giveUpAt: number,
    node?: { slot: number },
  ): Promise<unknown> {
    const command = new Command(name, args as (string | number)[], REPLY);
    const sent: Sent = { slot: -1, command, giveUpAt };
    this.waiting.add(sent);
    this.sweepLater();
    try {
      return await (this.client as Cluster).sendCommand(command, undefined, node);
    } catch (error) {
      forgetArguments(error);
      throw error;
    } finally {
      this.waiting.delete(sent);
    }
  }

  rejectAll(why: string): void {
    for (const sent of this.waiting) this.giveUp(sent, `The reply was lost: ${why}`);
  }

  stop(): void {
    clearTimeout(this.sweeper);
  }

  private sweepLater(): void {
    if (this.sweeper !== undefined) return;
    const dueAt = performance.now() + SWEEP_MS;
    this.sweeper = setTimeout(() => {
      const lateMs = performance.now() - dueAt;
      if (lateMs > SWEEP_MS) this.stoodStillMs += lateMs;
      // After a block of the event loop, replies that came in time are still unread: sockets are read before setImmediate.
      setImmediate(() => this.sweep());
    }, SWEEP_MS);
  }

  private sweep(): void {
    this.sweeper = undefined;
    const now = performance.now();
    const silent = new Set<string>();
    for (const sent of this.waiting) {
      if (sent.giveUpAt > now) continue;
      silent.add(this.client.isCluster ? nodeOfSlot(this.client as Cluster, sent.command.getSlot()) : '');
      this.giveUp(sent, 'Redis did not answer in time');
    }
    if (silent.size > 0) this.onSilent(silent);
    if (this.waiting.size > 0) this.sweepLater();
  }

  private giveUp(sent: Sent, why: string): void {
    this.waiting.delete(sent);
    sent.command.reject(new ReplyLostError(why));
  }
}
