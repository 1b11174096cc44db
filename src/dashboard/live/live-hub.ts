import { clearTimeout, setTimeout } from '../../process/real-timers.js';
import type { QueueSnapshot } from '../wire.js';
import type { LineStream } from './line-stream.js';

const EVERY_MS = 1000;
/** A stream without a line for longer than three of them is dead. */
export const BEAT_MS = 10_000;
/** So long may a client leave unread what it was sent. */
const SLOW_TICKS = 15;
/** Then the client opens another stream, and the guards of the app look at it again. */
const LONGEST_TICKS = 300;

export interface HubSource {
  /** One call to the store. */
  snapshotOf(queue: string): Promise<QueueSnapshot>;
  /** Store time, ms. */
  now(): number;
}

/** Somebody who looks at queues. */
class Viewer {
  /** What was sent last of each queue. */
  readonly sent = new Map<string, string>();
  quietTicks = 0;
  slowTicks = 0;
  ticks = 0;
  away = false;

  constructor(
    readonly queues: ReadonlySet<string>,
    readonly stream: LineStream,
  ) {}
}

/**
 * Looks at queues for all who look: once a second at each queue that anybody wants to see, and not at all while nobody does.
 */
export class LiveHub {
  private readonly viewers = new Set<Viewer>();
  private timer: NodeJS.Timeout | undefined;
  private looking = false;

  constructor(
    private readonly source: HubSource,
    private readonly everyMs: number = EVERY_MS,
  ) {}

  get viewerCount(): number {
    return this.viewers.size;
  }

  add(queues: ReadonlySet<string>, stream: LineStream): void {
    if (stream.signal.aborted) return;
    const viewer = new Viewer(queues, stream);
    this.viewers.add(viewer);
    stream.signal.addEventListener('abort', () => this.remove(viewer), { once: true });
    // The next look is less than a second away where others look already.
    if (this.timer === undefined && !this.looking) void this.tick();
  }

  private remove(viewer: Viewer): void {
    this.viewers.delete(viewer);
    if (this.viewers.size > 0) return;
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private async tick(): Promise<void> {
    this.looking = true;
    this.timer = undefined;
    try {
      await this.look();
    } finally {
      this.looking = false;
      if (this.viewers.size > 0) {
        this.timer = setTimeout(() => void this.tick(), this.everyMs);
        this.timer.unref();
      }
    }
  }

  private async look(): Promise<void> {
    const wanted = new Set([...this.viewers].flatMap(({ queues }) => [...queues]));
    const seen = new Map<string, { snapshot: QueueSnapshot; text: string }>();
    let failed = 0;
    await Promise.all(
      [...wanted].map(async (queue) => {
        try {
          const snapshot = await this.source.snapshotOf(queue);
          seen.set(queue, { snapshot, text: JSON.stringify(snapshot) });
        } catch {
          failed++; // of the store, which tells of its outages itself; a page shows that it is away
        }
      }),
    );
    const away = wanted.size > 0 && failed === wanted.size;
    for (const viewer of this.viewers) this.show(viewer, seen, away);
  }

  private show(
    viewer: Viewer,
    seen: ReadonlyMap<string, { snapshot: QueueSnapshot; text: string }>,
    away: boolean,
  ): void {
    const { stream } = viewer;
    viewer.ticks++;
    // It gets the newest once it reads again: nothing is kept for it meanwhile.
    if (stream.isBlocked) {
      if (++viewer.slowTicks > SLOW_TICKS) stream.destroy();
      return;
    }
    viewer.slowTicks = 0;
    if (viewer.ticks > LONGEST_TICKS) return stream.end({ kind: 'bye', why: 'renew' });
    viewer.quietTicks++;
    const send = (message: Parameters<LineStream['write']>[0]): void => {
      stream.write(message);
      viewer.quietTicks = 0;
    };
    if (away !== viewer.away) send({ kind: 'store', away });
    viewer.away = away;
    const changed = [...seen].filter(
      ([queue, { text }]) => viewer.queues.has(queue) && viewer.sent.get(queue) !== text,
    );
    for (const [queue, { text }] of changed) viewer.sent.set(queue, text);
    const at = this.source.now();
    if (changed.length > 0) send({ kind: 'snapshot', at, queues: changed.map(([, { snapshot }]) => snapshot) });
    if (viewer.quietTicks * this.everyMs >= BEAT_MS) send({ kind: 'beat', at });
  }
}
