import type { JobState } from '../core/job.js';
import type { StoredJob } from '../core/ports/curation.js';
import type { ScanRequest, Search } from '../core/ports/search.js';

/** Walks once through the jobs of one state, from the newest place, as somebody asks for steps. */
export class StateWalker {
  /** Jobs that it will meet ended, or were enqueued, no later: as far as the order of the state says. Infinity before the first step. */
  reachedAt = Infinity;
  /** All jobs of the state were met. */
  hasEnded = false;
  /** How many jobs it has looked at. */
  looked = 0;
  /** A job that runs all the time may be met twice. */
  private readonly metActive = new Set<string>();

  constructor(
    private readonly search: Search,
    private readonly queue: string,
    readonly state: JobState,
    private readonly request: ScanRequest,
    /** Where an earlier walk stopped. */
    public cursor?: string,
  ) {}

  /** @returns candidates, and for how long the store was at work, ms */
  async step(): Promise<{ jobs: StoredJob[]; spentMs: number }> {
    const { jobs, looked, reachedAt, cursor, spentMs } = await this.search.scan(
      this.queue,
      this.state,
      this.cursor,
      this.request,
    );
    this.cursor = cursor;
    this.hasEnded = cursor === undefined;
    this.looked += looked;
    if (reachedAt !== undefined) this.reachedAt = Math.min(this.reachedAt, reachedAt);
    return { jobs: this.state === 'active' ? jobs.filter((job) => this.isNew(job)) : jobs, spentMs };
  }

  private isNew({ id }: StoredJob): boolean {
    if (this.metActive.has(id)) return false;
    this.metActive.add(id);
    return true;
  }
}
