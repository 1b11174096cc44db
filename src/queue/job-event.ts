import type { BrokerEvent } from '../core/broker.js';
import type { Codec } from '../core/codec.js';
import type { DeadReason } from '../core/job.js';
import type { Redactor } from '../core/redactor.js';
import { readEndDetail } from './job-record.js';

interface EventOf<E extends string> {
  readonly event: E;
  readonly queue: string;
  /** Store time, ms since the epoch. */
  readonly at: number;
}

interface EventOfJob<E extends string> extends EventOf<E> {
  /** The number the store gave the job, unique within its queue: `number` of its handle. `getJob` finds it by this one, too. */
  readonly id: string;
}

/** What happens to a queue and its jobs, as `events()` and `@OnQueueEvent` tell it: live, at most once. */
export type JobEvent =
  | EventOfJob<
      | 'enqueued'
      | 'scheduled'
      | 'active'
      | 'snoozed'
      | 'released'
      | 'parked'
      | 'reclaimed'
      | 'promoted'
      | 'removed'
      | 'cancelled'
    >
  | (EventOfJob<'completed'> & { readonly result: unknown })
  | (EventOfJob<'progress'> & { readonly progress: unknown })
  /** A run failed and another one will follow. */
  | (EventOfJob<'retrying'> & { readonly error: { readonly name: string; readonly message: string } })
  | (EventOfJob<'dead'> & {
      readonly reason: DeadReason;
      readonly error: { readonly name: string; readonly message: string } | undefined;
    })
  | EventOf<'paused' | 'resumed'>;

export type JobEventName = JobEvent['event'];

/** What cannot be decoded is told as undefined: an event is news, and the job holds the truth. */
export function toJobEvent(queue: string, codec: Codec, told: BrokerEvent, redactor?: Redactor): JobEvent {
  const shown = (text: string, field: 'result' | 'progress'): unknown => {
    const value = decode(queue, codec, text, field);
    return redactor === undefined ? value : redactor.redact(value);
  };
  const { event, at, id, detail } = told;
  switch (event) {
    case 'paused':
    case 'resumed':
      return { event, queue, at };
    case 'completed':
      return { event, queue, at, id, result: shown(detail, 'result') };
    case 'progress':
      return { event, queue, at, id, progress: shown(detail, 'progress') };
    case 'retrying': {
      const { name, message } = readEndDetail(detail);
      return { event, queue, at, id, error: { name: name ?? 'Error', message: message ?? '' } };
    }
    case 'dead': {
      const { reason, name, message } = readEndDetail(detail);
      const error = message === undefined ? undefined : { name: name ?? 'Error', message };
      return { event, queue, at, id, reason: reason as DeadReason, error };
    }
    default:
      return { event, queue, at, id };
  }
}

function decode(queue: string, codec: Codec, text: string, field: 'result' | 'progress'): unknown {
  if (text === '') return undefined;
  try {
    return codec.decode(text, { queue, jobName: undefined, jobId: undefined, field });
  } catch {
    return undefined;
  }
}
