import type { Unsubscribe } from './connection.js';
import type { StoredJob } from './curation.js';

/** What reaches a process while it listens. A notice may be lost: whoever depends on one reads anew after a `resync`. */
export interface Notices {
  onSignal(queue: string, listener: (signal: QueueSignal) => void): Promise<Unsubscribe>;
  /** Settled jobs somebody awaits; the line has the result also where it is not kept. Resynced after a reconnect. */
  onSettled(queue: string, listener: (end: SettledNotice | 'resync') => void): Promise<Unsubscribe>;
  /** Live events, at most once; while nobody listens they are not made. */
  onEvents(queue: string, listener: (events: StoreEvent[]) => void): Promise<Unsubscribe>;
  /** Registers interest in a job's end for `ttlMs`, then reads it: the job has ended in the answer, or its end reaches {@link onSettled}. */
  awaitSettled(queue: string, id: string, ttlMs: number): Promise<StoredJob | undefined>;
}

export type QueueSignal =
  | { type: 'paused' }
  | { type: 'resumed' }
  | { type: 'cancel'; id: string }
  | { type: 'parked'; name: string }
  /** A schedule is to be looked at earlier than any was before. */
  | { type: 'schedules' }
  /** The subscription was interrupted: anything may have been missed. */
  | { type: 'resync' };

export interface SettledNotice {
  id: string;
  /** As in `SettledLine`. */
  line: string;
}

export const STORE_EVENT_NAMES = [
  'enqueued',
  'scheduled',
  'active',
  'completed',
  'retrying',
  'snoozed',
  'released',
  'parked',
  'cancelled',
  'dead',
  'reclaimed',
  'promoted',
  'removed',
  'replaced',
  'extended',
  'progress',
  'paused',
  'resumed',
] as const;

export type StoreEventName = (typeof STORE_EVENT_NAMES)[number];

export interface StoreEvent {
  event: StoreEventName;
  /** Store time, ms. */
  at: number;
  /** Empty for events of the queue itself. */
  id: string;
  /** First line of the job's envelope without its errors, which {@link readHead} reads; '' where it is not known. */
  head: string;
  /** Result text, progress text, detail JSON of an end, or JSON of an error, by event; '' otherwise. */
  detail: string;
  /** How long the run took that ended, where one did and its worker was asked in time. */
  durationMs: number | undefined;
}
