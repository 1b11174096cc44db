/** What can lie in one {@link Bag} at a time: it knows where. */
export interface Baggable {
  /** Of the bag; -1 outside of it. */
  slot: number;
}

/**
 * A set without an order, for things that come and go all the time. When a Set or a Map has seen enough of that, it moves
 * into a new table, and the old one goes on pointing to the new one and to all that lay in it: once the garbage collector
 * has moved one such table to its old generation, everything that ever lies in the tables behind it follows. Half of what a
 * worker allocates survived that way.
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

  /** Whether it was there. */
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

  /** Of what lies in it now, whatever is added or deleted meanwhile. */
  [Symbol.iterator](): Iterator<T> {
    return [...this.items][Symbol.iterator]();
  }
}
