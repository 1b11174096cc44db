import type { Logger } from '@nestjs/common';
import { currentJob } from './current-job.js';

type Listener = (reason: unknown) => void;

const listeners = new Set<Listener>();
const LONGEST_TEXT = 4000;

/**
 * A promise that a handler left behind and that rejects later would end the whole process, and with it every job that
 * runs beside it. Rejections that come out of a handler are logged with their job instead; all others stay what they are.
 */
export class StrayRejections {
  private readonly listener: Listener;

  constructor(logger: Pick<Logger, 'error'>) {
    this.listener = (reason) => {
      const job = currentJob();
      if (job !== undefined) {
        logger.error(
          `Job "${job.id}" of queue "${job.queue}" left a promise behind that rejected: ${describe(reason)}`,
        );
        return;
      }
      // Only we listen: then Node would have ended the process, and it still does.
      if (process.listeners('unhandledRejection').every((other) => listeners.has(other as Listener))) throw reason;
    };
  }

  watch(): void {
    if (listeners.has(this.listener)) return;
    // The log of one application is enough where several share a process.
    listeners.add(this.listener);
    if (listeners.size === 1) process.on('unhandledRejection', this.listener);
  }

  unwatch(): void {
    if (!listeners.delete(this.listener)) return;
    process.off('unhandledRejection', this.listener);
    const [next] = listeners;
    if (next !== undefined && !process.listeners('unhandledRejection').includes(next))
      process.on('unhandledRejection', next);
  }
}

/** It may be anything, of any size, and throw when it is looked at: a throw from the listener would end the process. */
function describe(reason: unknown): string {
  let text: string;
  try {
    text = reason instanceof Error && typeof reason.stack === 'string' ? reason.stack : String(reason);
  } catch {
    return 'a value that cannot be read';
  }
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
}
