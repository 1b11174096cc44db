import type { RunningJob } from './running-job.js';

/** The time in which a job is tried again. */
export interface RetryBudget {
  /** When the first run that failed began, store time in ms: the budget counts from here. */
  startedAt: number;
  /** What is left of it. */
  leftMs: number;
}

/** The budget of a job whose run has just failed; undefined where nothing limits the time of its attempts. */
export function retryBudgetOf(job: RunningJob, now: number): RetryBudget | undefined {
  const { header } = job.envelope;
  const retryForMs = header.w ?? job.plan.settings.retryForMs;
  if (retryForMs === undefined) return undefined;
  const startedAt = job.attempt === 1 ? now - elapsedMsOf(job) : (header.f ?? firstFailureOf(job) ?? now);
  return { startedAt, leftMs: startedAt + retryForMs - now };
}

function elapsedMsOf({ startedAt }: RunningJob): number {
  return Math.round(performance.now() - startedAt);
}

/** Of a job that began to fail before it had a budget: its history has the last failures alone. */
function firstFailureOf({ envelope }: RunningJob): number | undefined {
  const errors = envelope.header.e ?? [];
  return (errors.findLast(({ attempt }) => attempt === 1) ?? errors[0])?.at;
}
