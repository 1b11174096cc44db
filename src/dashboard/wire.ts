import type { FindMessage, LiveMessage } from './wire-live.js';
import type {
  DeadLetters,
  Definition,
  Doctor,
  Facets,
  History,
  JobAction,
  JobPage,
  JobState,
  JobsPage,
  Limits,
  Overview,
  PatchStep,
  Process,
  QueuePage,
  Schedule,
  ScheduleEdit,
  SchedulePage,
  SchedulesPage,
} from './wire-models.js';
import type { BulkPreview, BulkRequest, Bulks, GroupRule, GroupsPage } from './wire-operations.js';

export type * from './wire-live.js';
export type * from './wire-models.js';
export type * from './wire-operations.js';

/**
 * What browser and server say to each other. Nothing but the other files of the wire is imported, so that the front end compiles them as they are.
 *
 * - `GET <mount>/api/<read>?queue=…` answers JSON; `find` and `live` answer NDJSON, one message a line.
 * - `POST <mount>/api/<action>` takes and answers JSON. The headers `content-type: application/json` and {@link CSRF_HEADER} are
 *   required. Every failure answers {@link Failure} with a status of 400 or more.
 * - Instants are ms since the epoch, durations ms. What is unknown is left out.
 */
export const CSRF_HEADER = 'x-task-queue-dashboard';

/** What somebody may be allowed to do. Looking needs none of them. */
export const DASHBOARD_ACTIONS = [
  'job.retry',
  'job.edit',
  'job.cancel',
  'job.remove',
  'job.promote',
  'job.enqueue',
  'bulk.run',
  'queue.pause',
  'queue.purge',
  'queue.limits',
  'schedule.run',
  'schedule.pause',
  'schedule.edit',
  'payload.reveal',
] as const;

export type DashboardAction = (typeof DASHBOARD_ACTIONS)[number];

/** Of reads: what the query takes, and what is answered. Queries carry texts and numbers alone; arrays repeat their key. */
export interface Reads {
  session: { query: object; answer: Session };
  overview: { query: object; answer: Overview };
  queue: { query: OfQueue; answer: QueuePage };
  history: { query: OfQueue & { name?: string; from?: number; to?: number }; answer: History };
  jobs: { query: OfQueue & Paged & { state: JobState }; answer: JobsPage };
  facets: { query: OfQueue & { where?: string; path: string }; answer: Facets };
  /** `reveal`: payload, progress and result unredacted; needs `payload.reveal`, and is audited. */
  job: { query: OfJob & { reveal?: 1 }; answer: JobPage };
  dead: { query: OfQueue; answer: DeadLetters };
  /** How many jobs an action would be done to; it looks at all that may fit. */
  bulkPreview: { query: OfQueue & { where?: string; action: JobAction }; answer: BulkPreview };
  /** `queue`: its operations alone; else those of all known queues that may be seen. */
  bulks: { query: { queue?: string }; answer: Bulks };
  groups: { query: OfQueue & Paged; answer: GroupsPage };
  schedules: { query: OfQueue & Paged; answer: SchedulesPage };
  schedule: { query: OfSchedule; answer: SchedulePage };
  /** The next ticks of a rule that is being written. */
  ticks: { query: { cron?: string; every?: string; timeZone?: string; count?: number }; answer: { ticks: number[] } };
  processes: { query: object; answer: { processes: Process[] } };
  /** What can be enqueued: names with a handler or a definition in this process. */
  definitions: { query: OfQueue; answer: { definitions: Definition[] } };
  doctor: { query: object; answer: Doctor };
}

/** Reads that answer NDJSON. */
export interface Streams {
  find: { query: OfQueue & { where: string; limit?: number }; message: FindMessage };
  /** `queue`: those whose snapshots are wanted (all that may be seen, if none is named). `job` of `jobQueue`: its events, too. */
  live: { query: { queue?: string[]; job?: string; jobQueue?: string }; message: LiveMessage };
}

/** Of actions: what the body has, what is answered, in brackets which action it needs. */
export interface Actions {
  /** [job.retry; with `patch` also job.edit, and one id] */
  'job.retry': { body: OfJobs & { patch?: PatchStep[] }; answer: Outcome };
  'job.cancel': { body: OfJobs; answer: Outcome };
  'job.remove': { body: OfJobs; answer: Outcome };
  'job.promote': { body: OfJobs; answer: Outcome };
  /** `payload` is checked by the schema of its definition. `delay` is a duration such as "5m". */
  'job.enqueue': {
    body: OfQueue & { name?: string; payload: unknown; id?: string; delay?: string; priority?: number };
    answer: { id: string; number: string; created: boolean };
  };
  /** [bulk.run, and the action that is done to each job] `id`: of the operation, which goes on by itself. */
  'bulk.retry': { body: OfQueue & BulkRequest; answer: { id: string } };
  'bulk.cancel': { body: OfQueue & BulkRequest; answer: { id: string } };
  'bulk.remove': { body: OfQueue & BulkRequest; answer: { id: string } };
  'bulk.promote': { body: OfQueue & BulkRequest; answer: { id: string } };
  /** [bulk.run] Of the operation: no further job is acted on. */
  'bulk.stop': { body: OfQueue & { id: string }; answer: { outcome: 'cancelled' | 'finished' } };
  'queue.pause': { body: OfQueue; answer: Done };
  /** [queue.pause] */
  'queue.resume': { body: OfQueue; answer: Done };
  /** `confirm` is the queue's name, typed. */
  'queue.purge': {
    body: OfQueue & { state: Exclude<JobState, 'active'>; confirm: string };
    answer: { removed: number };
  };
  /** `limits: null`: what the code declares holds again. */
  'queue.limits': { body: OfQueue & { limits: Limits | null }; answer: Done };
  /** [queue.limits] Replaces what was said of the group, whole. `rule: null`: it is as the queue says for all groups. */
  'group.set': { body: OfQueue & { key: string; rule: GroupRule | null }; answer: Done };
  /** `created: false`: the job that has the unique key of the schedule's jobs. */
  'schedule.run': { body: OfSchedule; answer: { id: string; number: string; created: boolean } };
  'schedule.pause': { body: OfSchedule; answer: Done };
  /** [schedule.pause] */
  'schedule.resume': { body: OfSchedule; answer: Done };
  /** One that was made at run time: stores another rule, or a new schedule. What is left out stays as it is. */
  'schedule.edit': { body: OfSchedule & ScheduleEdit; answer: Schedule };
  /** [schedule.edit] One that was made at run time. */
  'schedule.remove': { body: OfSchedule; answer: Done };
}

export type ReadName = keyof Reads;
export type StreamName = keyof Streams;
export type ActionName = keyof Actions;

export interface OfQueue {
  queue: string;
}
/** `id`: the producer's own, or the number. */
export interface OfJob extends OfQueue {
  id: string;
}
/** At most 500. */
export interface OfJobs extends OfQueue {
  ids: string[];
}
export interface OfSchedule extends OfQueue {
  name: string;
}
export interface Paged {
  cursor?: string;
  limit?: number;
}
export interface Done {
  done: true;
}

/** What became of each id, in order; `done` counts those of outcome `done`. */
export interface Outcome {
  done: number;
  jobs: { id: string; outcome: 'done' | 'requested' | 'finished' | 'not-found' | 'refused'; message?: string }[];
}

export interface Session {
  /** Who `authorize` says it is. */
  user?: string;
  can: DashboardAction[];
  readOnly: boolean;
  environment?: { label: string; color?: string };
  locale?: string;
  /** Of this package. */
  version: string;
  /** Some fields are hidden, unless somebody with `payload.reveal` asks. */
  redacts: boolean;
  /** Server time. */
  at: number;
}
