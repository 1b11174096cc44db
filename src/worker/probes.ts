import { Waiters } from './waiters.js';

/** Callers that wait for proof that the store answers the worker. */
export class Probes {
  private readonly waiters = new Waiters();
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
    return this.waiters.add();
  }

  /** A turn goes out. */
  begin(): void {
    this.due = false;
  }

  answered(): void {
    this.at = performance.now();
    this.waiters.release();
  }

  /** No turn will be answered any more. */
  end(): void {
    this.waiters.release();
  }
}
