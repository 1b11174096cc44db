/** Those who wait for something to happen once more. */
export class Waiters {
  private waiting: (() => void)[] = [];

  add(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** It happened, or will not happen any more. */
  release(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }
}
