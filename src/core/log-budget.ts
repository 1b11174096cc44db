const MOST_A_SECOND = 10;

/** What thousands of jobs would say alike is said by the first of every second; the others are counted. */
export class LogBudget {
  private second = 0;
  private said = 0;
  private heldBack = 0;

  /**
   * @param nowMs of any clock that only rises
   * @returns how many were held back since the last one that was said; undefined: this one is held back, too
   */
  take(nowMs: number): number | undefined {
    const second = Math.floor(nowMs / 1000);
    if (second !== this.second) {
      this.second = second;
      this.said = 0;
    }
    if (this.said++ >= MOST_A_SECOND) {
      this.heldBack++;
      return undefined;
    }
    const { heldBack } = this;
    this.heldBack = 0;
    return heldBack;
  }
}
