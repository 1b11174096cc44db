/** Node's own way to write a stack, where it has one that can be seen. */
const NODES_FORMATTER = 'ErrorPrepareStackTrace';

/** The frame above which everything is the handler's ({@link runJobOfTaskQueue}), and those of this package right above it. */
const RUN = 'runJobOfTaskQueue';
const INVOKE = 'invokeHandlerOfTaskQueue';
const RUN_LINE = `\n    at ${RUN} (`;
const STORAGE_LINE = '\n    at AsyncLocalStorage.run (';
const INVOKE_LINE = `\n    at ${INVOKE} (`;

type Formatter = (error: Error, frames: NodeJS.CallSite[]) => unknown;

const errors = Error as { prepareStackTrace?: Formatter | undefined };

/** What was there before {@link writeOwnFrames}. */
let nodesFormatter: Formatter | undefined;

/**
 * The stack of an error without what lies below the handler: the worker, the same for every job, is not worth its bytes.
 * V8 writes a stack when it is first read, and each frame costs it as much as many a handler does: those that would be cut
 * off are taken out before. Not where somebody else formats stacks: what they make of the frames is theirs.
 */
export function ownStackOf(error: Error): string | undefined {
  const stack = readStack(error);
  return typeof stack === 'string' ? cutStack(stack) : undefined;
}

function readStack(error: Error): unknown {
  const formatter = errors.prepareStackTrace;
  if (formatter === undefined ? 'code' in error : formatter.name !== NODES_FORMATTER) return error.stack;
  nodesFormatter = formatter;
  try {
    errors.prepareStackTrace = writeOwnFrames;
  } catch {
    return error.stack; // intrinsics are frozen
  }
  try {
    return error.stack;
  } finally {
    errors.prepareStackTrace = formatter;
  }
}

function writeOwnFrames(error: Error, frames: NodeJS.CallSite[]): unknown {
  // From below: whatever a handler calls lies above.
  for (let storage = frames.length - 2; storage >= 0; storage--) {
    if (frames[storage + 1].getFunctionName() !== RUN || !isStorage(frames[storage])) continue;
    frames.length = storage > 0 && frames[storage - 1].getFunctionName() === INVOKE ? storage - 1 : storage;
    break;
  }
  if (nodesFormatter !== undefined) return nodesFormatter(error, frames);
  const title = Error.prototype.toString.call(error);
  return frames.length === 0 ? title : `${title}\n    at ${frames.join('\n    at ')}`;
}

/** Right above {@link RUN} is what makes the current job known. */
function isStorage(frame: NodeJS.CallSite): boolean {
  return frame.getFunctionName() === 'run' && frame.getTypeName() === 'AsyncLocalStorage';
}

/** The same of a stack that is a text already. */
function cutStack(stack: string): string {
  const run = stack.lastIndexOf(RUN_LINE);
  if (run < 0) return stack;
  const end = stack.lastIndexOf('\n', run - 1);
  if (!stack.startsWith(STORAGE_LINE, end)) return stack;
  const invoke = stack.lastIndexOf('\n', end - 1);
  return stack.slice(0, invoke >= 0 && stack.startsWith(INVOKE_LINE, invoke) ? invoke : end);
}
