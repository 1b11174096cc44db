import { setImmediate } from '../../process/real-timers.js';

/** A slice that ends much later than it should have: the loop stood still meanwhile. */
const SLICE_MS = 200;

/**
 * A timeout that judges somebody who answers over a socket. Node fires timers before it reads sockets, so after a handler
 * that blocked the event loop every deadline seems to have passed, and the answers lie there unread. Time in which the loop
 * stood still does not count here, and the sockets have their turn before the verdict.
 * @returns ends it without a verdict
 */
export function awakeTimeout(ms: number, judge: () => void): () => void {
  let left = ms;
  let timer: NodeJS.Timeout;
  let verdict: ReturnType<typeof setImmediate> | undefined;
  const next = () => {
    const slice = Math.min(left, SLICE_MS);
    timer = setTimeout(() => {
      left -= slice;
      if (left > 0) next();
      else verdict = setImmediate(judge);
    }, slice);
  };
  next();
  return () => {
    clearTimeout(timer);
    clearImmediate(verdict);
  };
}

/** Settles as `work` does, or with `late` when it takes longer than `ms` of a loop that moves. */
export async function withinAwake<T, L>(ms: number, work: Promise<T>, late: () => L): Promise<T | L> {
  let stop = () => {};
  const timedOut = new Promise<void>((resolve) => {
    stop = awakeTimeout(ms, resolve);
  });
  try {
    return await Promise.race([work, timedOut.then(late)]);
  } finally {
    stop();
  }
}
