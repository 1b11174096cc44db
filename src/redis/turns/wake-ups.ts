import type { Unsubscribe } from '../../core/ports/connection.js';
import type { TurnVerbs, ReservedJob } from '../../core/ports/worker-store.js';
import { decodeWakeUp } from './turn-encoder.js';

/** A job that was reserved with the wake-up; undefined: there may be work. */
type Listener = (handed: ReservedJob | undefined) => void;

interface Subscription {
  readonly listeners: Map<string, Listener>;
  readonly ready: Promise<Unsubscribe>;
}

/** One subscription for all queues of a worker: a message says which of them it is for. */
export class WakeUps {
  private readonly workers = new Map<string, Subscription>();

  constructor(private readonly verbs: Pick<TurnVerbs, 'onWake'>) {}

  /** Resolves when no wake-up is missed any more. */
  async listen(worker: string, queue: string, listener: Listener): Promise<void> {
    const subscription = this.workers.get(worker) ?? this.subscribe(worker);
    subscription.listeners.set(queue, listener);
    try {
      await subscription.ready;
    } catch (error) {
      if (this.workers.get(worker) === subscription) this.workers.delete(worker);
      throw error;
    }
  }

  /** The last queue of a worker ends its subscription. */
  async unlisten(worker: string, queue: string): Promise<void> {
    const subscription = this.workers.get(worker);
    if (subscription === undefined || !subscription.listeners.delete(queue)) return;
    if (subscription.listeners.size > 0) return;
    this.workers.delete(worker);
    const unsubscribe = await subscription.ready;
    await unsubscribe();
  }

  private subscribe(worker: string): Subscription {
    const listeners = new Map<string, Listener>();
    const ready = this.verbs.onWake(worker, (queue, handed) => listeners.get(queue)?.(handed));
    const subscription = { listeners, ready };
    this.workers.set(worker, subscription);
    return subscription;
  }
}

/** @returns what reads the messages on a worker's channel; after a reconnect every queue may have work */
export function wakeUpReader(
  worker: string,
  queues: { readonly names: Iterable<string> },
  listener: (queue: string, handed?: ReservedJob) => void,
): (message: string | undefined) => void {
  return (message) => {
    if (message === undefined) {
      for (const queue of queues.names) listener(queue);
      return;
    }
    const { queue, handed } = decodeWakeUp(worker, message);
    listener(queue, handed);
  };
}
