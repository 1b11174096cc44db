import type { AlertRule } from '../options/alert-rules.js';
import type { StoreFacts } from './store-facts.js';

/** What a rule finds in one queue. */
export interface Finding {
  holds: boolean;
  /** What was measured. */
  value: number;
  /** It has to hold for at least so long, whatever the rule says: nothing else tells since when it does. */
  leastMs?: number;
}

type Rule<K extends AlertRule['kind']> = Extract<AlertRule, { kind: K }>;

/** @param queue `''` for a rule that is about the store @returns undefined where the store does not say */
export async function measure(rule: AlertRule, queue: string, facts: StoreFacts): Promise<Finding | undefined> {
  switch (rule.kind) {
    case 'oldestReady': {
      const { now, readySince } = await facts.oldest(queue);
      return atLeast(ageOf(readySince, now), rule.ms);
    }
    case 'oldestDead': {
      const { now, deadSince } = await facts.oldest(queue);
      return atLeast(ageOf(deadSince, now), rule.ms);
    }
    case 'scheduleLate':
      return atLeast(ageOf(await facts.oldestTick(queue), facts.now), rule.ms);
    case 'noWorkers':
      return workersMissing(queue, facts);
    case 'deadRate':
      return deadShare(rule, queue, facts);
    case 'silence':
      return silent(rule, queue, facts);
    case 'memory':
      return memoryUsed(rule, facts);
  }
}

async function workersMissing(queue: string, facts: StoreFacts): Promise<Finding> {
  if ((await facts.workersOf(queue)) > 0) return { holds: false, value: 0 };
  const { ready, active, parked } = await facts.counts(queue);
  const waiting = ready + active + parked;
  if (waiting > 0) return { holds: true, value: waiting };
  // Where nobody works, nobody makes a job ready that is due.
  const isDue = (await facts.oldest(queue)).readySince !== undefined;
  return { holds: isDue, value: isDue ? 1 : 0 };
}

async function deadShare(
  { share, windowMs, least }: Rule<'deadRate'>,
  queue: string,
  facts: StoreFacts,
): Promise<Finding> {
  const steps = await facts.endedSince(queue, facts.now - windowMs);
  const dead = steps.reduce((sum, step) => sum + step.dead, 0);
  const ended = steps.reduce((sum, step) => sum + step.completed, dead);
  const value = ended === 0 ? 0 : dead / ended;
  return { holds: ended >= least && value >= share, value };
}

async function silent({ ms }: { ms: number }, queue: string, facts: StoreFacts): Promise<Finding> {
  const from = facts.now - ms;
  const steps = await facts.endedSince(queue, from - ms);
  const last = steps.findLast(({ completed }) => completed > 0);
  // A queue that never completed a job is silent since somebody looked.
  if (last === undefined) return { holds: true, value: 2 * ms, leastMs: ms };
  return { holds: last.to <= from, value: Math.max(0, facts.now - last.to) };
}

async function memoryUsed({ share }: Rule<'memory'>, facts: StoreFacts): Promise<Finding | undefined> {
  const { usedBytes, limitBytes } = await facts.memory();
  if (usedBytes === undefined || limitBytes === undefined || limitBytes === 0) return undefined;
  return atLeast(usedBytes / limitBytes, share);
}

function atLeast(value: number, bound: number): Finding {
  return { holds: value >= bound, value };
}

function ageOf(since: number | undefined, now: number): number {
  return since === undefined ? 0 : Math.max(0, now - since);
}
