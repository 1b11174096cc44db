import { describeValue } from './errors/described-value.js';
import { CONTROL_FLOW, type ControlFlow } from './handler.js';

/**
 * What a batch handler returned: one result for each job, by position; undefined: none has any.
 * @param label `Class.method`
 * @throws TypeError that ends the jobs dead: the work is done, and running it again would do it twice and fail the same way
 */
export function readBatchResults(returned: unknown, count: number, label: string): readonly unknown[] | undefined {
  if (returned === undefined) return undefined;
  if (!Array.isArray(returned)) {
    const kind =
      typeof returned === 'object' && returned !== null && 'subscribe' in returned ? 'an Observable' : undefined;
    throw unfitForBatch(label, kind ?? describeValue(returned));
  }
  if (returned.length === count) return returned as unknown[];
  throw unfitForBatch(label, `${returned.length} result(s) for ${count} job(s)`);
}

export function unfitForBatch(label: string, what: string): TypeError {
  const flow: ControlFlow = { kind: 'bury', reason: 'result' };
  return Object.assign(
    new TypeError(
      `${label} takes batches and returned ${what}. Return an array with one result for each job, in the order of the jobs ` +
        '(undefined for a job without one), or return nothing. For progress call job.progress().',
    ),
    { [CONTROL_FLOW]: flow },
  );
}
