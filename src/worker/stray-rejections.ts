import type { Logger } from '@nestjs/common';
import { currentJob } from './current-job.js';

type Listener = (reason: unknown) => void;

const listeners = new Set<Listener>();

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
        const text = reason instanceof Error ? (reason.stack ?? reason.message) : describe(reason);
        logger.error(`Job "${job.id}" of queue "${job.queue}" left a promise behind that rejected: ${text}`);
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

function describe(reason: unknown): string {
  try {
    return String(reason);
  } catch {
    return Object.prototype.toString.call(reason);
  }
}
