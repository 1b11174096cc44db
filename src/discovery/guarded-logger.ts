import { describeThrown } from '../core/thrown-reader.js';

interface LoggerLike {
  log(message: unknown, ...more: unknown[]): unknown;
  warn(message: unknown, ...more: unknown[]): unknown;
  error(message: unknown, ...more: unknown[]): unknown;
  debug(message: unknown, ...more: unknown[]): unknown;
}

/** The app's logger is code of users. Its errors stop nothing; the first becomes a warning of the process. */
export function guardLogger(logger: LoggerLike): Record<keyof LoggerLike, (...line: unknown[]) => void> {
  let warned = false;
  const guard =
    (level: keyof LoggerLike) =>
    (...line: unknown[]): void => {
      try {
        logger[level](...(line as [unknown]));
      } catch (error) {
        if (warned) return;
        warned = true;
        process.emitWarning(
          `The logger of the app threw: ${describeThrown(error)}. Lines of nestjs-task-queue may be missing.`,
          { code: 'TASK_QUEUE_LOGGER' },
        );
      }
    };
  return { log: guard('log'), warn: guard('warn'), error: guard('error'), debug: guard('debug') };
}
