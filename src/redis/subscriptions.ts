import type { Redis, Cluster } from 'ioredis';
import type { Unsubscribe } from '../core/broker.js';
import { BrokerUnavailableError } from '../core/errors.js';
import { replyCode } from './refusals.js';
import { refusalOf } from './store-errors.js';

type Listener = (message: string | undefined) => void;

const PING_EVERY_MS = 4000;
const PING_DEADLINE_MS = 3000;

/**
 * The one subscriber connection of a process. Listeners get every message, and `undefined` after each reconnect:
 * messages may have been missed, so look yourself.
 */
export class Subscriptions {
  private readonly listeners = new Map<string, Set<Listener>>();
  /** The first subscription of each channel, which later listeners wait for, too. */
  private readonly subscribed = new Map<string, Promise<unknown>>();
  private readonly ended = new AbortController();
  private watchdog: NodeJS.Timeout | undefined;
  private connectedBefore = false;
  /** The server lets this user connect, and no longer listen. */
  private refused = false;

  constructor(
    private readonly client: Redis | Cluster,
    /** A subscription settles within this many ms. */
    private readonly timeoutMs: number,
    /** After a reconnect the server refused the subscriptions, or takes them again. */
    private readonly tell: (event: 'deaf' | 'restored', reason: string) => void = () => {},
  ) {
    client.on('message', (channel: string, message: string) => {
      for (const listener of this.listeners.get(channel) ?? []) listener(message);
    });
    client.on('ready', () => {
      if (!this.connectedBefore) {
        this.connectedBefore = true;
        return;
      }
      void this.resubscribe();
    });
    client.on('error', () => {});
  }

  /** A socket that went silent looks connected: only an answer proves that it is. */
  watch(): void {
    this.watchdog = setInterval(() => void this.ping(), PING_EVERY_MS);
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
  }

  /** The client itself would wait for ever for a server that is away, and for a reply that was lost. */
  private async subscribe(channel: string): Promise<void> {
    const { signal } = this.ended;
    let timer: NodeJS.Timeout | undefined;
    let onEnd!: () => void;
    const given = new Promise<never>((_, reject) => {
      const giveUp = (why: string) => reject(new BrokerUnavailableError(`Redis could not be subscribed to: ${why}`));
      onEnd = () => giveUp('the store was closed');
      timer = setTimeout(() => giveUp(`no answer within ${this.timeoutMs} ms`), this.timeoutMs);
      signal.addEventListener('abort', onEnd, { once: true });
      if (signal.aborted) onEnd();
    });
    try {
      await Promise.race([this.client.subscribe(channel), given]);
    } catch (error) {
      const code = replyCode(error);
      throw code === undefined ? error : refusalOf(code, error);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onEnd);
    }
  }

  private async resubscribe(): Promise<void> {
    const channels = [...this.listeners.keys()];
    try {
      if (channels.length > 0) await this.client.subscribe(...channels);
    } catch (error) {
      // Without an answer the connection went again, and its next 'ready' comes here; a refusal is looked at with each PING.
      if (replyCode(error) === undefined || this.refused) return;
      this.refused = true;
      this.tell('deaf', (error as Error).message);
      return;
    }
    if (this.refused) this.tell('restored', '');
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
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      // Behind the sockets: a loop that stood still finds an answer there that came in time.
      timer = setTimeout(() => setImmediate(() => reject(new Error('no answer'))), PING_DEADLINE_MS);
    });
    try {
      await Promise.race([this.probe(), late]);
      if (this.refused) await this.resubscribe();
    } catch {
      if (this.client.status === 'ready') this.client.disconnect(true);
    } finally {
      clearTimeout(timer);
    }
  }
}
