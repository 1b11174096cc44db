import type { INestApplicationContext } from '@nestjs/common';
import type { Store } from '../core/ports/store.js';
import { parseDuration, type Duration } from '../core/duration.js';
import { refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import { realNow, setImmediate, setTimeout } from '../process/real-timers.js';
import { refuseSurplus } from '../core/surplus-arguments.js';
import { HandlerRegistry } from '../discovery/handler-registry.js';
import { STORE, INSTANCE_STORE } from '../core/constants.js';

export interface DrainOptions {
  /** Real time after which the promise rejects, naming what is left. Default 5 s. */
  timeout?: Duration;
}

const DEFAULT_TIMEOUT = 5000;
/** Handlers that only await what is there are done within as many turns of the event loop. */
const EAGER_TURNS = 50;
const POLL_MS = 2;

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
  requireObject(options, 'options of drainQueues', 'pass an object such as { timeout: "10s" }');
  refuseUnknownKeys(options, ['timeout'], 'drainQueues');
  const timeoutMs = parseDuration(options.timeout ?? DEFAULT_TIMEOUT, 'timeout');
  const deadline = realNow() + timeoutMs;
  for (let turn = 0; ; turn++) {
    const left = await unfinished(app);
    if (left === '') return;
    if (realNow() > deadline) throw new Error(`After ${timeoutMs} ms the queues are not drained: ${left}`);
    await new Promise((resolve) => (turn < EAGER_TURNS ? setImmediate(resolve) : setTimeout(resolve, POLL_MS)));
  }
}

async function unfinished(app: INestApplicationContext): Promise<string> {
  const store = app.get<Store>(STORE, { strict: false });
  const own = app.get<Store>(INSTANCE_STORE, { strict: false });
  const { queues, ofInstance } = app.get(HandlerRegistry, { strict: false });
  const left = await Promise.all([
    ...queues.map((queue) => leftIn(store, queue)),
    ...ofInstance.queues.map((queue) => leftIn(own, queue)),
  ]);
  return left.filter((text) => text !== '').join(', ');
}

async function leftIn(store: Store, queue: string): Promise<string> {
  const { ready, active } = await store.curation.counts(queue);
  return ready + active === 0 ? '' : `"${queue}" has ${ready} ready and ${active} active`;
}
