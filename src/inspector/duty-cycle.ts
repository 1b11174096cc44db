import { clearTimeout, realNow, setImmediate, setTimeout } from '../process/real-timers.js';

/** Of the time of the store, what a walk takes at most. */
const SHARE = 0.2;
/** A timer is not more exact than this: shorter rests are taken together. */
const SHORTEST_REST_MS = 3;
/** A timer that was late has rested for what comes: at most for so long, or many calls would follow each other. */
const MOST_CREDIT_MS = 10;

/** Keeps a walk from taking more than its share of the store: it rests in proportion to what each call took. */
export class DutyCycle {
  private owedMs = 0;
  private lastAt = realNow();

  /** @throws the reason of the signal, as soon as it is aborted */
  async rest(spentMs: number, signal: AbortSignal | undefined): Promise<void> {
    const now = realNow();
    // What passed beside the call was a rest already.
    this.owedMs =
      Math.max(-MOST_CREDIT_MS, this.owedMs - Math.max(0, now - this.lastAt - spentMs)) + spentMs * (1 / SHARE - 1);
    this.lastAt = now;
    signal?.throwIfAborted();
    if (this.owedMs < SHORTEST_REST_MS) await new Promise<void>((resolve) => setImmediate(resolve));
    else await sleep(this.owedMs, signal);
    signal?.throwIfAborted();
  }
}

/** By a timer that no test replaces. Also ends when the signal is aborted. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
    signal?.addEventListener('abort', done);
  });
}
