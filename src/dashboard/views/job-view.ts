import { JobNotFoundError, UnreadableRecordError } from '../../core/errors/job-errors.js';
import { isSettled } from '../../core/job.js';
import type { Redactor } from '../../core/redactor.js';
import type { JobHandle } from '../../queue/job-handle.js';
import type { DashboardOptions } from '../dashboard-options.js';
import type { Explanation, JobPage, JobRow } from '../wire.js';

const LONGEST_PREVIEW = 200;

/** A job as a list shows it. What `redact` names is hidden. */
export function rowOf(job: JobHandle): JobRow {
  return rowFrom(job, shownFields(job));
}

interface ShownFields {
  payload: unknown;
  headers: Record<string, string>;
  lastProgress: unknown;
  deadMessage: string | undefined;
  errors: { attempt: number; at: number; name: string; message: string; stack?: string }[];
}

function shownFields(job: JobHandle): ShownFields {
  return job.toJSON() as unknown as ShownFields;
}

function rowFrom(job: JobHandle, shown: ShownFields): JobRow {
  const last = shown.errors.at(-1);
  const why = shown.deadMessage ?? last?.message;
  return {
    id: job.id,
    number: job.number,
    queue: job.queue,
    name: job.name,
    state: job.state,
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    priority: job.priority,
    enqueuedAt: job.enqueuedAt,
    dueAt: job.dueAt,
    startedAt: job.startedAt,
    settledAt: job.settledAt,
    deadReason: job.deadReason,
    error: why === undefined ? undefined : { name: last?.name ?? 'Error', message: why },
    progress: shown.lastProgress,
    preview: previewOf(shown.payload),
    ...(job.unreadable && { unreadable: true }),
    schedule: job.schedule?.name,
    group: job.group,
  };
}

function previewOf(payload: unknown): string {
  const text = payload === undefined ? '' : JSON.stringify(payload);
  return text.length > LONGEST_PREVIEW ? `${text.slice(0, LONGEST_PREVIEW - 1)}…` : text;
}

/** All of a job. Unredacted only for somebody who may reveal it. */
export async function jobViewOf(
  job: JobHandle,
  redactor: Redactor | undefined,
  reveals: boolean,
): Promise<Pick<JobPage, 'job' | 'logs' | 'redacted'>> {
  const hides = redactor !== undefined && !reveals;
  const shown = hides ? shownFields(job) : plainFields(job);
  const [result, logs] = await Promise.all([resultOf(job), logsOf(job)]);
  const view = {
    ...rowFrom(job, shown),
    payload: shown.payload,
    headers: shown.headers,
    result: hides ? redactor.redact(result) : result,
    scheduledFor: job.scheduledFor,
    expiresAt: job.expiresAt,
    worker: job.worker,
    cancelling: job.cancelling,
    deadMessage: shown.deadMessage,
    errors: shown.errors,
    ...(job.unreadable && !hides && { raw: job.raw }),
  } as JobPage['job'];
  // A worker that knew of `redact` has hidden these before it stored them.
  return { job: view, logs: hides ? logs.map((line) => redactor.mask(line, job.payload)) : logs, redacted: hides };
}

function plainFields(job: JobHandle): ShownFields {
  const { payload, headers, lastProgress, deadMessage, errors } = job;
  return { payload, headers: { ...headers }, lastProgress, deadMessage, errors: [...errors] };
}

/** Undefined for a job that has none, or whose result is not kept or cannot be read. */
async function resultOf(job: JobHandle): Promise<unknown> {
  if (job.state !== 'completed') return undefined;
  try {
    return await job.result({ timeout: 0 });
  } catch (error) {
    if (error instanceof UnreadableRecordError || error instanceof JobNotFoundError) return undefined;
    throw error;
  }
}

async function logsOf(job: JobHandle): Promise<string[]> {
  try {
    return await job.logs();
  } catch (error) {
    if (error instanceof JobNotFoundError) return []; // it was removed while we looked
    throw error;
  }
}

/** Undefined for a job that runs, has ended, or was removed while we looked. */
export async function explanationOf(job: JobHandle): Promise<Explanation | undefined> {
  if (job.state === 'active' || isSettled(job.state)) return undefined;
  try {
    const { state, holds, notBefore, ...rest } = await job.explain();
    return {
      state,
      ...rest,
      ...(notBefore && { notBefore: notBefore.getTime() }),
      holds: holds.map(({ until, ...hold }) => ({ ...hold, ...(until && { until: until.getTime() }) })),
    };
  } catch (error) {
    if (error instanceof JobNotFoundError) return undefined;
    throw error;
  }
}

/** Links come from code of users, and perhaps from payloads: a `javascript:` address would be code of a stranger in our page. */
export function linksOf(job: JobHandle, links: DashboardOptions['links']): JobPage['links'] {
  const given: unknown = links?.(job) ?? [];
  if (!Array.isArray(given)) return [];
  return given.flatMap((link: { text?: unknown; href?: unknown } | null) => {
    const { text, href } = link ?? {};
    if (typeof text !== 'string' || typeof href !== 'string' || !isHarmless(href)) return [];
    return [{ text, href }];
  });
}

function isHarmless(href: string): boolean {
  try {
    return ['http:', 'https:'].includes(new URL(href, 'http://relative.invalid').protocol);
  } catch {
    return false;
  }
}
