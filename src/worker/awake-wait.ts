import { cores } from './cores.js';

/** Longest wait, ms: an answer over a quick network, and no more than some wake-ups of a sleeping core. */
const LONGEST_MS = 0.15;
/** Where the clock stands still, as in tests that fake it. */
const MOST_LOOKS = 1000;
/** Most waits that are left out after some that were in vain. */
const MOST_SKIPS = 255;

/**
 * Waits for an answer without going to sleep: on a virtual machine a core that sleeps takes about as long to wake as Redis
 * takes to answer, and a worker that holds nothing waits for each of its answers. The event loop goes on turning
 * meanwhile. Answers that take longer than {@link LONGEST_MS} are soon not waited for this way any more.
 */
export class AwakeWait {
  /** Waits to leave out. */
  private skips: number;
  /** Waits without an answer in a row. */
  private inVain = 0;
  /** performance.now() at which the wait is given up; 0: nothing is waited for. */
  private giveUpAt = 0;
  private looking = false;
  private looks = 0;

  /** @param coresToUse of this process, by the share of the machine that it is given */
  constructor(coresToUse = cores()) {
    // With less than two, what is spent on waiting is taken from Redis or from the work itself.
    this.skips = coresToUse >= 2 ? 0 : Infinity;
  }

  begin(): void {
    if (this.skips > 0) {
      this.skips--;
      return;
    }
    this.giveUpAt = performance.now() + LONGEST_MS;
    this.looks = 0;
    if (this.looking) return;
    this.looking = true;
    setImmediate(this.look);
  }

  /** The answer has come. */
  end(): void {
    if (this.giveUpAt === 0) return;
    this.giveUpAt = 0;
    this.inVain = 0;
  }

  private readonly look = (): void => {
    if (this.giveUpAt > 0 && performance.now() < this.giveUpAt && ++this.looks < MOST_LOOKS) {
      setImmediate(this.look);
      return;
    }
    this.looking = false;
    if (this.giveUpAt === 0) return;
    this.giveUpAt = 0;
    this.inVain++;
    this.skips = Math.min(2 ** this.inVain - 1, MOST_SKIPS);
  };
}
