import { performance } from 'node:perf_hooks';
import type { JobState } from '../../core/job.js';
import type { StoredJob } from '../../core/ports/curation.js';
import type { ScanRequest } from '../../core/ports/search.js';
import { instantOf } from '../../core/record-head.js';
import type { QueueScope } from '../../queue/queue-scope.js';
import { idsOf } from '../match-walk.js';
import { looksIntoPayloads, testOf, type JobTest } from '../where/job-test.js';
import { needlesOf } from '../where/needles.js';
import type { BulkPlan } from './bulk-request.js';

/** Which jobs are meant: those that were there then. */
export interface Boundary {
  /** Store time, ms. */
  at: number;
  /** The highest number of a job then; undefined: the time alone counts. */
  highest: string | undefined;
}

export interface BulkPage {
  state: JobState;
  /** Jobs that are meant, as they were read. */
  found: StoredJob[];
  looked: number;
  /** Where the next page begins; undefined behind the last one. */
  nextPlace: string | undefined;
  /** For how long the store was at work at most, ms. */
  spentMs: number;
}

/** Where the first page of every walk begins. */
export const FIRST_PLACE = '0 ';

/**
 * Walks through the jobs that a request means, page by page. It keeps no place of its own, so that any process goes on where another
 * one stopped: a place is a state, a space, and a cursor in that state.
 */
export class BulkWalk {
  private readonly fits: JobTest;
  private readonly request: ScanRequest;
  /** Where the request names jobs by their ids, nothing else is looked at. */
  private readonly ids: readonly string[] | undefined;

  constructor(
    private readonly scope: QueueScope,
    private readonly plan: BulkPlan,
    private readonly boundary: Boundary,
  ) {
    const { where } = plan;
    this.fits = testOf(scope, where, boundary.at);
    this.ids = idsOf(where);
    const payloads = looksIntoPayloads(where, scope.redactor);
    this.request = { needles: needlesOf(where, scope.codec), payloads, on: 'primary' };
  }

  /** @param most jobs to be looked at, at most 500: of running jobs the store may look at some more */
  async page(place: string, most: number): Promise<BulkPage> {
    const { states } = this.plan;
    const split = place.indexOf(' ');
    const state = states.find((one) => one === place.slice(0, split)) ?? states[0];
    const cursor = place.slice(split + 1);
    const { jobs, looked, nextCursor, spentMs } = await this.read(state, cursor === '' ? undefined : cursor, most);
    const nextState: JobState | undefined = states[states.indexOf(state) + 1];
    const found = jobs.filter((job) => job.state === state && this.wasThere(job) && this.fits(job));
    const nextPlace =
      nextCursor !== undefined ? `${state} ${nextCursor}` : nextState === undefined ? undefined : `${nextState} `;
    return { state, found, looked, nextPlace, spentMs };
  }

  private async read(state: JobState, cursor: string | undefined, most: number) {
    const { store, queue } = this.scope;
    const { ids } = this;
    if (ids === undefined) {
      const step = await store.search.scan(queue, state, cursor, { ...this.request, most });
      return { jobs: step.jobs, looked: step.looked, nextCursor: step.cursor, spentMs: step.spentMs };
    }
    const first = Number(cursor ?? 0);
    const end = first + most;
    const startedAt = performance.now();
    const named = (await store.curation.read(queue, ids.slice(first, end))).filter((job) => job !== undefined);
    // A number and the id of its producer may name one job.
    const jobs = [...new Map(named.map((job) => [job.id, job])).values()];
    const nextCursor = end < ids.length ? String(end) : undefined;
    return { jobs, looked: jobs.length, nextCursor, spentMs: performance.now() - startedAt };
  }

  private wasThere({ id, record }: StoredJob): boolean {
    const { at, highest } = this.boundary;
    return (highest === undefined || id <= highest) && (instantOf(record) ?? 0) <= at;
  }
}
