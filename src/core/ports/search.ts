import type { JobState } from '../job.js';
import type { StoredJob } from './curation.js';

/** Looking through many jobs, in steps that hold nobody up. */
export interface Search {
  /**
   * One step of a walk through a state, from its newest place: ended jobs by their end, `ready` from the back of the line, `scheduled` from
   * the latest due time, others in an order of the store's own. A job that stays meanwhile is met once; on Redis an active one may be
   * met twice.
   * @throws UnsupportedError where `on` names a place that the store does not have
   */
  scan(queue: string, state: JobState, cursor: string | undefined, request: ScanRequest): Promise<ScanStep>;
}

export interface ScanRequest {
  /** A candidate has a text of each: what else has them all is a candidate, too, so the caller looks itself. */
  needles: readonly Needle[];
  /** Whether candidates come with their payloads where these lie apart from the record; else such a payload is ''. */
  payloads: boolean;
  on: 'primary' | 'replica';
  /** Jobs that the step looks at, at most 500; the store may look at fewer. */
  most?: number;
}

/** Texts of which a job that is meant has one in its record. */
export interface Needle {
  anyOf: readonly string[];
  /** It may lie in the payload. */
  inPayload: boolean;
  /** It may be a part of the number of the job. */
  inNumber?: boolean;
}

export interface ScanStep {
  /** Candidates, newest place first. `progress` and `cancelling` are not read. */
  jobs: StoredJob[];
  /** How many jobs the step looked at. */
  looked: number;
  /** When the job that was looked at last ended, or was enqueued, ms; undefined where the step does not know. */
  reachedAt: number | undefined;
  /** Pass it on for the next step; undefined at the end. */
  cursor: string | undefined;
  /** For how long the store was at work at most, ms. */
  spentMs: number;
}
