/**
 * The store's clock by its last reply, carried on by the monotonic clock of this process: a wall clock that is
 * wrong, or jumps, changes nothing.
 */
export class StoreClock {
  private base = 0;
  private readAt = 0;
  private lastText = '';

  /** @param nowText milliseconds since the epoch, from a reply that just came */
  learn(nowText: string): void {
    if (nowText === this.lastText) return;
    this.lastText = nowText;
    this.base = Number(nowText);
    this.readAt = performance.now();
  }

  now(): number {
    return this.base === 0 ? Date.now() : Math.floor(this.base + performance.now() - this.readAt);
  }
}
