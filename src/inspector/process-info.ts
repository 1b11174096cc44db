import { isKeyName } from '../core/names.js';
import type { PresentProcess } from '../core/ports/presence.js';

/** One process of an app of the prefix, as it described itself within the last 35 s. */
export interface ProcessInfo {
  /** Random per start: `JobHandle.worker` of the jobs that it runs. */
  id: string;
  host: string;
  pid: number;
  /** The option `app` of `forRoot`. */
  app: string;
  /** The option `version` of `forRoot`. */
  version?: string;
  role: string;
  /** Version of Node. */
  node: string;
  /** Version of nestjs-task-queue. */
  packageVersion: string;
  startedAt: Date;
  /** When it described itself last, by the store's clock: every 10 s. */
  seenAt: Date;
  rssBytes: number;
  /** 99th percentile of how late its event loop was in the 10 s before {@link seenAt}, ms. */
  loopLagMs: number;
  /** Queues that it works on: none in a producer. */
  queues: ProcessQueue[];
  /** Its longest runs, at most 50, the longest first. */
  runs: ProcessRun[];
}

export interface ProcessQueue {
  queue: string;
  slots: number;
  slotsBusy: number;
  /** Job names of its handlers; `*` for one that takes every other name. */
  names: string[];
}

export interface ProcessRun {
  queue: string;
  id: string;
  /** The store's number of the job. */
  number: string;
  name: string;
  attempt: number;
  startedAt: Date;
}

/** Longest record, in characters. */
const LONGEST_RECORD = 16_384;
export const MOST_RUNS = 50;
const MOST_NAMES = 50;

/** What a process says of itself; the store adds {@link ProcessInfo.id} and {@link ProcessInfo.seenAt}. */
export type ProcessState = Omit<ProcessInfo, 'id' | 'seenAt'>;

/** A record of bounded size: of a process with hundreds of queues it leaves out names first, then runs, then queues. */
export function encodeProcess(state: ProcessState): string {
  const queues = state.queues.map((queue) => ({ ...queue, names: queue.names.slice(0, MOST_NAMES) }));
  const nameless = queues.map((queue) => ({ ...queue, names: [] }));
  const runs = state.runs.slice(0, MOST_RUNS);
  const smaller: Partial<ProcessState>[] = [
    { queues, runs },
    { queues: nameless, runs },
    { queues: nameless, runs: runs.slice(0, 5) },
    { queues: nameless.slice(0, 80), runs: [] },
  ];
  let text = '';
  for (const part of smaller) {
    text = JSON.stringify({ ...state, ...part });
    if (text.length <= LONGEST_RECORD) break;
  }
  return text;
}

/** May come from another version or program: trusts no field. @returns undefined where it is no record of a process */
export function decodeProcess({ id, seenAt, record }: PresentProcess): ProcessInfo | undefined {
  let given: unknown;
  try {
    given = JSON.parse(record);
  } catch {
    return undefined;
  }
  if (typeof given !== 'object' || given === null) return undefined;
  const read = new FieldReader(given as Record<string, unknown>);
  const version = read.text('version');
  return {
    id,
    host: read.text('host'),
    pid: read.number('pid'),
    app: read.text('app'),
    ...(version !== '' && { version }),
    role: read.text('role'),
    node: read.text('node'),
    packageVersion: read.text('packageVersion'),
    startedAt: read.date('startedAt'),
    seenAt: new Date(seenAt),
    rssBytes: read.number('rssBytes'),
    loopLagMs: read.number('loopLagMs'),
    queues: read
      .items('queues')
      .map(readQueue)
      .filter(({ queue }) => isKeyName(queue)),
    runs: read
      .items('runs')
      .map(readRun)
      .filter(({ queue }) => isKeyName(queue)),
  };
}

function readQueue(read: FieldReader): ProcessQueue {
  return {
    queue: read.text('queue'),
    slots: read.number('slots'),
    slotsBusy: read.number('slotsBusy'),
    names: read.texts('names'),
  };
}

function readRun(read: FieldReader): ProcessRun {
  return {
    queue: read.text('queue'),
    id: read.text('id'),
    number: read.text('number'),
    name: read.text('name'),
    attempt: read.number('attempt'),
    startedAt: read.date('startedAt'),
  };
}

/** Reads fields of what JSON brought; what has another type reads as nothing. */
class FieldReader {
  constructor(private readonly given: Readonly<Record<string, unknown>>) {}

  text(field: string): string {
    const value = this.given[field];
    return typeof value === 'string' ? value : '';
  }

  number(field: string): number {
    const value = this.given[field];
    return typeof value === 'number' ? value : 0;
  }

  date(field: string): Date {
    const time = Date.parse(this.text(field));
    return new Date(Number.isNaN(time) ? 0 : time);
  }

  texts(field: string): string[] {
    return this.list(field).filter((item): item is string => typeof item === 'string');
  }

  items(field: string): FieldReader[] {
    return this.list(field)
      .filter((item): item is Record<string, unknown> => typeof item === 'object' && item !== null)
      .map((item) => new FieldReader(item));
  }

  private list(field: string): readonly unknown[] {
    const value = this.given[field];
    return Array.isArray(value) ? (value as unknown[]) : [];
  }
}
