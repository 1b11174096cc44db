import type { NewJob } from '../../src/core/ports/intake.js';
import { decodeEnvelope, encodeSettledLine, jobNameOf } from '../../src/core/envelope.js';
import type { JobState, SettledState } from '../../src/core/job.js';

export const MAX_CRASHES = 3;

/** Where a job is and everything that may be told of it. Fields of other states than its own mean nothing. */
export interface ModelJob {
  id: string;
  userId: string | undefined;
  uniqueKey: string | undefined;
  freeWhileRunning: boolean;
  envelope: string;
  state: JobState;
  priority: number;
  /** The priority with which it was placed: another one counts from its next place. */
  level: number;
  /** From then on the store knows its name. */
  /** The name under which it was parked last: a call that replaces a parked job may name it otherwise. */
  parkedAs: string | undefined;
  /** Ready: its place in the line. */
  place: number;
  /** Scheduled. */
  dueAt: number;
  /** Active: by whom, and the proof; '' until the store has given one. */
  worker: string;
  token: string;
  crashes: number;
  cancelling: boolean;
  /** Settled; `end` counts the ends. */
  settledAt: number;
  detail: string;
  end: number;
  progress: string | undefined;
  logs: string[];
}

export const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
export const isSuspect = (job: ModelJob) => job.crashes >= MAX_CRASHES - 1;
export const nameOf = (job: ModelJob) => jobNameOf(decodeEnvelope(job.envelope));
const parkedKeyOf = (job: ModelJob) => `${job.parkedAs} ${job.id}`;
const newestEnd = (a: ModelJob, b: ModelJob) => b.settledAt - a.settledAt || byText(b.id, a.id);

/** The order in which a listing tells the jobs of a state: for those that wait, the order in which they run. */
export const ORDERS: Record<JobState, (a: ModelJob, b: ModelJob) => number> = {
  scheduled: (a, b) => a.dueAt - b.dueAt || byText(a.id, b.id),
  ready(a, b) {
    if (isSuspect(a) !== isSuspect(b)) return isSuspect(a) ? -1 : 1;
    return (isSuspect(a) ? 0 : b.level - a.level) || a.place - b.place;
  },
  active: (a, b) => byText(a.id, b.id),
  parked: (a, b) => byText(parkedKeyOf(a), parkedKeyOf(b)),
  blocked: () => 0,
  completed: (a, b) => b.end - a.end,
  cancelled: newestEnd,
  dead: newestEnd,
};

export function newModelJob(
  id: string,
  { envelope, userId, uniqueKey, freeWhileRunning = false, priority = 0 }: NewJob,
): ModelJob {
  return {
    ...{
      id,
      userId,
      uniqueKey,
      freeWhileRunning,
      envelope,
      priority,
      level: priority,
      state: 'ready',
      place: 0,
      dueAt: 0,
      worker: '',
      token: '',
    },
    ...{
      parkedAs: undefined,
      crashes: 0,
      cancelling: false,
      settledAt: 0,
      detail: '',
      end: 0,
      progress: undefined,
      logs: [],
    },
  };
}

/** Bytes of the record of a settled job. */
export function bytesOf(job: ModelJob): number {
  const line = encodeSettledLine(job.state as SettledState, job.settledAt, job.detail);
  return Buffer.byteLength(`${line}\n${job.envelope}`);
}
