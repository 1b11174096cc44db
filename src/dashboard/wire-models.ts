/** What the pages of the dashboard are made of. As in `wire.ts`, nothing is imported. Instants are ms since the epoch. */

export interface Failure {
  /** Stable: that of the error, such as `TASK_QUEUE_JOB_NOT_FOUND`, or one that begins with `DASHBOARD_`. */
  code: string;
  message: string;
  /** Of a `where` or a cron expression: where it is wrong, 1 is the first character. */
  position?: number;
  /** Of a payload that its schema refuses. */
  issues?: { path: string; message: string }[];
}

export type JobState = 'scheduled' | 'ready' | 'active' | 'parked' | 'blocked' | 'completed' | 'cancelled' | 'dead';

/** Sent again whenever it has changed, at most once a second. */
export interface QueueSnapshot {
  queue: string;
  paused: boolean;
  counts: Record<JobState, number>;
  /** Of all processes; left out where no process of the queue is known. */
  slots?: number;
  slotsBusy?: number;
}

export interface QueueListing extends QueueSnapshot {
  /** This app knows it; others are seen, but nothing can be done with them. */
  known: boolean;
  processes: number;
  /** Job names that live handlers take. */
  names: string[];
}

export interface Overview {
  at: number;
  queues: QueueListing[];
  /** The one that fires longest first. */
  alerts: FiringAlert[];
}

/** An alert that fires now. */
export interface FiringAlert {
  app: string;
  /** Name of the rule. */
  rule: string;
  /** Left out where it is about the store as a whole. */
  queue?: string;
  since: number;
  /** What was measured. */
  value: number;
}

export interface QueuePage {
  at: number;
  queue: QueueListing;
  /** What holds it back now, by hand or by code. */
  limits?: Limits;
}

export interface Limits {
  concurrency?: number;
  rate?: Rate;
  /** Of each group that nothing was said of alone. `share`: of the number of jobs that start, or of the time that they run. */
  groups?: { concurrency?: number; rate?: Rate; share?: 'jobs' | 'time' };
}

export interface Rate {
  limit: number;
  /** ms, or a duration such as "1s". */
  per: number | string;
  smooth?: boolean;
}

/** Distribution of durations. `buckets` counts by {@link History.boundsMs}; the last bucket has what is longer. */
export interface Spread {
  count: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
  buckets: number[];
}

export interface HistoryPoint {
  at: number;
  completed: number;
  dead: number;
  retried: number;
  snoozed: number;
  cancelled: number;
  released: number;
  lost: number;
  wait?: Spread;
  run?: Spread;
}

export interface History {
  stepMs: number;
  boundsMs: number[];
  names: string[];
  deploys: { at: number; version: string }[];
  points: HistoryPoint[];
}

/** One row of a list. */
export interface JobRow {
  id: string;
  number: string;
  queue: string;
  name: string;
  state: JobState;
  attempt: number;
  maxAttempts?: number;
  priority: number;
  enqueuedAt: number;
  dueAt?: number;
  startedAt?: number;
  settledAt?: number;
  /** Of a dead job. */
  deadReason?: string;
  /** The last error, or what ended it. */
  error?: { name: string; message: string };
  progress?: unknown;
  /** The payload as JSON text, cut to 200 characters; redacted. */
  preview: string;
  unreadable?: true;
  schedule?: string;
  /** Key of its group. */
  group?: string;
}

export interface JobsPage {
  jobs: JobRow[];
  cursor?: string;
}

export interface JobPage {
  at: number;
  job: JobRow & {
    payload?: unknown;
    headers: Record<string, string>;
    result?: unknown;
    scheduledFor?: number;
    expiresAt?: number;
    worker?: string;
    cancelling: boolean;
    deadMessage?: string;
    errors: { attempt: number; at: number; name: string; message: string; stack?: string }[];
    /** Only of an unreadable one, and revealed. */
    raw?: string;
  };
  logs: string[];
  /** Why it does not run; undefined once it has ended. */
  explanation?: Explanation;
  /** What the app adds; `href` is http, https, or relative. */
  links: { text: string; href: string }[];
  /** Payload, headers, progress, errors or logs had fields hidden or could have. */
  redacted: boolean;
}

export interface Explanation {
  state: JobState;
  holds: { by: string; until?: number; text: string; frees: string }[];
  /** Jobs before it; with `aheadAtLeast` so many or more. */
  ahead?: number;
  aheadAtLeast?: true;
  /** Not before this instant, as it looks now. */
  notBefore?: number;
}

/** Paths are JSON pointers into the payload. */
export type PatchStep =
  | { op: 'add' | 'replace' | 'test'; path: string; value: unknown }
  | { op: 'remove'; path: string }
  | { op: 'move' | 'copy'; path: string; from: string };

export interface Facets {
  values: { value: string; count: number }[];
  /** Jobs of rarer values, and jobs without one. */
  other: number;
  missing: number;
  looked: number;
  complete: boolean;
}

/** Dead jobs alike in name, reason and error, the most frequent first. */
export interface DeadLetters {
  groups: {
    name: string;
    reason: string;
    error: string;
    message: string;
    count: number;
    newestAt: number;
    oldestAt: number;
    /** Some of them, newest first. */
    ids: string[];
    /** For `find`: these jobs and, where the grammar says no more, some like them. */
    where: string;
  }[];
  /** Of the newest so many dead jobs. */
  looked: number;
  complete: boolean;
}

export interface Schedule {
  name: string;
  queue: string;
  status: 'active' | 'paused' | 'ended';
  pauseReason?: 'user' | 'failure' | 'removed';
  /** Code declares it: it can be run and paused, and edited only there. */
  app?: string;
  rule?:
    | { kind: 'cron'; expression: string; timeZone: string }
    | { kind: 'interval'; everyMs: number }
    | { kind: 'date'; at: number }
    | { kind: 'delay'; delayMs: number };
  missed?: string;
  overlap?: string;
  jitterMs?: number;
  startAt?: number;
  endAt?: number;
  limit?: number;
  pauseOnFailure?: boolean;
  jobName: string;
  payload?: unknown;
  nextTick?: number;
  lastTick?: number;
  fired: number;
  skipped: number;
  createdAt: number;
}

export interface SchedulesPage {
  schedules: Schedule[];
  cursor?: string;
}

export interface SchedulePage {
  at: number;
  schedule: Schedule;
  /** The next ten ticks. */
  next: number[];
  runs: { scheduledFor: number; firedAt: number; latenessMs: number; missed: number; job?: JobRow }[];
}

/** As in `ScheduleService.upsert`. */
export interface ScheduleEdit {
  cron?: string;
  timeZone?: string;
  every?: string;
  at?: number;
  payload?: unknown;
  jobName?: string;
  missed?: 'once' | 'skip' | 'all';
  overlap?: 'allow' | 'skip' | 'queue-one';
}

export interface Process {
  id: string;
  host: string;
  pid: number;
  app: string;
  version?: string;
  role: string;
  node: string;
  /** Version of nestjs-task-queue. */
  packageVersion: string;
  startedAt: number;
  seenAt: number;
  rssBytes: number;
  loopLagMs: number;
  queues: { queue: string; slots: number; slotsBusy: number; names: string[] }[];
  /** The longest, at most 50. */
  runs: { queue: string; id: string; number: string; name: string; attempt: number; startedAt: number }[];
}

/** What is done to single jobs, one or some of a list. */
export type JobAction = 'retry' | 'cancel' | 'remove' | 'promote';

export interface Definition {
  name: string;
  /** Its payload is checked before it is stored. */
  checked: boolean;
  /** Where its schema can tell: the JSON Schema of what is passed. */
  jsonSchema?: unknown;
}

export interface Doctor {
  at: number;
  kind: string;
  version: string;
  mode: string;
  summary: string;
  dangers: string[];
  unknown: string[];
  losses: { crash: string; powerCut: string; failover: string };
  memory: { usedBytes?: number; limitBytes?: number; policy?: string };
  persistence: { appendonly?: boolean; appendfsync?: string; snapshots?: boolean };
  replication: { replicas?: number; minReplicasToWrite?: number; minReplicasMaxLagSeconds?: number };
}
