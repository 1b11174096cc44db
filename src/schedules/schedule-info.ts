import type { Overlap, PauseReason, ScheduleStatus, StoredSchedule } from '../core/ports/timetable.js';
import type { MissedRule, ScheduleJobOptions, ScheduleRule } from './rule/declaration.js';
import { decodeSpec } from './rule/spec.js';
import type { JobHandle } from '../queue/job-handle.js';
import type { QueueScope } from '../queue/queue-scope.js';

/** A stored schedule, as of the call that returned it. Instants are ms since the epoch. */
export interface ScheduleInfo {
  name: string;
  queue: string;
  /** `paused` and `ended` ones do not fire. */
  status: ScheduleStatus;
  /** Of a paused one. `removed`: no live instance of its app declares it any more. */
  pauseReason: PauseReason | undefined;
  /** The app whose code declares it; undefined: it was made at run time. */
  app: string | undefined;
  /** What it ticks by, in engine units; undefined where a newer version stored it. */
  rule: ScheduleRule | undefined;
  missed: MissedRule | undefined;
  windowMs: number | undefined;
  overlap: Overlap | undefined;
  jitterMs: number | undefined;
  startAt: number | undefined;
  endAt: number | undefined;
  limit: number | undefined;
  pauseOnFailure: boolean | undefined;
  /** Options of its jobs in engine units; only what was given. */
  job: ScheduleJobOptions;
  /**
   * What `redact` names is hidden. Undefined: each job gets a `CronTick`; also where this process cannot decode it.
   */
  payload: unknown;
  /** Of an active one. */
  nextTick: number | undefined;
  /** The last tick that was given a job. */
  lastTick: number | undefined;
  /** Ticks of this rule that were given jobs. */
  fired: number;
  /** Fires of this rule that gave none: too late, overlapping, or while another job had their unique key. */
  skipped: number;
  createdAt: number;
}

/** One run of a schedule. */
export interface ScheduleRunInfo {
  /** The tick, ms since the epoch. */
  scheduledFor: number;
  /** When its job was enqueued, by the store's clock. */
  firedAt: number;
  /** By how much that was late, ms; jitter is part of it. */
  latenessMs: number;
  /** Ticks before it that got no job. */
  missed: number;
  /** Undefined where it is no longer kept. */
  job: JobHandle | undefined;
}

/** Makes what users see of a stored schedule. */
export function scheduleInfoOf({ queue, codec, redactor }: QueueScope, stored: StoredSchedule): ScheduleInfo {
  const spec = decodeSpec(stored.spec);
  const { name, status, pauseReason, app, nextTick, lastTick, fired, skipped, createdAt } = stored;
  let payload: unknown;
  if (spec?.payload !== undefined) {
    try {
      payload = codec.decode(spec.payload, { queue, jobName: spec.job.name ?? name, jobId: '', field: 'payload' });
    } catch {
      payload = undefined; // a key that this process lacks must not hide the schedule
    }
  }
  const { rule, missed, windowMs, overlap, jitterMs, startAt, endAt, limit, pauseOnFailure, job = {} } = spec ?? {};
  return {
    ...{ name, queue, status, pauseReason, app, rule, missed, windowMs, overlap, jitterMs, startAt, endAt, limit },
    ...{ pauseOnFailure, job, payload: redactor === undefined ? payload : redactor.redact(payload) },
    ...{ nextTick, lastTick, fired, skipped, createdAt },
  };
}
