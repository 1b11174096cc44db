import { createHash } from 'node:crypto';
import type { ScheduleJobOptions, ScheduleRule, ScheduleTiming } from './declaration.js';

/** Raise it whenever an older instance would fire a rule wrongly: it then leaves the rule to others. */
const SPEC_VERSION = 1;

/**
 * What the store keeps of a schedule: everything that any instance needs to fire it, also one that does not declare it.
 * Only what differs from its default is written, so that a new option changes the hash of nobody who does not use it.
 */
export interface ScheduleSpec extends ScheduleTiming {
  job: ScheduleJobOptions;
  /** What the codec made of the payload; absent: each job gets a `CronTick`. */
  payload?: string;
  /** The unique key of its jobs, where fields of the payload make it: who fires it may be unable to read them. */
  uniqueKey?: string;
}

/**
 * @param payloadIdentity a text of the payload that is the same at every boot, also where the codec encrypts
 */
export function encodeSpec(spec: ScheduleSpec, payloadIdentity = spec.payload): { spec: string; specHash: string } {
  const { payload, ...rest } = spec;
  const text = JSON.stringify(ordered(rest));
  const contents = payload === undefined ? text : `${text}${payloadIdentity}`;
  return {
    spec: payload === undefined ? text : JSON.stringify({ ...ordered(rest), payload }),
    specHash: createHash('sha256').update(contents).digest('hex').slice(0, 32),
  };
}

/** A spec as stored by any version; undefined when this version cannot read it. */
export function decodeSpec(text: string): ScheduleSpec | undefined {
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof stored !== 'object' || stored === null) return undefined;
  const { v, overlap = 'allow', jitterMs = 0, pauseOnFailure = false, job = {}, ...rest } = stored as StoredSpec;
  const spec = { overlap, jitterMs, pauseOnFailure, job, ...rest };
  return v === SPEC_VERSION && isReadable(spec) ? spec : undefined;
}

type StoredSpec = Partial<ScheduleSpec> & { v?: number };

/** Equal rules must have equal texts, in whatever order their fields were given. */
function ordered(spec: Omit<ScheduleSpec, 'payload'>): StoredSpec {
  return {
    v: SPEC_VERSION,
    rule: orderedRule(spec.rule),
    missed: spec.missed,
    windowMs: spec.windowMs,
    overlap: spec.overlap === 'allow' ? undefined : spec.overlap,
    jitterMs: spec.jitterMs === 0 ? undefined : spec.jitterMs,
    startAt: spec.startAt,
    endAt: spec.endAt,
    limit: spec.limit,
    pauseOnFailure: spec.pauseOnFailure ? true : undefined,
    job: Object.keys(spec.job).length === 0 ? undefined : orderedJob(spec.job),
    uniqueKey: spec.uniqueKey,
  };
}

function orderedRule(rule: ScheduleRule): ScheduleRule {
  switch (rule.kind) {
    case 'cron':
      return { kind: 'cron', expression: rule.expression, timeZone: rule.timeZone };
    case 'interval':
      return { kind: 'interval', everyMs: rule.everyMs };
    case 'date':
      return { kind: 'date', at: rule.at };
    case 'delay':
      return { kind: 'delay', delayMs: rule.delayMs };
  }
}

function orderedJob(job: ScheduleJobOptions): ScheduleJobOptions {
  const { name, maxAttempts, retryForMs, backoff, timeoutMs, expiresInMs, dropsExpired, priority, retention } = job;
  const unique = job.unique && { key: job.unique.key, freeWhileRunning: job.unique.freeWhileRunning };
  const entries = Object.entries(job.headers ?? {}).sort(([one], [other]) => (one < other ? -1 : 1));
  const headers = entries.length === 0 ? undefined : Object.fromEntries(entries);
  return {
    ...{ name, maxAttempts, retryForMs, backoff, timeoutMs, expiresInMs, dropsExpired, priority, retention, headers },
    unique,
    group: job.group && { key: job.group.key, ordered: job.group.ordered },
  };
}

function isReadable(value: StoredSpec): value is ScheduleSpec {
  const { rule, missed, overlap, jitterMs, windowMs, startAt, endAt, limit, pauseOnFailure, job, payload, uniqueKey } =
    value;
  return (
    isRule(rule) &&
    (missed === 'once' || missed === 'skip' || missed === 'all') &&
    (overlap === 'allow' || overlap === 'skip' || overlap === 'queue-one') &&
    typeof jitterMs === 'number' &&
    [windowMs, startAt, endAt, limit].every((part) => part === undefined || typeof part === 'number') &&
    typeof pauseOnFailure === 'boolean' &&
    typeof job === 'object' &&
    job !== null &&
    [payload, uniqueKey].every((part) => part === undefined || typeof part === 'string')
  );
}

function isRule(rule: unknown): rule is ScheduleRule {
  if (typeof rule !== 'object' || rule === null) return false;
  const { kind, expression, timeZone, everyMs, at, delayMs } = rule as Record<string, unknown>;
  return (
    (kind === 'cron' && typeof expression === 'string' && typeof timeZone === 'string') ||
    (kind === 'interval' && typeof everyMs === 'number') ||
    (kind === 'date' && typeof at === 'number') ||
    (kind === 'delay' && typeof delayMs === 'number')
  );
}
