import type { ServerResponse } from 'node:http';
import type { LiveMessage } from '../wire.js';

/** A client that has not read so much is not reading. */
const MOST_WAITING_BYTES = 1024 * 1024;

/** One answer of NDJSON that stays open. It never keeps more than a megabyte for a client that does not read. */
export class LineStream<M extends object = LiveMessage> {
  private readonly gone = new AbortController();

  constructor(private readonly response: ServerResponse) {
    const end = (): void => this.gone.abort();
    response.on('close', end);
    response.on('error', end);
    if (response.destroyed || response.closed) end();
  }

  /** Aborted once the client is gone, or was closed. */
  get signal(): AbortSignal {
    return this.gone.signal;
  }

  /** The client has yet to read what it was sent. */
  get isBlocked(): boolean {
    return this.response.writableNeedDrain;
  }

  /** Closes a client that keeps too much waiting. */
  write(message: M): void {
    if (this.signal.aborted) return;
    this.response.write(`${JSON.stringify(message)}\n`);
    if (this.response.writableLength > MOST_WAITING_BYTES) this.destroy();
  }

  /** Resolves when the client has read what it was sent, or is gone. */
  async drained(): Promise<void> {
    if (!this.isBlocked || this.signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.response.once('drain', resolve);
      this.signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  end(message: M): void {
    if (this.signal.aborted) return;
    // Once it is written the connection is closed from here: a client that does not would hold up the close of the app.
    const { socket } = this.response;
    this.response.end(`${JSON.stringify(message)}\n`, () => socket?.destroySoon());
    // What a client does not read must keep neither the answer nor the app open.
    if (this.isBlocked) this.destroy();
    this.gone.abort();
  }

  destroy(): void {
    this.response.destroy();
    this.gone.abort();
  }
}
