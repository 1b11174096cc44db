import type { Link } from './link.js';
import { replicaReached } from './refusals.js';
import type { Subscriptions } from './subscriptions.js';

const LOOK_EVERY_MS = 7000;
/** A call that wrote within this time says that the server is a primary: the scans of a worker that is idle come as often. */
const PROVEN_FOR_MS = 6000;
/** Looks at subscriptions that were found well, while both connections stay what they are. */
const LOOKS_SKIPPED = 32;
/** A server that never counts this process's subscriptions (a proxy that keeps them to itself) is not left again and again. */
const MOST_LOOKS_SKIPPED = 64;

/**
 * Sees that both connections of a process are at the primary, whatever happened to the servers behind their address: a
 * server that became a replica closes no connection, and goes on to deliver messages. What it asks keeps an idle
 * connection alive where the server closes those (`timeout`), and finds one that went silent.
 */
export class PrimaryWatch {
  private timer: NodeJS.Timeout | undefined;
  private looking = false;
  /** The Redis user may not ask. */
  private mayAskRole = true;
  private mayCount = true;
  /** Looks to leave out. */
  private skip = 0;
  private skipNext = 1;
  private epoch: number;
  private subscriberEpoch = 0;

  constructor(
    private readonly link: Link,
    private readonly subscriptions: () => Subscriptions | undefined,
  ) {
    this.epoch = link.epoch;
  }

  start(): void {
    this.timer = setInterval(() => void this.look(), LOOK_EVERY_MS);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  async look(): Promise<void> {
    if (this.link.client.isCluster) return; // there the nodes say which of them has a slot, and each of them passes on every message
    if (this.looking || !this.link.ready) return;
    this.looking = true;
    try {
      if (await this.isAtReplica()) this.link.leave(replicaReached());
      else await this.lookAtSubscriptions();
    } catch {
      // Away, or ill: calls say it.
    }
    this.looking = false;
  }

  private async isAtReplica(): Promise<boolean> {
    if (!this.mayAskRole || performance.now() - this.link.wroteAt < PROVEN_FOR_MS) return false;
    try {
      const [role] = (await this.link.ask('role', [])) as [string];
      return role === 'slave';
    } catch (error) {
      this.mayAskRole = !isRefused(error);
      return false;
    }
  }

  /** Messages are published at the server that the commands go to: there the subscriptions must be. */
  private async lookAtSubscriptions(): Promise<void> {
    const subscriptions = this.subscriptions();
    const { epoch } = this.link;
    const isSame = epoch === this.epoch;
    if (subscriptions === undefined) {
      this.epoch = epoch;
      return;
    }
    const wasLookedAt = isSame && this.subscriberEpoch === subscriptions.epoch;
    if (wasLookedAt && this.skip-- > 0) return;
    const subscriberEpoch = subscriptions.epoch;
    // Others may listen to the same channels: then only a new connection of ours says that the server may be another one.
    const mayCount = this.mayCount && (subscriptions.hasOwnChannel || isSame);
    const known = await subscriptions.isKnownTo((channel) => (mayCount ? this.countOf(channel) : isSame ? 1 : 0));
    if (known === undefined) return;
    this.epoch = epoch;
    // The connection that takes the place of one that is left counts as looked at, or the skips would end with it.
    this.subscriberEpoch = known ? subscriberEpoch : subscriberEpoch + 1;
    this.skip = known ? LOOKS_SKIPPED : this.skipNext;
    this.skipNext = known ? 1 : Math.min(this.skipNext * 2, MOST_LOOKS_SKIPPED);
    if (!known) subscriptions.reconnect();
  }

  private async countOf(channel: string): Promise<number> {
    try {
      const [, count] = (await this.link.ask('pubsub', ['NUMSUB', channel])) as [string, number | string];
      return Number(count);
    } catch (error) {
      this.mayCount = !isRefused(error);
      return 1;
    }
  }
}

function isRefused(error: unknown): boolean {
  return /NOPERM|unknown command/i.test(error instanceof Error ? error.message : '');
}
