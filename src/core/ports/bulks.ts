import type { JobState } from '../job.js';

/** What a bulk operation does to each job. */
export type BulkAction = 'retry' | 'cancel' | 'remove' | 'promote';

/** `stopped`: by itself, because too many of the jobs that it retried failed again. */
export type BulkState = 'running' | 'done' | 'cancelled' | 'stopped';

/** Operations on many jobs: stored, so that any process goes on with one whose executor is gone. */
export interface Bulks {
  /**
   * Stores an operation under an id that nobody else has, in the hands of this executor. It means the jobs that are there now.
   * `full`: as many run as may.
   */
  start(queue: string, id: string, request: string, lease: ExecutorLease): Promise<'started' | 'full'>;
  /** One operation or all: those that run, and the last that ended. */
  read(queue: string, id?: string): Promise<BulkRecord[]>;
  /** Operations that this executor works at from now on: those that nobody else does, and its own. */
  claim(queue: string, lease: ExecutorLease): Promise<{ claimed: BulkRecord[]; nextFreeAt: number | undefined }>;
  /**
   * One step of an operation, whole or not at all.
   * @returns `lost` where another executor has it, or this step was done before; `over` where it has ended
   */
  step(queue: string, step: BulkStep): Promise<ActAnswer | 'over' | 'lost' | 'gone'>;
  /** As a step, of no operation: jobs that have moved on since they were read are passed by. At most 50 jobs. */
  act(queue: string, action: BulkAction, state: JobState, jobs: readonly ActedJob[]): Promise<ActAnswer>;
  /** No further step is done. */
  cancel(queue: string, id: string): Promise<'cancelled' | 'over' | 'gone'>;
}

export interface ExecutorLease {
  executor: string;
  leaseMs: number;
}

export interface BulkRecord {
  id: string;
  /** What was asked for, as text. */
  request: string;
  /** It means jobs that were there at this instant, ms … */
  createdAt: number;
  /** … whose number is no higher. */
  highest: string;
  state: BulkState;
  /** Undefined where nobody works at it. */
  executor: string | undefined;
  /** Of the executor, ms. */
  leaseEndsAt: number;
  /** Jobs that were looked at. */
  looked: number;
  /** Jobs that fit: those that are done, and those that are skipped. */
  matched: number;
  done: number;
  /** Jobs that had moved on, or that the action could not be done to. */
  skipped: number;
  /** Of retried jobs that were watched: how many failed again, … */
  failed: number;
  /** … of how many the outcome is known, … */
  known: number;
  /** … and which have none yet, the one that was looked at longest ago first. */
  watched: string[];
  endedAt: number | undefined;
  /** Where the next step begins. */
  place: string;
}

export interface BulkStep extends ExecutorLease {
  id: string;
  /** Where the step begins, and where the next one does. */
  place: string;
  nextPlace: string;
  nextState: 'running' | 'done' | 'stopped';
  looked: number;
  /** Jobs that fit and that the action cannot be done to. */
  skipped: number;
  failed: number;
  known: number;
  watched: readonly string[];
  /** The outcome of what is retried is to be watched. */
  watches: boolean;
  action: BulkAction;
  state: JobState;
  jobs: readonly ActedJob[];
}

/** A job as it was read. */
export interface ActedJob {
  id: string;
  /** The first 14 bytes of its record: one that ended, or was replaced, since has others. */
  seen: string;
  /** Of a retry: the first line of its new envelope. */
  head?: string;
  priority?: number;
}

export interface ActAnswer {
  done: number;
  skipped: number;
}
