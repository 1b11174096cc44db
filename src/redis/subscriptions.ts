import type { Redis, Cluster } from 'ioredis';
import type { Unsubscribe } from '../core/broker.js';

type Listener = (message: string | undefined) => void;

const PING_EVERY_MS = 4000;
const PING_DEADLINE_MS = 3000;

/**
 * The one subscriber connection of a process. Listeners get every message, and `undefined` after each reconnect:
 * messages may have been missed, so look yourself.
 */
export class Subscriptions {
  private readonly listeners = new Map<string, Set<Listener>>();
  private watchdog: NodeJS.Timeout | undefined;
  private connectedBefore = false;

  constructor(private readonly client: Redis | Cluster) {
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

  async add(channel: string, listener: Listener): Promise<Unsubscribe> {
    let set = this.listeners.get(channel);
    if (set === undefined) {
      set = new Set();
      this.listeners.set(channel, set);
      set.add(listener);
      await this.client.subscribe(channel);
    } else {
      set.add(listener);
    }
    const listeners = set;
    return async () => {
      listeners.delete(listener);
      if (listeners.size > 0 || this.listeners.get(channel) !== listeners) return;
      this.listeners.delete(channel);
      if (this.client.status === 'ready') await this.client.unsubscribe(channel).catch(() => {});
    };
  }

  close(): void {
    clearInterval(this.watchdog);
    this.listeners.clear();
    this.client.disconnect();
  }

  private async resubscribe(): Promise<void> {
    const channels = [...this.listeners.keys()];
    try {
      // The client subscribes again by itself; asking once more makes sure it is done before the listeners look.
      if (channels.length > 0) await this.client.subscribe(...channels);
    } catch {
      return; // the connection went again: its next 'ready' comes here
    }
    for (const set of this.listeners.values()) for (const listener of set) listener(undefined);
  }

  private async ping(): Promise<void> {
    if (this.client.status !== 'ready') return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('no answer')), PING_DEADLINE_MS);
    });
    try {
      await Promise.race([this.client.ping(), late]);
    } catch {
      if (this.client.status === 'ready') this.client.disconnect(true);
    } finally {
      clearTimeout(timer);
    }
  }
}
