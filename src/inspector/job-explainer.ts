import { readHead } from '../core/envelope-head.js';
import { JobNotFoundError } from '../core/errors/job-errors.js';
import type { JobState } from '../core/job.js';
import { isSettled } from '../core/job.js';
import type { Explainer, JobStanding } from '../core/ports/explainer.js';

type GroupReason = 'group-paused' | 'group-order' | 'group-limit' | 'group-rate' | 'group-gate';

/** One thing that keeps a job from starting. */
export interface JobHold {
  /**
   * - `paused`: the queue is. `due`: the job is due later. `backoff`: it waits for its next attempt.
   * - `limit`: as many jobs run as may. `rate`: as much has started as may. `gate`: a handler threw `LimitedError`.
   * - `parked`: no live worker knows its name. `no-worker`: none takes jobs of the queue. `suspect`: it waits to run alone.
   * - `group-paused`, `group-limit`, `group-rate`, `group-gate`: as these, of its group. `group-order`: a job of its ordered group has
   *   not ended.
   * - `line`: others run before it, or the workers have no room. `expiry`: its time is over before it may start.
   */
  readonly by:
    | 'paused'
    | 'due'
    | 'backoff'
    | 'limit'
    | 'rate'
    | 'gate'
    | 'parked'
    | 'no-worker'
    | 'suspect'
    | 'line'
    | 'expiry'
    | GroupReason;
  /** When it ends by itself, where that is known. */
  readonly until?: Date;
  /** What holds the job, in words. */
  readonly text: string;
  /** What would free it. */
  readonly frees: string;
}

/** Why a job waits, as of one moment. */
export interface JobExplanation {
  readonly state: JobState;
  /** What holds it, all of it; empty for a job that runs or has ended. */
  readonly holds: readonly JobHold[];
  /** The key of its group. */
  readonly group?: string;
  /** Of a ready job: how many run before it, of its group where it has one; with `aheadAtLeast` it is so many or more. */
  readonly ahead?: number;
  /** The line is too long to be looked through, so {@link ahead} is a lower bound. */
  readonly aheadAtLeast?: true;
  /** It does not start before, as far as the store knows; undefined where time alone does not decide, or nothing holds it until then. */
  readonly notBefore?: Date;
}

/** A reason that may hold a job; each looks at the standing alone. */
type Reason = (standing: JobStanding) => JobHold | undefined;

const REASONS: readonly Reason[] = [byPause, byTime, byGate, byLimit, byRate, byGroup, byName, byWorkers, bySuspicion];

/** @throws JobNotFoundError */
export async function explainJob(explainer: Explainer, queue: string, id: string): Promise<JobExplanation> {
  const standing = await explainer.explain(queue, id);
  if (standing === undefined) throw new JobNotFoundError(queue, id);
  return explanationOf(standing);
}

export function explanationOf(standing: JobStanding): JobExplanation {
  const { state, ahead, group } = standing;
  if (state === 'active' || isSettled(state)) return { state, holds: [], ...(group && { group: group.key }) };
  const holds = REASONS.flatMap((reason) => reason(standing) ?? []);
  const untils = holds.flatMap(({ until }) => (until === undefined ? [] : [until.getTime()]));
  const notBefore = untils.length === 0 ? undefined : Math.max(...untils);
  if (holds.length === 0) holds.push(byLine(standing));
  const expiry = byExpiry(standing, notBefore ?? standing.now);
  if (expiry !== undefined) holds.push(expiry);
  return {
    state,
    holds,
    ...(group && { group: group.key }),
    ...(ahead !== undefined && { ahead: ahead.count }),
    ...(ahead?.isExact === false && { aheadAtLeast: true }),
    ...(notBefore !== undefined && { notBefore: new Date(notBefore) }),
  };
}

function byPause({ isPaused }: JobStanding): JobHold | undefined {
  if (!isPaused) return undefined;
  return { by: 'paused', text: 'The queue is paused.', frees: 'Resume the queue.' };
}

function byTime({ state, dueAt, head, now }: JobStanding): JobHold | undefined {
  if (state !== 'scheduled' || dueAt === undefined || dueAt <= now) return undefined;
  const until = new Date(dueAt);
  const attempt = readHead(head)?.header.a ?? 1;
  if (attempt > 1) {
    return { by: 'backoff', until, text: `It waits for attempt ${attempt}.`, frees: 'promote() runs it now.' };
  }
  return { by: 'due', until, text: 'It is due later.', frees: 'promote() runs it now.' };
}

function byGate({ gateUntil }: JobStanding): JobHold | undefined {
  if (gateUntil === undefined) return undefined;
  const until = new Date(gateUntil);
  const text = 'A handler met a limit elsewhere (LimitedError), and nothing of the queue starts for a while.';
  return { by: 'gate', until, text, frees: 'setLimits() or resetLimits() opens it at once.' };
}

function byLimit({ limits, running }: JobStanding): JobHold | undefined {
  if (limits?.running === undefined || running < limits.running) return undefined;
  const text = `${running} jobs run, and the limit of the queue is ${limits.running} over all processes.`;
  return { by: 'limit', text, frees: 'The end of one of them, or a higher limits.concurrency.' };
}

function byRate({ limits, rateOpensAt }: JobStanding): JobHold | undefined {
  if (rateOpensAt === undefined || limits?.rate === undefined) return undefined;
  const { limit, perMs } = limits.rate;
  const text = `The rate of the queue is used up: ${limit} in ${perMs} ms.`;
  return { by: 'rate', until: new Date(rateOpensAt), text, frees: 'Time, or a higher limits.rate.' };
}

function byGroup({ group, limits }: JobStanding): JobHold | undefined {
  if (group?.hold === undefined) return undefined;
  const { key, running, rule, hold } = group;
  const until = hold.until === undefined ? undefined : { until: new Date(hold.until) };
  const raise = 'setGroup(), or limits.groups of the queue';
  switch (hold.by) {
    case 'paused':
      return { by: 'group-paused', text: `Its group "${key}" is paused.`, frees: 'setGroup() or resetGroup().' };
    case 'order': {
      const text = `Job ${hold.holder} of its group "${key}" has not ended, and the group runs one job at a time.`;
      return { by: 'group-order', text, frees: 'The end of that job; cancel() ends it.' };
    }
    case 'concurrency': {
      const most = rule?.running ?? limits?.groups?.running;
      const text = `${running} jobs of its group "${key}" run, and the limit of the group is ${most}.`;
      return { by: 'group-limit', text, frees: `The end of one of them, or a higher concurrency by ${raise}.` };
    }
    case 'rate': {
      const { limit, perMs } = rule?.rate ?? limits?.groups?.rate ?? {};
      const text = `The rate of its group "${key}" is used up: ${limit} in ${perMs} ms.`;
      return { by: 'group-rate', ...until, text, frees: `Time, or a higher rate by ${raise}.` };
    }
    case 'gate': {
      const text = `A handler met a limit elsewhere (LimitedError), and nothing of the group "${key}" starts for a while.`;
      return { by: 'group-gate', ...until, text, frees: 'setGroup() opens it at once.' };
    }
  }
}

function byName({ state, parkedAs = 'default' }: JobStanding): JobHold | undefined {
  if (state !== 'parked') return undefined;
  const text = `No worker that has met it handles jobs named "${parkedAs}".`;
  return { by: 'parked', text, frees: `Start a process with a handler for "${parkedAs}".` };
}

/** While a queue is paused its workers may not show. */
function byWorkers({ hasWorkers, isPaused }: JobStanding): JobHold | undefined {
  if (hasWorkers || isPaused) return undefined;
  const text = 'No live worker takes jobs of this queue.';
  return { by: 'no-worker', text, frees: 'Start a process with a handler of the queue.' };
}

function bySuspicion({ isSuspect }: JobStanding): JobHold | undefined {
  if (!isSuspect) return undefined;
  const text = 'Its worker died twice while it ran, so it waits for a worker that runs nothing else.';
  return { by: 'suspect', text, frees: 'A worker that has let its jobs end takes it; cancel() ends it.' };
}

function byLine({ ahead = { count: 0, isExact: true } }: JobStanding): JobHold {
  const { count, isExact } = ahead;
  const before = `${isExact ? '' : 'at least '}${count} ${count === 1 ? 'job is' : 'jobs are'} ahead of it`;
  const text = count === 0 ? 'It is the next one, and no worker has had room yet.' : `The workers are busy: ${before}.`;
  return { by: 'line', text, frees: 'More workers, a higher concurrency, or a higher priority.' };
}

function byExpiry({ head }: JobStanding, startsAt: number): JobHold | undefined {
  const expiresAt = readHead(head)?.header.x;
  if (expiresAt === undefined || expiresAt >= startsAt) return undefined;
  const text = 'It expires before it may start, and then no run begins.';
  return { by: 'expiry', until: new Date(expiresAt), text, frees: 'promote() in time, or a longer expiresIn.' };
}
