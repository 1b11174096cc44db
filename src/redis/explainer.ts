import { decodeGroupRule } from '../core/groups.js';
import { decodeLimits } from '../core/limits.js';
import type { JobState } from '../core/job.js';
import type { Explainer, GroupStanding, JobStanding } from '../core/ports/explainer.js';
import { readHold } from './groups.js';
import type { RedisQueues } from './redis-queue.js';

/** Jobs of the line that are looked through to find one: some 0.3 ms of Redis. */
export const MOST_LOOKED_THROUGH = 10_000;
/** Of these, where some left holes, those that are looked at one by one: some 0.5 ms. */
export const MOST_HOLES_LOOKED_AT = 500;

export class RedisExplainer implements Explainer {
  constructor(private readonly queues: RedisQueues) {}

  async explain(queue: string, id: string): Promise<JobStanding | undefined> {
    const args = [id, MOST_LOOKED_THROUGH, MOST_HOLES_LOOKED_AT];
    const reply = await this.queues.of(queue).look<string[]>('explain', args);
    if (reply.length === 0) return undefined;
    const told = new Map<string, string>();
    for (let index = 0; index < reply.length; index += 2) told.set(reply[index], reply[index + 1]);
    const text = (name: string): string => told.get(name) ?? '';
    const numberOf = (name: string): number | undefined => (text(name) === '' ? undefined : Number(text(name)));
    const count = numberOf('ahead');
    return {
      now: Number(text('now')),
      state: text('state') as JobState,
      head: text('head'),
      dueAt: numberOf('due'),
      isSuspect: text('suspect') === '1',
      parkedAs: text('parkedAs') === '' ? undefined : text('parkedAs'),
      ahead: count === undefined ? undefined : { count, isExact: text('exact') === '1' },
      isPaused: text('paused') === '1',
      hasWorkers: text('workers') === '1',
      running: Number(text('running')),
      group: readGroup(text),
      limits: decodeLimits(text('limits')),
      gateUntil: numberOf('gate'),
      rateOpensAt: numberOf('opensAt'),
    };
  }
}

function readGroup(text: (name: string) => string): GroupStanding | undefined {
  if (text('group') === '') return undefined;
  return {
    key: text('group'),
    ordered: text('ordered') === '1',
    running: Number(text('flying')),
    rule: text('rule') === '' ? undefined : decodeGroupRule(text('rule')),
    hold: readHold(text('hold'), text('holdUntil'), text('holder')),
  };
}
