import { Logger } from '@nestjs/common';
import { isObservable } from 'rxjs';
import { LogBudget } from '../core/log-budget.js';
import { isThenable } from '../core/thenable.js';
import { stackOfThrown } from '../core/thrown-reader.js';
import { openScope } from '../process/own-scope.js';
import { clearTimeout, setTimeout } from '../process/real-timers.js';
import type { QueueAlertListener } from './alert-listener-reader.js';
import { guardLogger } from './guarded-logger.js';

/** For so long a listener is awaited; then its alert counts as told. */
const LONGEST_MS = 20_000;

/** Calls the app's `@OnQueueAlert` methods. */
export class AlertDispatcher {
  private readonly budget = new LogBudget();

  constructor(
    private readonly listeners: () => readonly QueueAlertListener[],
    private readonly logger: Pick<Logger, 'error'> = guardLogger(new Logger('TaskQueueModule')),
    private readonly longestMs = LONGEST_MS,
  ) {}

  /** @param queue `''`: the alert is about the store */
  hears(rule: string, queue: string): boolean {
    return this.listenersOf(rule, queue).length > 0;
  }

  /**
   * Calls each method that wants to hear of this alert, and waits until they have ended. What they throw is logged, and goes no further.
   * @returns false where the signal was aborted before they had ended
   */
  async tell(alert: { rule: string; queue?: string }, signal: AbortSignal): Promise<boolean> {
    const called = this.listenersOf(alert.rule, alert.queue ?? '').map((listener) => this.call(listener, alert));
    let stop!: (answer: 'late' | 'aborted') => void;
    const stopped = new Promise<'late' | 'aborted'>((resolve) => (stop = resolve));
    const abort = (): void => stop('aborted');
    const timer = setTimeout(() => stop('late'), this.longestMs).unref();
    signal.addEventListener('abort', abort);
    try {
      const end = await Promise.race([Promise.all(called), stopped]);
      if (end === 'late') {
        this.logger.error(`A listener of the alert "${alert.rule}" has not ended after ${this.longestMs} ms`);
      }
      return end !== 'aborted';
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
  }

  private listenersOf(rule: string, queue: string): QueueAlertListener[] {
    return this.listeners().filter(
      (listener) =>
        (listener.rule === undefined || listener.rule === rule) &&
        (listener.queue === undefined || listener.queue === queue),
    );
  }

  private async call(listener: QueueAlertListener, alert: object): Promise<void> {
    try {
      // A copy, so that no listener changes what the next one gets.
      const returned = openScope().runInAsyncScope(() => listener.invoke({ ...alert }));
      if (isThenable(returned)) await returned;
      else if (isObservable(returned)) {
        await new Promise<void>((resolve, reject) => returned.subscribe({ error: reject, complete: resolve }));
      }
    } catch (error) {
      this.report(listener, error);
    }
  }

  private report({ label }: QueueAlertListener, error: unknown): void {
    const unsaid = this.budget.take(performance.now());
    if (unsaid === undefined) return;
    const more = unsaid > 0 ? ` (${unsaid} times more, by whatever listener, since the last such line)` : '';
    this.logger.error(`${label} threw${more}`, stackOfThrown(error));
  }
}
