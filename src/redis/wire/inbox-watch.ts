import type { Cluster, Redis } from 'ioredis';

/** A reply may come this much later than the block it asked for ends. */
const ANSWER_MS = 2000;

/**
 * Waits until a plain list holds something, on a connection that may block. BLMOVE of a list onto its own tail takes
 * nothing and changes no order: the element at the tail stays at the tail.
 */
export class InboxWatch {
  private client: Redis | Cluster | undefined;
  private last: Promise<void> = Promise.resolve();
  private closed = false;
  private stopWaiting = () => {};

  constructor(private readonly connect: () => Redis | Cluster) {}

  /** One list at a time: callers with several lists take turns. */
  wait(inbox: string, timeoutMs: number): Promise<void> {
    this.last = this.last.then(() => this.block(inbox, timeoutMs));
    return this.last;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.client?.disconnect();
    this.stopWaiting();
  }

  private async block(inbox: string, timeoutMs: number): Promise<void> {
    if (this.closed) return;
    const client = (this.client ??= this.open());
    if (client.status !== 'ready') {
      // The list may have been filled while nobody could look.
      let onReady = () => {};
      await this.until(timeoutMs, (done) => void client.once('ready', (onReady = done)));
      client.off('ready', onReady);
      return;
    }
    let answered = false;
    await this.until(timeoutMs + ANSWER_MS, (done) => {
      client.blmove(inbox, inbox, 'RIGHT', 'RIGHT', timeoutMs / 1000).then(
        () => {
          answered = true;
          done();
        },
        () => {
          answered = true; // refused, or the connection went: the caller looks again when its time is over
        },
      );
    });
    if (answered || this.closed) return;
    // A blocking connection that passed its deadline is thrown away, never revived.
    this.client = undefined;
    client.disconnect();
  }

  private open(): Redis | Cluster {
    const client = this.connect();
    client.on('error', () => {});
    return client;
  }

  private until(ms: number, begin: (done: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      this.stopWaiting = done;
      begin(done);
    });
  }
}
