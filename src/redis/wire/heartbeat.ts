import { getDefaultResultOrder } from 'node:dns';
import tls from 'node:tls';
import { Worker } from 'node:worker_threads';
import type { BeatReply, Heartbeat, HeartbeatPlan } from '../../core/ports/worker-store.js';
import { setInterval } from '../../process/real-timers.js';
import type { RedisConnection } from './connector.js';
import { HEARTBEAT_CODE } from './heartbeat-code.js';
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
  network: NetworkDefaults;
}

/** Defaults of connections that flags of the process may have set. The thread gets no flags, so they are sent to it. */
export interface NetworkDefaults {
  dnsOrder: 'ipv4first' | 'ipv6first' | 'verbatim';
  tlsMin: typeof tls.DEFAULT_MIN_VERSION;
  tlsMax: typeof tls.DEFAULT_MAX_VERSION;
}

/**
 * What the main loop sends after the plan: from `work` to `rest` the thread beats for what is held. In an idle process neither
 * thread has a timer of the heartbeat.
 */
export type HeartbeatOrder = 'work' | 'rest' | 'stop';

export type HeartbeatMessage = ({ type: 'beat'; queue: string } & BeatReply) | { type: 'stalled'; forMs: number };

const TICK_MS = 500;
/** Ticks without a held job before both threads rest: a message each time, so not between one job and the next. */
const TICKS_UNTIL_REST = 20;
/** V8 lets a thread that loads modules take 16 MB for short-lived objects, and keeps what it took: a clock needs none of it. */
const YOUNG_GENERATION_MB = 2;

/** The main loop's side of the heartbeat thread. It boots at once, beside whatever else starts, and waits for its plan. */
export class HeartbeatThread implements Heartbeat {
  /** Undefined where none could be started: then {@link failure} says why. */
  private readonly thread: Worker | undefined;
  private failure: Error | undefined;
  private flags = new Int32Array(new SharedArrayBuffer(0));
  private slotOf: ReadonlyMap<string, number> = new Map();
  private ticks = new Int32Array(new SharedArrayBuffer(0));
  private ticker: NodeJS.Timeout | undefined;
  private ticksUntilRest = TICKS_UNTIL_REST;
  private failureNotice: NodeJS.Immediate | undefined;
  private stopping: Promise<void> | undefined;

  constructor() {
    try {
      this.thread = startThread();
    } catch (error) {
      this.failure = error as Error;
      return;
    }
    this.thread.unref();
    this.thread.once('error', (error) => (this.failure = error));
  }

  /** False where a thread can not have the connection: an instance, or options that hold functions. */
  static isPossible(connection: RedisConnection): boolean {
    return HEARTBEAT_CODE !== undefined && isCloneable(connection);
  }

  /** False where the permission model of Node forbids threads: whoever starts the process can permit them. */
  static get isPermitted(): boolean {
    const { permission } = process as { permission?: { has(scope: string): boolean } };
    return permission?.has('worker') !== false;
  }

  begin(
    plan: HeartbeatPlan,
    data: Omit<HeartbeatData, 'worker' | 'stallLimitMs' | 'slots' | 'loop' | 'network'>,
  ): void {
    const { worker, stallLimitMs, leases } = plan;
    const slots = new SharedArrayBuffer(4 * leases.length);
    const loop = new SharedArrayBuffer(4);
    this.ticks = new Int32Array(loop);
    this.flags = new Int32Array(slots);
    this.slotOf = new Map(leases.map(({ queue }, slot) => [queue, slot]));
    const { thread } = this;
    thread?.on('message', (message: HeartbeatMessage) => {
      if (message.type === 'beat') plan.onBeat(message.queue, message);
      else plan.onStalled(message.forMs);
    });
    const network = {
      dnsOrder: getDefaultResultOrder(),
      tlsMin: tls.DEFAULT_MIN_VERSION,
      tlsMax: tls.DEFAULT_MAX_VERSION,
    };
    thread?.postMessage({ ...data, worker, stallLimitMs, slots, loop, network } satisfies HeartbeatData);
    const { failure } = this;
    if (failure === undefined) thread?.on('error', (error) => plan.onFailure(error));
    else this.failureNotice = setImmediate(() => plan.onFailure(failure));
  }

  holds(queue: string, holding: boolean): void {
    Atomics.store(this.flags, this.slotOf.get(queue) as number, holding ? 1 : 0);
    if (holding && this.ticker === undefined && this.stopping === undefined) this.work();
  }

  /** Once: a second end would take the listener away that the first one waits for. */
  stop(): Promise<void> {
    return (this.stopping ??= this.end());
  }

  private work(): void {
    this.order('work');
    this.ticksUntilRest = TICKS_UNTIL_REST;
    this.tick();
    this.ticker = setInterval(() => this.tick(), TICK_MS);
    this.ticker.unref();
  }

  private tick(): void {
    Atomics.add(this.ticks, 0, 1);
    this.ticksUntilRest = this.flags.includes(1) ? TICKS_UNTIL_REST : this.ticksUntilRest - 1;
    if (this.ticksUntilRest > 0) return;
    clearInterval(this.ticker);
    this.ticker = undefined;
    this.order('rest');
  }

  private order(order: HeartbeatOrder): void {
    this.thread?.postMessage(order);
  }

  private async end(): Promise<void> {
    clearInterval(this.ticker);
    clearImmediate(this.failureNotice);
    // It may be failing this very moment: an error that nobody listens to would end the process.
    this.thread?.removeAllListeners().on('error', () => {});
    this.order('stop');
    await this.thread?.terminate();
  }
}

/**
 * It is a guest's thread: what the user preloads into the process by `--require`, `--import` or NODE_OPTIONS runs once, in the
 * main thread, and may open a port or write a file.
 */
function startThread(): Worker {
  const { NODE_OPTIONS: _preloads, ...env } = process.env;
  return new Worker(HEARTBEAT_CODE ?? '', {
    eval: true,
    execArgv: [],
    env,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  });
}

function isCloneable(connection: RedisConnection): boolean {
  try {
    structuredClone(connection);
    // A getter gives what holds now, such as a token that expires; a copy of it grows old.
    return typeof connection === 'string' || !hasGetter(connection);
  } catch {
    return false;
  }
}

function hasGetter(connection: object): boolean {
  const { options } = connection as { options?: { redisOptions?: object } };
  return [connection, options, options?.redisOptions].some(
    (level) =>
      level !== undefined &&
      Object.values(Object.getOwnPropertyDescriptors(level)).some((property) => 'get' in property),
  );
}
