import { DashboardError } from '../dashboard-error.js';
import type { LineStream } from './line-stream.js';

const MOST_STREAMS = 100;

/** Bounds what one process keeps open, and ends all of it when the app closes. */
export class StreamLimit {
  private readonly open = new Map<LineStream<object>, (why: 'shutdown') => void>();
  private closed = false;

  constructor(private readonly most: number = MOST_STREAMS) {}

  get count(): number {
    return this.open.size;
  }

  /** Before an answer begins. @throws DashboardError */
  requireRoom(): void {
    if (this.closed) throw new DashboardError(503, 'DASHBOARD_CLOSING', 'The app is closing.');
    if (this.open.size < this.most) return;
    throw new DashboardError(
      503,
      'DASHBOARD_TOO_MANY_STREAMS',
      `This process has ${this.most} streams open already. Close a page, and try again.`,
    );
  }

  /** @param end says goodbye */
  add(stream: LineStream<never>, end: () => void): void {
    const key = stream as LineStream<object>;
    if (key.signal.aborted) return;
    this.open.set(key, end);
    key.signal.addEventListener('abort', () => this.open.delete(key), { once: true });
  }

  close(): void {
    this.closed = true;
    for (const [stream, end] of this.open) {
      end('shutdown');
      if (!stream.signal.aborted) stream.destroy();
    }
    this.open.clear();
  }
}
