import type { EnvelopeHeader } from './envelope.js';
import type { RetentionLimit, RetentionRule, SettledState } from './job.js';

/** A rule that keeps fewer records than the queue does, and whose they are: those of one schedule, job name or handler. */
export interface OwnRule {
  scope: string;
  rule: RetentionLimit;
}

/** Reads the own rule of a job that has ended; undefined where the queue's is all there is. */
export type OwnRuleReader = (state: SettledState, header: EnvelopeHeader) => OwnRule | undefined;

/** Whether a rule keeps some, and fewer or for a shorter time than the queue's. */
export function isOwn(rule: RetentionRule, queue: RetentionRule): rule is RetentionLimit {
  if (rule === false || queue === false || rule.count === 0) return false;
  return rule.count < queue.count || rule.ageMs < queue.ageMs || rule.bytes < queue.bytes;
}

/**
 * What a settlement keeps. A rule of the job or its handler says whether the job is kept. How many are, the queue's rule says, which
 * trims the records of all: an own rule that is tighter trims its own records alone, after the settlement.
 */
export function keptBy(rule: RetentionRule, queue: RetentionRule): RetentionRule {
  if (rule === false || rule.count === 0) return false;
  return queue === false ? rule : queue;
}
