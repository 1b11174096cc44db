/** An item of at most one {@link Bag}. It knows its place there. */
export interface Baggable {
  /** The index in the bag; -1 outside of it. */
  slot: number;
}

/**
 * A set without an order, for items that are added and deleted all the time. A `Set` or a `Map` moves into a new table after
 * enough of that, and the old table points to the new one. When the garbage collector has moved one such table to its old
 * generation, everything that ever lies in later tables follows: half of what a worker allocated survived that way.
 */
export class Bag<T extends Baggable> implements Iterable<T> {
  private readonly items: T[] = [];

  get size(): number {
    return this.items.length;
  }

  add(item: T): void {
    item.slot = this.items.length;
    this.items.push(item);
  }

  /** @returns whether the item was there */
  delete(item: T): boolean {
    const { slot } = item;
    if (slot < 0) return false;
    const last = this.items.pop() as T;
    if (last !== item) {
      this.items[slot] = last;
      last.slot = slot;
    }
    item.slot = -1;
    return true;
  }

  /** Iterates over a copy: items may be added and deleted meanwhile. */
  [Symbol.iterator](): Iterator<T> {
    return [...this.items][Symbol.iterator]();
  }
}
