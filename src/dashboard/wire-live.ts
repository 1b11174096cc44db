import type { Failure, JobRow, QueueSnapshot } from './wire-models.js';

/** Lines of answers that go on. As in `wire.ts`, nothing else is imported. */

export type FindMessage =
  | { kind: 'job'; job: JobRow }
  /** `more`: the limit was reached. */
  | { kind: 'end'; more: boolean }
  /** After the first line a status can say nothing any more. */
  | { kind: 'failure'; failure: Failure };

export type LiveMessage =
  /** First. After `beatMs` × 3 without a line the stream is dead: open another one. */
  | { kind: 'hello'; at: number; beatMs: number }
  /** First all queues that were asked for, then those that have changed. */
  | { kind: 'snapshot'; at: number; queues: QueueSnapshot[] }
  | { kind: 'event'; event: JobEvent }
  | { kind: 'beat'; at: number }
  /** The store is away, or back. Snapshots pause meanwhile. */
  | { kind: 'store'; away: boolean }
  /** Last. `renew`: open another stream at once. `shutdown`: come again later. */
  | { kind: 'bye'; why: 'shutdown' | 'renew' };

/** `event` as `QueueService.events` tells it: `enqueued`, `active`, `progress`, `completed`, `retrying`, `dead` … */
export interface JobEvent {
  event: string;
  queue: string;
  id: string;
  number: string;
  at: number;
  attempt?: number;
  durationMs?: number;
  progress?: unknown;
  result?: unknown;
  reason?: string;
  error?: { name: string; message: string };
}
