import { describeThrown } from '../core/thrown-reader.js';

interface LoggerLike {
  log(message: unknown, ...more: unknown[]): unknown;
  warn(message: unknown, ...more: unknown[]): unknown;
  error(message: unknown, ...more: unknown[]): unknown;
  debug(message: unknown, ...more: unknown[]): unknown;
}

/** The app's logger is code of users: what it throws is told once, by a warning of the process, and stops nothing. */
export function guardLogger(logger: LoggerLike): Record<keyof LoggerLike, (...line: unknown[]) => void> {
  let told = false;
  const guard =
    (level: keyof LoggerLike) =>
    (...line: unknown[]): void => {
      try {
        logger[level](...(line as [unknown]));
      } catch (error) {
        if (told) return;
        told = true;
        process.emitWarning(
          `The logger of the app threw: ${describeThrown(error)}. Lines of nestjs-task-queue may be missing.`,
          { code: 'TASK_QUEUE_LOGGER' },
        );
      }
    };
  return { log: guard('log'), warn: guard('warn'), error: guard('error'), debug: guard('debug') };
}
