import type { GroupHold, GroupRule } from '../groups.js';
import type { QueueLimits } from '../limits.js';
import type { JobState } from '../job.js';

/** What the store knows of why a job has not started. It writes nothing, and a user who may only read may ask. */
export interface Explainer {
  /** Of the job of this number, or else of a user's id; undefined where none is kept. */
  explain(queue: string, id: string): Promise<JobStanding | undefined>;
}

/** Where a job stands, and what might hold it, all of one moment. */
export interface JobStanding {
  /** Store time, ms. */
  now: number;
  state: JobState;
  /** First line of its envelope without errors, which `readHead` reads. */
  head: string;
  /** Of a scheduled job. */
  dueAt: number | undefined;
  /** It crashed two workers, and runs alone. */
  isSuspect: boolean;
  /** Name under which a parked job waits. */
  parkedAs: string | undefined;
  /** Of a ready job: how many run before it, of its group where it has one. `isExact` is false where the line is too long to look at: then it is at least so many. */
  ahead: { count: number; isExact: boolean } | undefined;
  isPaused: boolean;
  /** Some worker of the queue has a lease, or waits for work. */
  hasWorkers: boolean;
  /** Jobs in flight. */
  running: number;
  /** Of a job that has one. */
  group: GroupStanding | undefined;
  limits: QueueLimits | undefined;
  /** A handler met a limit elsewhere: nothing starts before, ms. */
  gateUntil: number | undefined;
  /** The rate lets no job start that costs as much as this one before, ms. */
  rateOpensAt: number | undefined;
}

/** How the group of a job stands. */
export interface GroupStanding {
  key: string;
  /** One unfinished job of the group at a time. */
  ordered: boolean;
  /** Jobs of it in flight. */
  running: number;
  rule: GroupRule | undefined;
  hold: GroupHold | undefined;
}
