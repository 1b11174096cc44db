/**
 * The frames of this package right below a handler: {@link runJobOfTaskQueue}, then AsyncLocalStorage, then the invoker.
 * Everything further below is the worker, the same for every job.
 */
const RUN_LINE = '\n    at runJobOfTaskQueue (';
const STORAGE_LINE = '\n    at AsyncLocalStorage.run (';
const INVOKE_LINE = '\n    at invokeHandlerOfTaskQueue (';

/** The stack of an error without the frames below the handler. A stack in another format stays whole. */
export function ownStackOf({ stack }: Error): string | undefined {
  if (typeof stack !== 'string') return undefined;
  // The last ones: a handler may have functions with these names.
  const run = stack.lastIndexOf(RUN_LINE);
  if (run < 0) return stack;
  const storage = stack.lastIndexOf('\n', run - 1);
  if (!stack.startsWith(STORAGE_LINE, storage)) return stack;
  const invoke = stack.lastIndexOf('\n', storage - 1);
  return stack.slice(0, invoke >= 0 && stack.startsWith(INVOKE_LINE, invoke) ? invoke : storage);
}
