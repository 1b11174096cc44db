import type { Observable } from 'rxjs';
import type { Job } from '../core/job-view.js';

/**
 * The last value of a handler's Observable; each one before it is progress. Nothing emitted is undefined. An aborted run
 * is unsubscribed.
 */
export function lastValue(source: Observable<unknown>, job: Job): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let last: unknown;
    let emitted = false;
    const { signal } = job;
    const abort = (): void => {
      subscription.unsubscribe();
      reject(signal.reason as Error);
    };
    const settle = (): void => signal.removeEventListener('abort', abort);
    const subscription = source.subscribe({
      next: (value) => {
        if (emitted) job.progress(last);
        emitted = true;
        last = value;
      },
      error: (error: unknown) => {
        settle();
        reject(error);
      },
      complete: () => {
        settle();
        resolve(last);
      },
    });
    if (subscription.closed) return;
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
