import { sees } from '../access.js';
import { BEAT_MS } from '../live/live-hub.js';
import { forbidden, refusalOf } from '../dashboard-error.js';
import { rowOf } from '../views/job-view.js';
import type { FindMessage, JobEvent as WireEvent, LiveMessage } from '../wire.js';
import type { JobEvent } from '../../queue/job-event.js';
import type { Call, StreamRoute, StreamRoutes } from './route.js';

const MOST_QUEUES = 500;
const MOST_FOUND = 1000;
const DEFAULT_FOUND = 100;

/** Reads that go on. */
export const STREAMS: StreamRoutes = {
  find: { about: 'queue', takes: ['where', 'limit'], prepare: openFind },
  live: { about: 'app', takes: ['queue', 'job', 'jobQueue'], prepare: openLive },
};

/**
 * Jobs as they are found. A client that leaves ends the search, and one that reads slowly slows it down.
 * @throws WhereSyntaxError, RedactedFieldError, UnknownQueueError, DashboardError
 */
async function openFind({ context, queue, fields }: Call): Prepared<FindMessage> {
  const limit = fields.count('limit', 1, MOST_FOUND) ?? DEFAULT_FOUND;
  await context.queues.operatedScopeOf(queue);
  const search = new AbortController();
  const jobs = context.queues.find(queue, fields.text('where'), { limit: limit + 1, signal: search.signal });
  return async (stream) => {
    stream.signal.addEventListener('abort', () => search.abort(), { once: true });
    if (stream.signal.aborted) search.abort();
    let leave: (() => void) | undefined;
    try {
      leave = context.searches.enter();
      let found = 0;
      for await (const job of jobs) {
        if (++found > limit) break;
        stream.write({ kind: 'job', job: rowOf(job) });
        await stream.drained();
      }
      stream.end({ kind: 'end', more: found > limit });
    } catch (error) {
      // A status can say nothing any more. Of a client that is gone, the search ended with its own reason.
      stream.end({ kind: 'failure', failure: refusalOf(error).failure });
    } finally {
      leave?.();
    }
  };
}

type Prepared<M extends object> = ReturnType<StreamRoute<M>['prepare']>;

/** @throws UnknownQueueError, DashboardError */
async function openLive({ context, access, fields }: Call): Prepared<LiveMessage> {
  const named = fields.has('queue') ? fields.texts('queue', MOST_QUEUES) : await namesOf(context);
  const job = fields.optionalText('job');
  const jobQueue = job === undefined ? undefined : fields.text('jobQueue');
  const asked = [...(fields.has('queue') ? named : []), ...(jobQueue === undefined ? [] : [jobQueue])];
  if (!asked.every((queue) => sees(access, queue))) throw forbidden('You may not see this queue.');
  await Promise.all(asked.map((queue) => context.queues.operatedScopeOf(queue)));
  const queues = new Set(named.filter((queue) => sees(access, queue)));
  const events = jobQueue === undefined ? undefined : context.queues.events(jobQueue);
  return (stream) => {
    stream.write({ kind: 'hello', at: context.now(), beatMs: BEAT_MS });
    context.hub.add(queues, stream);
    if (events === undefined || stream.signal.aborted) return;
    const subscription = events.subscribe({
      next: (event) => {
        if ('number' in event && (event.number === job || event.id === job)) {
          stream.write({ kind: 'event', event: eventViewOf(event) });
        }
      },
      // The store cannot be listened to: the page asks again, and its snapshots say that the store is away.
      error: () => stream.end({ kind: 'bye', why: 'renew' }),
    });
    stream.signal.addEventListener('abort', () => subscription.unsubscribe(), { once: true });
  };
}

async function namesOf({ queues }: Call['context']): Promise<string[]> {
  return (await queues.list()).slice(0, MOST_QUEUES).map(({ queue }) => queue);
}

/** Results and progress are redacted where they are made events. */
function eventViewOf(event: Extract<JobEvent, { number: string }>): WireEvent {
  const { headers: _, name: __, duration: durationMs, ...shown } = event as typeof event & { duration?: number };
  return { ...shown, ...(durationMs !== undefined && { durationMs }) };
}
