import { openCursor, sealCursor } from '../core/cursor.js';
import type { GroupHold, GroupView } from '../core/groups.js';
import { readCount, refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import { DEFAULTS } from '../options/defaults.js';
import { showGroupRule, type GroupOptions } from '../options/group-option.js';
import type { QueueScope } from './queue-scope.js';

/** A group as it stands. */
export interface GroupInfo {
  readonly key: string;
  /** Its ready jobs, without those that crashed two workers and wait to run alone. */
  readonly waiting: number;
  readonly running: number;
  /** What `setGroup` said of it; undefined where nobody did. */
  readonly rule: GroupOptions | undefined;
  /** Why its next job may not start, as far as the group decides. */
  readonly hold: GroupHoldInfo | undefined;
}

export interface GroupHoldInfo {
  /**
   * `paused`: by `setGroup`. `order`: a job of an ordered group has not ended. `concurrency`: as many run as may. `rate`: as much has
   * started as may. `gate`: a handler threw `LimitedError`.
   */
  readonly by: GroupHold['by'];
  /** When it ends by itself: of a rate and a gate. */
  readonly until?: Date;
  /** Of an ordered group: the number of the job that has not ended. */
  readonly job?: string;
}

export interface GroupsPage {
  groups: GroupInfo[];
  /** Pass it on for the next page; undefined at the end. A page may hold fewer groups than the limit before that. */
  cursor: string | undefined;
}

export interface GroupsQuery {
  /** Of the page before. */
  cursor?: string;
  /** Default 50, at most 500. */
  limit?: number;
}

/** @throws InvalidValueError, UnknownOptionError */
export async function listGroups({ store, queue }: QueueScope, query: GroupsQuery = {}): Promise<GroupsPage> {
  requireObject(query, 'query of groups', 'pass an object such as { limit: 100 }');
  refuseUnknownKeys(query, ['cursor', 'limit'], 'groups');
  const limit = readCount(query.limit, 'limit', 1, DEFAULTS.list.maxLimit) ?? DEFAULTS.list.limit;
  const listing = `groups of queue "${queue}"`;
  const page = await store.groups.list(queue, openCursor(listing, query.cursor) ?? '', limit);
  return {
    groups: page.groups.map(infoOf),
    cursor: sealCursor(listing, page.cursor === '' ? undefined : page.cursor),
  };
}

function infoOf({ key, waiting, running, rule, hold }: GroupView): GroupInfo {
  return { key, waiting, running, rule: rule && showGroupRule(rule), hold: hold && holdOf(hold) };
}

function holdOf({ by, until, holder }: GroupHold): GroupHoldInfo {
  return { by, ...(until !== undefined && { until: new Date(until) }), ...(holder !== undefined && { job: holder }) };
}
