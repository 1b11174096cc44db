import type { GroupRule, GroupView } from '../groups.js';

/** The groups of a queue: what a user decided about one, and how each stands. */
export interface Groups {
  /** From now on this holds for the group, whole; it reaches what waits. What a handler has closed is open again. */
  set(queue: string, key: string, rule: GroupRule): Promise<void>;
  /** The group is as the queue says again. @returns whether it had a rule */
  reset(queue: string, key: string): Promise<boolean>;
  /**
   * Groups that have a rule, or jobs that wait or run, in the order of their keys. A page may hold fewer than `limit`.
   * @param cursor `''` for the first page; that of the page before is `''` at the end
   */
  list(queue: string, cursor: string, limit: number): Promise<{ groups: GroupView[]; cursor: string }>;
  /** Ids of the jobs of a group: those that wait in the order in which they start, then those that run. */
  jobs(queue: string, key: string, cursor: string, limit: number): Promise<{ ids: string[]; cursor: string }>;
}
