import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { BeatReply, Heartbeat, HeartbeatPlan } from '../core/broker.js';
import type { RedisConnection } from './connector.js';
import type { Script } from './script-library.js';

/** What the thread is to do, sent to it once. */
export interface HeartbeatData extends Pick<HeartbeatPlan, 'worker' | 'stallLimitMs'> {
  /** `keys` are those of the beat script. */
  leases: readonly { queue: string; keys: readonly string[]; leaseMs: number }[];
  connection: RedisConnection;
  prefix: string;
  beat: Script;
  /** One Int32 a lease: 1 while the worker holds jobs. */
  slots: SharedArrayBuffer;
  /** One Int32 that the main loop counts up while it lives. */
  loop: SharedArrayBuffer;
  timeoutMs: number;
  connectTimeoutMs: number;
}

export type HeartbeatMessage = ({ type: 'beat'; queue: string } & BeatReply) | { type: 'stalled'; forMs: number };

const TICK_MS = 500;
/** V8 lets a thread that loads modules take 16 MB for short-lived objects, and keeps what it took: a clock needs none of it. */
const YOUNG_GENERATION_MB = 2;
const THREAD = new URL('./heartbeat.worker.js', import.meta.url);

/** The main loop's side of the heartbeat thread. It boots at once, beside whatever else starts, and waits for its plan. */
export class HeartbeatThread implements Heartbeat {
  private readonly thread: Worker;
  private failure: Error | undefined;
  private flags = new Int32Array(new SharedArrayBuffer(0));
  private slotOf: ReadonlyMap<string, number> = new Map();
  private ticker: NodeJS.Timeout | undefined;
  private telling: NodeJS.Immediate | undefined;
  private stopping: Promise<void> | undefined;

  constructor() {
    this.thread = new Worker(THREAD, { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB } });
    this.thread.unref();
    this.thread.once('error', (error) => (this.failure = error));
  }

  /** False where a thread can not have the connection: an instance, or options that hold functions. */
  static isPossible(connection: RedisConnection): boolean {
    // Beside TypeScript sources, as in this package's own tests, there is no compiled thread.
    return existsSync(fileURLToPath(THREAD)) && isCloneable(connection);
  }

  begin(plan: HeartbeatPlan, data: Omit<HeartbeatData, 'worker' | 'stallLimitMs' | 'slots' | 'loop'>): void {
    const { worker, stallLimitMs, leases } = plan;
    const slots = new SharedArrayBuffer(4 * leases.length);
    const loop = new SharedArrayBuffer(4);
    const ticks = new Int32Array(loop);
    this.flags = new Int32Array(slots);
    this.slotOf = new Map(leases.map(({ queue }, slot) => [queue, slot]));
    this.ticker = setInterval(() => Atomics.add(ticks, 0, 1), TICK_MS);
    this.ticker.unref();
    this.thread.on('message', (message: HeartbeatMessage) => {
      if (message.type === 'beat') plan.onBeat(message.queue, message);
      else plan.onStalled(message.forMs);
    });
    this.thread.postMessage({ ...data, worker, stallLimitMs, slots, loop } satisfies HeartbeatData);
    const { failure } = this;
    if (failure === undefined) this.thread.on('error', (error) => plan.onFailure(error));
    else this.telling = setImmediate(() => plan.onFailure(failure));
  }

  holds(queue: string, holding: boolean): void {
    Atomics.store(this.flags, this.slotOf.get(queue) as number, holding ? 1 : 0);
  }

  /** Once: a second end would take the listener away that the first one waits for. */
  stop(): Promise<void> {
    return (this.stopping ??= this.end());
  }

  private async end(): Promise<void> {
    clearInterval(this.ticker);
    clearImmediate(this.telling);
    // It may be failing this very moment: an error that nobody listens to would end the process.
    this.thread.removeAllListeners().on('error', () => {});
    this.thread.postMessage('stop');
    await this.thread.terminate();
  }
}

function isCloneable(connection: RedisConnection): boolean {
  try {
    structuredClone(connection);
    return true;
  } catch {
    return false;
  }
}
