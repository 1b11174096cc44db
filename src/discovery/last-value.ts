import { Subscription, type Observable } from 'rxjs';
import type { Job } from '../core/job-view.js';

/**
 * The last value of a handler's Observable; each one before it is progress. Nothing emitted is undefined. An aborted run
 * is unsubscribed.
 */
export function lastValue(source: Observable<unknown>, job: Job): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let last: unknown;
    let emitted = false;
    let ended = false;
    const { signal } = job;
    const abort = (): void => {
      subscription.unsubscribe();
      reject(signal.reason as Error);
    };
    const settle = (): void => signal.removeEventListener('abort', abort);
    const subscription = new Subscription();
    const observer = {
      next: (value: unknown) => {
        try {
          if (emitted) job.progress(last);
        } catch (error) {
          subscription.unsubscribe();
          settle();
          reject(error); // thrown here, it would end the process
          return;
        }
        emitted = true;
        last = value;
      },
      error: (error: unknown) => {
        ended = true;
        settle();
        reject(error);
      },
      complete: () => {
        settle();
        resolve(last);
        ended = true;
      },
    };
    subscription.add(source.subscribe(observer));
    if (ended || subscription.closed) return;
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
