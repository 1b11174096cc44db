import { DEFAULTS } from '../options/options.js';

/**
 * Says which runs that will be repeated get their stack written. V8 takes longer to write one than to run a short handler,
 * and it is stored with the job: when thousands fail at once, a hundred stacks a second tell as much as all of them.
 */
export class StackBudget {
  private second = Number.NaN;
  private left = 0;

  /** @param at milliseconds of any clock */
  take(at: number): boolean {
    const second = Math.floor(at / 1000);
    if (second !== this.second) {
      this.second = second;
      this.left = DEFAULTS.errorHistory.retriedStacksPerSecond;
    }
    if (this.left === 0) return false;
    this.left--;
    return true;
  }
}
