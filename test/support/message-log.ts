/** Keeps what a listener is told; tests await the n-th message instead of sleeping. */
export class MessageLog<T> {
  readonly messages: T[] = [];
  private waiting: { count: number; resolve: () => void }[] = [];

  readonly listener = (message: T): void => {
    this.messages.push(message);
    const due = this.waiting.filter(({ count }) => count <= this.messages.length);
    this.waiting = this.waiting.filter((waiter) => !due.includes(waiter));
    for (const { resolve } of due) resolve();
  };

  /** The first `count` messages, once they are there. */
  async first(count: number): Promise<T[]> {
    if (this.messages.length < count) await new Promise<void>((resolve) => this.waiting.push({ count, resolve }));
    return this.messages.slice(0, count);
  }

  /** Resolves once this message is there: others may have come before it, or twice. */
  async has(message: T): Promise<void> {
    for (let count = 1; !this.messages.includes(message); count++) await this.first(count);
  }
}
