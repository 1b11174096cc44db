import type { INestApplicationContext } from '@nestjs/common';
import type { Store } from '../core/ports/store.js';
import { parseDuration, type Duration } from '../core/duration.js';
import { refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import { realNow, setImmediate, setTimeout } from '../process/real-timers.js';
import { refuseSurplus } from '../core/surplus-arguments.js';
import { HandlerRegistry } from '../discovery/handler-registry.js';
import { TaskQueueLifecycle } from '../module/lifecycle.js';
import { STORE, INSTANCE_STORE } from '../core/constants.js';

export interface DrainOptions {
  /** Real time after which the promise rejects, naming what is left. Default 5 s. */
  timeout?: Duration;
}

const DEFAULT_TIMEOUT = 5000;
/** Handlers that only await what is there are done within as many turns of the event loop. */
const EAGER_TURNS = 50;
const POLL_MS = 2;
/** For so long nothing has changed: what is ready waits for something, such as a limit. */
const STILL_MS = 100;

/**
 * Resolves once no job of the app's handlers is ready or runs. Scheduled ones, retries among them, are not waited for.
 *
 * @example
 * ```ts
 * await request(app.getHttpServer()).post('/users');
 * await drainQueues(app);
 * expect(mailer.sent).toHaveLength(1);
 * ```
 */
export function drainQueues(app: INestApplicationContext, options?: DrainOptions): Promise<void>;
export async function drainQueues(
  app: INestApplicationContext,
  options: DrainOptions = {},
  ...surplus: unknown[]
): Promise<void> {
  refuseSurplus(surplus, 'drainQueues');
  return drain(app, options, () => false);
}

/** @param isHeldBack whether what is ready in a queue starts only at a later instant, which does not come by itself */
export async function drain(
  app: INestApplicationContext,
  options: DrainOptions,
  isHeldBack: (queue: string) => boolean,
): Promise<void> {
  requireObject(options, 'options of drainQueues', 'pass an object such as { timeout: "10s" }');
  refuseUnknownKeys(options, ['timeout'], 'drainQueues');
  const timeoutMs = parseDuration(options.timeout ?? DEFAULT_TIMEOUT, 'timeout');
  const deadline = realNow() + timeoutMs;
  const { engine } = app.get(TaskQueueLifecycle, { strict: false });
  let last = '';
  let changedAt = realNow();
  for (let turn = 0; ; turn++) {
    const left = await unfinished(app, isHeldBack);
    if (left.length === 0) return;
    const shown = JSON.stringify(left);
    if (shown !== last) [last, changedAt] = [shown, realNow()];
    // Nothing more comes by itself: what waits for company, to be handled in one call, starts without it.
    if (left.every(({ ready }) => ready === 0) || realNow() - changedAt >= STILL_MS) engine.supervisor.startWaiting();
    if (realNow() > deadline) {
      const named = left.map(({ queue, ready, active }) => `"${queue}" has ${ready} ready and ${active} active`);
      throw new Error(`After ${timeoutMs} ms the queues are not drained: ${named.join(', ')}`);
    }
    await new Promise((resolve) => (turn < EAGER_TURNS ? setImmediate(resolve) : setTimeout(resolve, POLL_MS)));
  }
}

interface Left {
  queue: string;
  ready: number;
  active: number;
}

/** Queues with jobs that are ready or run. */
async function unfinished(app: INestApplicationContext, isHeldBack: (queue: string) => boolean): Promise<Left[]> {
  const store = app.get<Store>(STORE, { strict: false });
  const own = app.get<Store>(INSTANCE_STORE, { strict: false });
  const { queues, ofInstance } = app.get(HandlerRegistry, { strict: false });
  const left = await Promise.all([
    ...queues.map((queue) => leftIn(store, queue)),
    ...ofInstance.queues.map((queue) => leftIn(own, queue)),
  ]);
  return left.filter(({ queue, ready, active }) => active > 0 || (ready > 0 && !isHeldBack(queue)));
}

async function leftIn(store: Store, queue: string): Promise<Left> {
  const { ready, active } = await store.curation.counts(queue);
  return { queue, ready, active };
}
