import type { StoreEvent } from '../core/ports/notices.js';
import type { Codec } from '../core/codec.js';
import { readHead } from '../core/envelope-head.js';
import { unpackHeaders, type JobHeaders } from '../core/job-headers.js';
import { DEFAULT_JOB_NAME, type DeadReason } from '../core/job.js';
import type { Redactor } from '../core/redactor.js';
import { readEndDetail } from './job-record.js';

interface EventOf<E extends string> {
  readonly event: E;
  readonly queue: string;
  /** Store time, ms since the epoch. */
  readonly at: number;
}

interface EventOfJob<E extends string> extends EventOf<E> {
  /** The id the producer gave, else {@link number}: `id` of the job's handle. */
  readonly id: string;
  /** The number the store gave the job, unique within its queue. `getJob` finds it by this one, too. */
  readonly number: string;
  /** Name of the job. Undefined where its record cannot be read, or is too long to be looked up for an event. */
  readonly name: string | undefined;
  /** Of the run that this tells of, else of the next one: 1 on the first; +1 after each counted failure. Undefined as `name` is. */
  readonly attempt: number | undefined;
  /** Texts that the producer gave it beside the payload; empty where there are none, or `name` is undefined. */
  readonly headers: JobHeaders;
  /** The key of its group; undefined where it has none, or `name` is undefined. */
  readonly group: string | undefined;
}

interface EndOfRun<E extends string> extends EventOfJob<E> {
  /**
   * How long the handler ran, ms. Undefined where no run ended (a job that expired, or was cancelled before it began), and for a
   * run that ended while the first listener was subscribing.
   */
  readonly duration: number | undefined;
}

/** What happens to a queue and its jobs, as `events()` and `@OnQueueEvent` tell it: live, at most once. */
export type JobEvent =
  | EventOfJob<
      'enqueued' | 'scheduled' | 'active' | 'parked' | 'reclaimed' | 'promoted' | 'removed' | 'replaced' | 'extended'
    >
  | EndOfRun<'snoozed' | 'released' | 'cancelled'>
  | (EndOfRun<'completed'> & { readonly result: unknown })
  | (EventOfJob<'progress'> & { readonly progress: unknown })
  /** A run failed and another one will follow. */
  | (EndOfRun<'retrying'> & { readonly error: { readonly name: string; readonly message: string } })
  | (EndOfRun<'dead'> & {
      readonly reason: DeadReason;
      readonly error: { readonly name: string; readonly message: string } | undefined;
    })
  | EventOf<'paused' | 'resumed'>;

export type JobEventName = JobEvent['event'];

/** What cannot be decoded is told as undefined: an event is news, and the job holds the truth. */
export function toJobEvent(queue: string, codec: Codec, told: StoreEvent, redactor?: Redactor): JobEvent {
  const shown = (text: string, field: 'result' | 'progress'): unknown => {
    const value = decode(queue, codec, text, field);
    return redactor === undefined ? value : redactor.redact(value);
  };
  const { event, at, detail, durationMs: duration } = told;
  if (event === 'paused' || event === 'resumed') return { event, queue, at };
  const job = jobOf(queue, told, redactor);
  switch (event) {
    case 'completed':
      return { event, ...job, duration, result: shown(detail, 'result') };
    case 'progress':
      return { event, ...job, progress: shown(detail, 'progress') };
    case 'retrying': {
      const { name, message } = readEndDetail(detail);
      // What is stored is of the next run already.
      const attempt = job.attempt === undefined ? undefined : Math.max(1, job.attempt - 1);
      return { event, ...job, attempt, duration, error: { name: name ?? 'Error', message: message ?? '' } };
    }
    case 'dead': {
      const { reason, name, message } = readEndDetail(detail);
      const error = message === undefined ? undefined : { name: name ?? 'Error', message };
      return { event, ...job, duration, reason: reason as DeadReason, error };
    }
    case 'snoozed':
    case 'released':
    case 'cancelled':
      return { event, ...job, duration };
    default:
      return { event, ...job };
  }
}

/** What every event of a job has, as the first line of its envelope says it. */
function jobOf(queue: string, { at, id: number, head }: StoreEvent, redactor: Redactor | undefined) {
  const read = readHead(head);
  const headers = unpackHeaders(read?.header.h);
  return {
    queue,
    at,
    id: read?.userId ?? number,
    number,
    name: read && (read.header.n ?? DEFAULT_JOB_NAME),
    attempt: read && (read.header.a ?? 1),
    group: read?.header.g,
    headers: redactor === undefined ? headers : (redactor.redact(headers) as JobHeaders),
  };
}

function decode(queue: string, codec: Codec, text: string, field: 'result' | 'progress'): unknown {
  if (text === '') return undefined;
  try {
    return codec.decode(text, { queue, jobName: undefined, jobId: undefined, field });
  } catch {
    return undefined;
  }
}
