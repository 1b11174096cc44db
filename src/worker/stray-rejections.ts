import type { Logger } from '@nestjs/common';
import { isError, stackOfThrown } from '../core/thrown-reader.js';
import { currentJobs } from './current-job.js';

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
      const jobs = currentJobs();
      if (jobs.length > 0) {
        const others = jobs.length > 1 ? ` (or another of the ${jobs.length} jobs of its batch)` : '';
        const [{ id, queue }] = jobs;
        logger.error(
          `Job "${id}" of queue "${queue}"${others} left a promise behind that rejected: ${stackOfThrown(reason)}`,
        );
        return;
      }
      // Only we listen: then Node does what it does where nobody listens.
      if (process.listeners('unhandledRejection').every((other) => listeners.has(other as Listener)))
        doAsNode(reason, modeOf(process.execArgv, process.env.NODE_OPTIONS));
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

/** What `--unhandled-rejections` says; the command line wins over NODE_OPTIONS, and the last word over those before. */
function modeOf(execArgv: readonly string[], nodeOptions = ''): string {
  const words = [...nodeOptions.split(/\s+/), ...execArgv].map((word) => word.replaceAll('"', ''));
  let mode = 'throw';
  words.forEach((word, index) => {
    const [flag, value] = word.split('=', 2);
    if (flag.replaceAll('_', '-') === '--unhandled-rejections') mode = value ?? words[index + 1] ?? mode;
  });
  return mode;
}

/** What Node does with a rejection that has no listener: a listener, ours, keeps it from doing that itself. */
function doAsNode(reason: unknown, mode: string): void {
  switch (mode) {
    case 'none':
    case 'warn': // Node has warned, or will
    case 'strict': // Node threw it before any listener ran
      return;
    case 'warn-with-error-code':
      process.emitWarning(stackOfThrown(reason), 'UnhandledPromiseRejectionWarning');
      process.exitCode = 1;
      return;
    default: {
      const error = isError(reason) ? reason : unhandled(reason);
      if (process.listenerCount('uncaughtException') === 0 || process.hasUncaughtExceptionCaptureCallback())
        throw error;
      const emitter: NodeJS.EventEmitter = process;
      emitter.emit('uncaughtExceptionMonitor', error, 'unhandledRejection');
      emitter.emit('uncaughtException', error, 'unhandledRejection');
    }
  }
}

function unhandled(reason: unknown): Error {
  const error = new Error(
    'This error originated either by throwing inside of an async function without a catch block, or by rejecting a promise ' +
      `which was not handled with .catch(). The promise rejected with the reason "${stackOfThrown(reason)}".`,
  );
  return Object.assign(error, { name: 'UnhandledPromiseRejection', code: 'ERR_UNHANDLED_REJECTION' });
}
