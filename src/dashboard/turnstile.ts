import { DashboardError } from './dashboard-error.js';

/** Lets so many in at once. */
export class Turnstile {
  private inside = 0;

  constructor(
    private readonly most: number,
    private readonly what: string,
  ) {}

  /** @returns to be called once, on leaving @throws DashboardError */
  enter(): () => void {
    if (this.inside >= this.most) {
      const message = `This process is busy with ${this.most} ${this.what} already. Try again in a moment.`;
      throw new DashboardError(503, 'DASHBOARD_BUSY', message);
    }
    this.inside++;
    return () => void this.inside--;
  }
}
