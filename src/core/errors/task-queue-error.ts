/** Every error this package throws on purpose has a stable `code`, so that callers need no `instanceof`. */
export abstract class TaskQueueError extends Error {
  abstract readonly code: string;
  /** Of a call with many items, such as `enqueueMany`: which one is at fault, counted from 0. */
  declare index?: number;
}

/** The same error, saying in `index` and its message which item of a call it is about. */
export function withItemIndex(error: unknown, index: number, call: string): unknown {
  if (!(error instanceof TaskQueueError)) return error;
  error.index = index;
  const { message } = error;
  if (message.includes(`[${index}]`)) return error;
  error.message = `Item ${index} of ${call}: ${message}`;
  if (error.stack !== undefined) error.stack = error.stack.replace(message, error.message);
  return error;
}
