import type { Cluster, Redis } from 'ioredis';

/**
 * Waits until a plain list holds something, on a connection that may block. BLMOVE of a list onto its own tail takes
 * nothing and changes no order: the element at the tail stays at the tail.
 */
export class InboxWatch {
  private client: Redis | Cluster | undefined;
  private last: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(private readonly connect: () => Redis | Cluster) {}

  /** One list at a time: callers with several lists take turns. */
  wait(inbox: string, timeoutMs: number): Promise<void> {
    this.last = this.last.then(() => this.block(inbox, timeoutMs));
    return this.last;
  }

  close(): void {
    this.closed = true;
    this.client?.disconnect();
  }

  private async block(inbox: string, timeoutMs: number): Promise<void> {
    if (this.closed) return;
    if (this.client === undefined) {
      this.client = this.connect();
      this.client.on('error', () => {});
    }
    const client = this.client;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), timeoutMs + 2000);
    });
    try {
      const ended = client.status === 'ready' ? client.blmove(inbox, inbox, 'RIGHT', 'RIGHT', timeoutMs / 1000) : late;
      if ((await Promise.race([ended, late])) === 'late' && client.status === 'ready') {
        // A blocking connection that passed its deadline is thrown away, never revived.
        this.client = undefined;
        client.disconnect();
      }
    } catch {
      await late;
    } finally {
      clearTimeout(timer);
    }
  }
}
