import type { QueueSignal, SettledNotice, StoreEvent, StoreEventName } from '../core/ports/notices.js';
import { headOf } from '../core/envelope-head.js';
import type { KeptJob } from './kept-job.js';

// Promises, not queueMicrotask(): fake timers replace that one.

type Listener<T> = (message: T) => void;

/** Listeners of one kind by channel. Messages arrive after the verb that sent them, as they do over a network. */
class Channels<T> {
  private readonly listeners = new Map<string, Set<Listener<T>>>();

  subscribe(channel: string, listener: Listener<T>): () => void {
    // A wrapper, so that one function subscribed twice is two subscriptions.
    const own: Listener<T> = (message) => listener(message);
    const all = this.listeners.get(channel) ?? new Set();
    this.listeners.set(channel, all.add(own));
    return () => {
      all.delete(own);
      if (all.size === 0 && this.listeners.get(channel) === all) this.listeners.delete(channel);
    };
  }

  has(channel: string): boolean {
    return this.listeners.has(channel);
  }

  /** @returns whether anybody listens */
  publish(channel: string, message: T): boolean {
    const all = this.listeners.get(channel);
    if (!all) return false;
    for (const listener of all) {
      void Promise.resolve().then(() => {
        if (all.has(listener)) listener(message);
      });
    }
    return true;
  }
}

/** Who listens to what in one store. */
export class Announcer {
  /** By worker; the message is the queue that may have work. */
  readonly wakes = new Channels<string>();
  /** By queue, as the others below. */
  readonly signals = new Channels<QueueSignal>();
  readonly ends = new Channels<SettledNotice>();
  readonly events = new Channels<StoreEvent[]>();
  private readonly batches = new Map<string, StoreEvent[]>();

  /** Events of one tick travel as one batch; while nobody listens none is made. */
  event(queue: string, event: StoreEventName, at: number, job: KeptJob | undefined, detail: string): void {
    if (!this.events.has(queue)) return;
    const batch = this.batches.get(queue);
    const durationMs = job?.ranMs === undefined ? undefined : Math.round(job.ranMs);
    const head = job === undefined ? '' : headOf(job.record);
    const entry: StoreEvent = { event, at, id: job?.id ?? '', head, detail, durationMs };
    if (batch) {
      batch.push(entry);
      return;
    }
    this.batches.set(queue, [entry]);
    void Promise.resolve().then(() => {
      const events = this.batches.get(queue) ?? [];
      this.batches.delete(queue);
      this.events.publish(queue, events);
    });
  }
}
