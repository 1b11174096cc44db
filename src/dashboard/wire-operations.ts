import type { JobAction, Limits, Rate } from './wire-models.js';

/** What is done to many jobs, and what holds groups of them back. As in `wire.ts`, nothing else is imported. */

/** A bulk operation. What it was asked for is left out where a newer version stored it. */
export interface Bulk {
  id: string;
  queue: string;
  /** `stopped`: by itself, because too many jobs failed again. */
  state: 'running' | 'done' | 'cancelled' | 'stopped';
  where?: string;
  action?: JobAction;
  /** Jobs a second, at most. */
  rate?: number;
  stopIf?: BulkStop;
  /** Id of the process that works at it. */
  executor?: string;
  createdAt: number;
  endedAt?: number;
  /** Jobs that were looked at; those that fit: done or skipped. */
  looked: number;
  matched: number;
  done: number;
  skipped: number;
  /** With `stopIf`: retried jobs whose outcome is known, and of these, how many failed again. */
  known: number;
  failed: number;
}

/** `failures`: share from 0 to 0.99; `after` so many outcomes. */
export interface BulkStop {
  failures: number;
  after?: number;
}

/** What an operation is asked for; the action is that of the route. */
export interface BulkRequest {
  where: string;
  rate?: number;
  /** Of a retry alone. */
  stopIf?: BulkStop;
}

export interface Bulks {
  at: number;
  /** Those that run and the last that ended, the newest first. */
  bulks: Bulk[];
}

/** What a bulk operation would do now. */
export interface BulkPreview {
  matched: number;
  looked: number;
}

/** A group of a queue as it stands. */
export interface Group {
  key: string;
  waiting: number;
  running: number;
  /** What was said of this group alone. */
  rule?: GroupRule;
  /** Why its next job may not start. `until`: when that ends by itself. `job`: the number of the one that has not ended. */
  hold?: { by: 'paused' | 'order' | 'concurrency' | 'rate' | 'gate'; until?: number; job?: string };
}

export interface GroupRule extends Pick<Limits, 'concurrency'> {
  weight?: number;
  rate?: Rate;
  paused?: boolean;
}

/** In the order of their keys. A page may hold fewer than its limit before the end, which is where `cursor` is left out. */
export interface GroupsPage {
  at: number;
  groups: Group[];
  cursor?: string;
}
