/** A line with two ends: every step is O(1), which an array's `shift` of a long backlog is not. */
export class Deque<T> {
  /** The front part, last one first. */
  private readonly front: T[] = [];
  private back: T[] = [];
  private head = 0;

  pushBack(item: T): void {
    this.back.push(item);
  }

  pushFront(item: T): void {
    this.front.push(item);
  }

  get first(): T | undefined {
    return this.front.length > 0 ? this.front.at(-1) : this.back[this.head];
  }

  popFront(): T | undefined {
    if (this.front.length > 0) return this.front.pop();
    if (this.head === this.back.length) return undefined;
    const item = this.back[this.head++];
    // What was taken stays referenced until here: half the array at most.
    if (this.head > 1024 && this.head * 2 > this.back.length) {
      this.back = this.back.slice(this.head);
      this.head = 0;
    }
    return item;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let index = this.front.length - 1; index >= 0; index--) yield this.front[index];
    for (let index = this.head; index < this.back.length; index++) yield this.back[index];
  }
}
