import type { Unsubscribe } from '../core/ports/connection.js';
import type { StoredJob } from '../core/ports/curation.js';
import type { Notices, QueueSignal, SettledNotice, StoreEvent, StoreEventName } from '../core/ports/notices.js';
import type { ServerConnection } from './connection.js';
import { readAwaited } from './job-reader.js';
import type { RedisQueues } from './redis-queue.js';

const LISTEN_MS = 30_000;
const LISTEN_REFRESH_MS = 10_000;

export class RedisNotices implements Notices {
  constructor(
    private readonly connection: ServerConnection,
    private readonly queues: RedisQueues,
  ) {}

  async onSignal(queue: string, listener: (signal: QueueSignal) => void): Promise<Unsubscribe> {
    const target = this.queues.of(queue);
    return this.connection.subscriber().add(target.keys.signalsChannel, (message) => {
      if (message === 'listened') target.heard = true;
      const signal = message === undefined ? ({ type: 'resync' } as const) : readSignal(message);
      if (signal !== undefined) listener(signal);
    });
  }

  async onSettled(queue: string, listener: (end: SettledNotice | 'resync') => void): Promise<Unsubscribe> {
    const { settledChannel } = this.queues.of(queue).keys;
    return this.connection.subscriber().add(settledChannel, (message) => {
      if (message === undefined) return listener('resync');
      for (const text of message.split('\n')) {
        const space = text.indexOf(' ');
        listener({ id: text.slice(0, space), line: text.slice(space + 1) });
      }
    });
  }

  async onEvents(queue: string, listener: (events: StoreEvent[]) => void): Promise<Unsubscribe> {
    const target = this.queues.of(queue);
    const { eventsChannel } = target.keys;
    const refresh = () => target.run('listen', [LISTEN_MS]);
    const unsubscribe = await this.connection.subscriber().add(eventsChannel, (message) => {
      if (message === undefined) refresh().catch(() => {});
      else listener(readEvents(message));
    });
    await refresh();
    // A missed refresh only means that events pause: they are live and at most once anyway.
    const timer = setInterval(() => refresh().catch(() => {}), LISTEN_REFRESH_MS);
    timer.unref();
    return async () => {
      clearInterval(timer);
      await unsubscribe();
    };
  }

  async awaitSettled(queue: string, id: string, ttlMs: number): Promise<StoredJob | undefined> {
    return readAwaited(this.queues.of(queue), id, ttlMs);
  }
}

function readSignal(message: string): QueueSignal | undefined {
  const space = message.indexOf(' ');
  const type = space < 0 ? message : message.slice(0, space);
  const rest = space < 0 ? '' : message.slice(space + 1);
  switch (type) {
    case 'paused':
    case 'resumed':
    case 'schedules':
      return { type };
    case 'cancel':
      return { type, id: rest };
    case 'parked':
      return { type, name: rest };
    default:
      return undefined; // a newer version may say more
  }
}

/** First line: the time; then one line per event, as `scripts/lib/notify.lua` writes it. */
function readEvents(message: string): StoreEvent[] {
  const [at, ...lines] = message.split('\n');
  return lines.map((line) => {
    const head = line.indexOf('\t');
    const detail = line.indexOf('\t', head + 1);
    const [event, id, durationMs] = line.slice(0, head).split(' ');
    return {
      event: event as StoreEventName,
      at: Number(at),
      id,
      head: line.slice(head + 1, detail),
      detail: line.slice(detail + 1),
      durationMs: durationMs === '' ? undefined : Number(durationMs),
    };
  });
}
