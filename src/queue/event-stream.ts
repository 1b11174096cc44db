import { Observable, share } from 'rxjs';
import type { Unsubscribe } from '../core/ports/connection.js';
import type { StoreEvent } from '../core/ports/notices.js';
import { inOwnScope } from '../process/own-scope.js';
import { toJobEvent, type JobEvent } from './job-event.js';
import type { QueueScope } from './queue-scope.js';

/** Events of a queue: the first subscriber subscribes at the store, the last one that leaves ends it. */
export function openEventStream({ queue, store, codec, redactor }: QueueScope): Observable<JobEvent> {
  return new Observable<JobEvent>((subscriber) => {
    let unsubscribe: Unsubscribe | undefined;
    const stop = (): void => {
      unsubscribe?.().catch(() => {}); // the connection is gone, and the subscription with it
    };
    store.notices
      .onEvents(
        queue,
        inOwnScope((events: StoreEvent[]) => {
          for (const told of events) subscriber.next(toJobEvent(queue, codec, told, redactor));
        }),
      )
      .then(
        (end) => {
          unsubscribe = end;
          if (subscriber.closed) stop();
        },
        (error: unknown) => subscriber.error(error),
      );
    return stop;
  }).pipe(share());
}
