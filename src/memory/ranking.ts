export interface Ranked {
  readonly id: string;
  rank: number;
}

/** Members by rank, then id, lowest first: what a sorted set is to Redis. Take one out before its rank changes. */
export class Ranking<T extends Ranked> {
  private members: T[] = [];
  private head = 0;

  get size(): number {
    return this.members.length - this.head;
  }

  first(): T | undefined {
    return this.members[this.head];
  }

  has(member: T): boolean {
    return this.members[this.positionOf(member)] === member;
  }

  add(member: T): void {
    const last = this.members.at(-1);
    // Nearly everything comes in order.
    if (last === undefined || this.size === 0 || isBefore(last, member)) this.members.push(member);
    else this.members.splice(this.positionOf(member), 0, member);
  }

  delete(member: T): void {
    const position = this.positionOf(member);
    if (this.members[position] !== member) return;
    if (position !== this.head) {
      this.members.splice(position, 1);
      return;
    }
    this.head++;
    if (this.head > 1024 && this.head * 2 > this.members.length) {
      this.members = this.members.slice(this.head);
      this.head = 0;
    }
  }

  slice(from: number, to: number): T[] {
    return this.members.slice(this.head + from, this.head + to);
  }

  /** What comes after this place, lowest first; whether its member is still there does not matter. */
  pageBehind(place: Ranked | undefined, limit: number): { jobs: T[]; more: boolean } {
    let from = place === undefined ? this.head : this.positionOf(place);
    if (place !== undefined && this.members[from]?.id === place.id && this.members[from].rank === place.rank) from++;
    const jobs = this.members.slice(from, from + limit);
    return { jobs, more: from + jobs.length < this.members.length };
  }

  /** What comes before this place, highest first. */
  pageBefore(place: Ranked | undefined, limit: number): { jobs: T[]; more: boolean } {
    const end = place === undefined ? this.members.length : this.positionOf(place);
    const from = Math.max(this.head, end - limit);
    return { jobs: this.members.slice(from, end).reverse(), more: from > this.head };
  }

  private positionOf(member: Ranked): number {
    let low = this.head;
    let high = this.members.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBefore(this.members[middle], member)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function isBefore(a: Ranked, b: Ranked): boolean {
  return a.rank < b.rank || (a.rank === b.rank && a.id < b.id);
}
