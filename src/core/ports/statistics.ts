import { RULES } from '../rules.js';
import type { RunCounts, RunRow } from '../run-counts.js';

/** What happened in a queue, counted by time: bounded, and merged over all processes. */
export interface Statistics {
  /** Adds what ended since the last record of this process, at the store's time. The same sequence again adds nothing. */
  record(queue: string, batch: RunBatch): Promise<void>;
  /** Job names that the history has, sorted, and releases by the start of their first process, oldest first. */
  outline(queue: string): Promise<{ names: string[]; deploys: Deploy[] }>;
  /** Slots of the series that are not empty, oldest first. @param name `''` for the queue as a whole */
  read(queue: string, name: string, series: SeriesName, from: number, to: number): Promise<SeriesSlot[]>;
}

export interface RunBatch {
  process: string;
  /** From 1, of this process and queue. */
  sequence: number;
  version: string | undefined;
  /** When the process started, store time in ms. */
  startedAt: number;
  /** At most {@link MOST_ROWS}. */
  rows: readonly RunRow[];
}

export interface Deploy {
  /** Store time, ms. */
  at: number;
  version: string;
}

/** One step of a series. */
export interface SeriesSlot {
  /** Steps since the epoch. */
  slot: number;
  counts: RunCounts;
}

/** Rows of one call: each reads and writes three fields. */
export const MOST_ROWS = 20;

/** The series of a queue and of each job name: a ring each. `slots` are those of the rules that scripts have. */
export const SERIES = {
  minutes: { stepMs: 60_000, slots: RULES.minuteSlots },
  tenMinutes: { stepMs: 600_000, slots: RULES.tenMinuteSlots },
  hours: { stepMs: 3_600_000, slots: RULES.hourSlots },
} as const;
export type SeriesName = keyof typeof SERIES;
