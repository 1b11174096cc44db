import { setMaxListeners } from 'node:events';
import type { Redis, Cluster } from 'ioredis';
import { withinAwake } from './awake-timer.js';
import type { Unsubscribe } from '../../core/ports/connection.js';
import { BrokerUnavailableError } from '../../core/errors/store-errors.js';
import { readRefusal, replyCode, wordsOf } from './refusals.js';
import { refusalOf } from './store-errors.js';

type Listener = (message: string | undefined) => void;

const PING_EVERY_MS = 7000;
const PING_DEADLINE_MS = 3000;

/**
 * The one subscriber connection of a process. Listeners get every message, and `undefined` after each reconnect:
 * messages may have been missed, so look yourself.
 */
export class Subscriptions {
  private readonly listeners = new Map<string, Set<Listener>>();
  /** The first subscription of each channel, which later listeners wait for, too. */
  private readonly subscribed = new Map<string, Promise<unknown>>();
  /** Channels whose first subscription was answered. */
  private readonly settled = new Set<string>();
  private readonly ended = new AbortController();
  private watchdog: NodeJS.Timeout | undefined;
  private connectedBefore = false;
  /** The server lets this user connect, and no longer listen. */
  private refused = false;
  /** Why the connection is not there. */
  private trouble: Error | undefined;
  /** What `ready` began is not over. */
  private settling = false;
  /** A channel that only this process listens to. */
  private ownChannel: string | undefined;
  /** Rises with every new connection. */
  epoch = 0;

  constructor(
    private readonly client: Redis | Cluster,
    /** A subscription settles within this many ms. */
    private readonly timeoutMs: number,
    /** After a reconnect the server refused the subscriptions, or takes them again. */
    private readonly report: (event: 'deaf' | 'restored' | 'replica', reason: string) => void = () => {},
  ) {
    setMaxListeners(0, this.ended.signal); // every queue subscribes at once
    client.on('message', (channel: string, message: string) => {
      for (const listener of this.listeners.get(channel) ?? []) listener(message);
    });
    client.on('ready', () => {
      this.trouble = undefined;
      this.epoch++;
      if (!this.connectedBefore) {
        this.connectedBefore = true;
        return;
      }
      void this.resubscribe();
    });
    client.on('error', (error: Error) => {
      const isFirst = this.trouble === undefined;
      this.trouble = error;
      if (isFirst && replyCode(error) === 'READONLY') this.report('replica', readRefusal(error)?.remedy ?? '');
    });
  }

  /** A channel that only this process listens to. A server that does not know of it is not the one that the address leads to. */
  own(channel: string): void {
    this.ownChannel = channel;
  }

  get hasOwnChannel(): boolean {
    return this.ownChannel !== undefined;
  }

  /**
   * Whether a server knows of this connection's subscriptions; undefined where that cannot be said now.
   * @param countOf how many listen to a channel there
   */
  async isKnownTo(countOf: (channel: string) => number | Promise<number>): Promise<boolean | undefined> {
    const channel = this.ownChannel ?? this.listeners.keys().next().value;
    if (channel === undefined || !this.isSettled(channel)) return undefined;
    const count = await countOf(channel);
    return this.isSettled(channel) ? count > 0 : undefined;
  }

  /** Leaves the server that it listens at, and looks for the one that the address leads to now. */
  reconnect(): void {
    if (this.client.status === 'ready') this.client.disconnect(true);
  }

  /**
   * A socket that went silent looks connected: only an answer proves that it is.
   * @param also is done each time, so that an idle process wakes once for both
   */
  watch(also = () => {}): void {
    this.watchdog = setInterval(() => {
      void this.ping();
      also();
    }, PING_EVERY_MS);
    this.watchdog.unref();
  }

  /** @throws BrokerUnavailableError */
  async add(channel: string, listener: Listener): Promise<Unsubscribe> {
    const listeners = this.listeners.get(channel) ?? new Set();
    this.listeners.set(channel, listeners.add(listener));
    let subscription = this.subscribed.get(channel);
    if (subscription === undefined) this.subscribed.set(channel, (subscription = this.subscribe(channel)));
    try {
      await subscription;
      this.settled.add(channel);
    } catch (error) {
      listeners.delete(listener);
      if (listeners.size === 0 && this.listeners.get(channel) === listeners) this.forget(channel);
      throw error;
    }
    return async () => {
      listeners.delete(listener);
      if (listeners.size > 0 || this.listeners.get(channel) !== listeners) return;
      this.forget(channel);
      if (this.client.status === 'ready') await this.client.unsubscribe(channel).catch(() => {});
    };
  }

  close(): void {
    clearInterval(this.watchdog);
    this.ended.abort();
    this.listeners.clear();
    this.subscribed.clear();
    this.client.disconnect();
  }

  private forget(channel: string): void {
    this.listeners.delete(channel);
    this.subscribed.delete(channel);
    this.settled.delete(channel);
  }

  private isSettled(channel: string): boolean {
    return this.client.status === 'ready' && !this.settling && !this.refused && this.settled.has(channel);
  }

  /** The client itself would wait for ever for a server that is away, and for a reply that was lost. */
  private async subscribe(channel: string): Promise<void> {
    const { signal } = this.ended;
    let onEnd!: () => void;
    const closed = new Promise<never>((_, reject) => {
      onEnd = () => reject(notSubscribed('the store was closed'));
      signal.addEventListener('abort', onEnd, { once: true });
      if (signal.aborted) onEnd();
    });
    try {
      const subscribing = Promise.race([this.client.subscribe(channel), closed]);
      await withinAwake(this.timeoutMs, subscribing, () => {
        throw this.late();
      });
    } catch (error) {
      const code = replyCode(error);
      throw code === undefined ? error : refusalOf(code, error);
    } finally {
      signal.removeEventListener('abort', onEnd);
    }
  }

  private late(): Error {
    const { trouble } = this;
    if (trouble === undefined) return notSubscribed(`no answer within ${this.timeoutMs} ms`);
    const remedy = readRefusal(trouble)?.remedy;
    return notSubscribed(`${wordsOf(trouble)}${remedy === undefined ? '' : `. ${remedy}`}`, trouble);
  }

  private async resubscribe(): Promise<void> {
    const channels = [...this.listeners.keys()];
    this.settling = true;
    try {
      if (channels.length > 0) await this.client.subscribe(...channels);
      this.settling = false;
    } catch (error) {
      // Without an answer the connection went again, and its next 'ready' comes here; a refusal is looked at with each PING.
      if (replyCode(error) === undefined || this.refused) return;
      this.refused = true;
      this.report('deaf', (error as Error).message);
      return;
    }
    if (this.refused) this.report('restored', '');
    this.refused = false;
    for (const set of this.listeners.values()) for (const listener of set) listener(undefined);
  }

  /**
   * A cluster sends PING to any node, and the one connection that it subscribes on changes without a word: there the
   * subscriptions themselves are repeated, which changes nothing, or mends them.
   */
  private async probe(): Promise<void> {
    if (!this.client.isCluster) {
      await this.client.ping();
      return;
    }
    const channels = [...this.listeners.keys()];
    if (channels.length > 0) await this.client.subscribe(...channels);
  }

  private async ping(): Promise<void> {
    if (this.client.status !== 'ready') return;
    try {
      await withinAwake(PING_DEADLINE_MS, this.probe(), () => {
        throw new Error('no answer');
      });
      if (this.refused) await this.resubscribe();
    } catch {
      this.reconnect();
    }
  }
}

function notSubscribed(why: string, cause?: Error): BrokerUnavailableError {
  return new BrokerUnavailableError(`Redis could not be subscribed to: ${why}`, { cause });
}
