import { inOwnScope } from '../process/own-scope.js';
import { nextTick } from '../process/real-timers.js';

/**
 * Puts a step off to the end of the tick, where it runs once however often it was asked for. It is asked for from anywhere (a
 * request that enqueues, a connection that answers), and runs in nobody's context.
 */
export function oncePerTick(step: () => void): () => void {
  let queued = false;
  const run = inOwnScope(() => {
    queued = false;
    step();
  });
  return () => {
    if (queued) return;
    queued = true;
    nextTick(run);
  };
}
