/** Those who want to know whether the store answers the worker. */
export class Probes {
  private waiting: (() => void)[] = [];
  private due = false;
  private at: number | undefined;

  /** A turn has to go out, whatever there is to do. */
  get isDue(): boolean {
    return this.due;
  }

  /** When the store last answered a turn, performance.now(); undefined before the first. */
  get answeredAt(): number | undefined {
    return this.at;
  }

  /** @returns once a turn is answered, or when the worker closes */
  add(): Promise<void> {
    this.due = true;
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** A turn goes out. */
  begin(): void {
    this.due = false;
  }

  answered(): void {
    this.at = performance.now();
    this.end();
  }

  /** No turn will be answered any more, or one was. */
  end(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }
}
