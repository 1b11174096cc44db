import { InvalidValueError } from '../core/errors/option-errors.js';
import { decodeGroupRule, encodeGroupRule } from '../core/groups.js';
import type { GroupHold, GroupRule, GroupView } from '../core/groups.js';
import type { Groups } from '../core/ports/groups.js';
import type { RedisQueues } from './redis-queue.js';

/** Groups and jobs that one script looks at: some 1 ms of Redis. */
const MOST_GROUPS = 100;
const MOST_JOBS = 500;
/** What list-groups.lua answers for each group. */
const FIELDS = 7;

export class RedisGroups implements Groups {
  constructor(private readonly queues: RedisQueues) {}

  async set(queue: string, key: string, rule: GroupRule): Promise<void> {
    await this.queues.of(queue).act('limits', 'set-group', [key, encodeGroupRule(rule)]);
  }

  async reset(queue: string, key: string): Promise<boolean> {
    return (await this.queues.of(queue).act('limits', 'set-group', [key, ''])) === '1';
  }

  async list(queue: string, cursor: string, limit: number): Promise<{ groups: GroupView[]; cursor: string }> {
    const reply = await this.queues.of(queue).look<string[]>('list-groups', [cursor, Math.min(limit, MOST_GROUPS)]);
    const [, nextCursor, ...fields] = reply;
    const groups: GroupView[] = [];
    for (let at = 0; at < fields.length; at += FIELDS) {
      const [key, waiting, running, rule, by, until, holder] = fields.slice(at, at + FIELDS);
      groups.push({
        key,
        waiting: Number(waiting),
        running: Number(running),
        rule: rule === '' ? undefined : decodeGroupRule(rule),
        hold: readHold(by, until, holder),
      });
    }
    return { groups, cursor: nextCursor };
  }

  async jobs(queue: string, key: string, cursor: string, limit: number): Promise<{ ids: string[]; cursor: string }> {
    if (!/^([wr]\S.*|r?)$/.test(cursor)) {
      throw new InvalidValueError('cursor', cursor, 'pass the cursor that the page before this one gave');
    }
    const args = [key, cursor, Math.min(limit, MOST_JOBS)];
    const [nextCursor, ids] = await this.queues.of(queue).look<[string, string[]]>('group-jobs', args);
    return { ids, cursor: nextCursor };
  }
}

/** As list-groups.lua and explain.lua say it, `''` for none. */
export function readHold(by: string, until: string, holder: string): GroupHold | undefined {
  if (by === '') return undefined;
  const hold: GroupHold = { by: by as GroupHold['by'] };
  if (until !== '') hold.until = Number(until);
  if (holder !== '') hold.holder = holder;
  return hold;
}
