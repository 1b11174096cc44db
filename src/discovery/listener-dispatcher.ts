import { Logger } from '@nestjs/common';
import { isObservable, Subscription, type Observable } from 'rxjs';
import { guardLogger } from './guarded-logger.js';
import { LogBudget } from '../core/log-budget.js';
import { inOwnScope } from '../process/own-scope.js';
import { isThenable } from '../core/thenable.js';
import { stackOfThrown } from '../core/thrown-reader.js';
import type { QueueEventListener } from './listener-reader.js';

/** Brings live events to the app's `@OnQueueEvent` methods; a queue nobody listens to costs nothing. */
export class ListenerDispatcher {
  private subscriptions: Subscription[] = [];
  /** To Observables that listeners returned. */
  private returned = new Subscription();
  private readonly budget = new LogBudget();

  constructor(
    private readonly eventsOf: (queue: string) => Observable<{ event: string; name?: string | undefined }>,
    private readonly logger: Pick<Logger, 'error'> = guardLogger(new Logger('TaskQueueModule')),
  ) {}

  start(listeners: readonly QueueEventListener[]): void {
    for (const queue of new Set(listeners.map((listener) => listener.queue))) {
      const concerned = listeners.filter((listener) => listener.queue === queue);
      const subscription = this.eventsOf(queue).subscribe({
        next: (event) => {
          for (const listener of concerned) {
            if (listener.event === event.event && concerns(listener, event)) this.call(listener, event);
          }
        },
        error: (error: unknown) => this.logger.error(`Events of queue "${queue}" ended`, stackOfThrown(error)),
      });
      this.subscriptions.push(subscription);
    }
  }

  stop(): void {
    for (const subscription of this.subscriptions) subscription.unsubscribe();
    this.subscriptions = [];
    try {
      this.returned.unsubscribe();
    } catch (error) {
      this.logger.error('A listener threw when it was ended', stackOfThrown(error));
    }
    this.returned = new Subscription();
  }

  /**
   * A listener changes no job, so what it throws, now or later, is logged and goes no further. What it returns is awaited as
   * whoever wrote it means it: a query that starts when it is awaited starts, an Observable is subscribed to.
   */
  private readonly call = inOwnScope((listener: QueueEventListener, event: unknown): void => {
    const report = (error: unknown): void => this.report(listener, error);
    try {
      const returned = listener.invoke(event);
      if (isThenable(returned)) Promise.resolve(returned).then(undefined, report);
      else if (isObservable(returned)) this.returned.add(returned.subscribe({ error: report }));
    } catch (error) {
      report(error);
    }
  });

  private report(listener: QueueEventListener, error: unknown): void {
    const unsaid = this.budget.take(performance.now());
    if (unsaid === undefined) return;
    const more = unsaid > 0 ? ` (${unsaid} times more, by whatever listener, since the last such line)` : '';
    this.logger.error(`${listener.label} threw${more}`, stackOfThrown(error));
  }
}

/** What happens to the queue itself has no job, and concerns everybody. */
function concerns({ jobName }: QueueEventListener, event: object): boolean {
  return jobName === undefined || !('name' in event) || event.name === jobName;
}
