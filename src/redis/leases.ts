import type { Unsubscribe } from '../core/ports/connection.js';
import type {
  BeatReply,
  Heartbeat,
  HeartbeatPlan,
  HeldJob,
  Reconciliation,
  Reservation,
  ReservedJob,
  RunReport,
  SessionPlan,
  WorkerSession,
  WorkerStore,
  WorkerTurn,
} from '../core/ports/worker-store.js';
import type { ServerConnection } from './connection.js';
import { wakeChannel } from './keys.js';
import type { RedisQueue, RedisQueues } from './redis-queue.js';
import type { RedisStoreOptions } from './store-options.js';
import { wakeUpReader, WakeUps } from './turns/wake-ups.js';
import { RedisWorkerSession } from './turns/worker-session.js';

/** Jobs that one script looks at: some 1 ms of Redis. */
const STEP = 200;

/** Turns of workers and the leases of what they hold. */
export class RedisLeases implements WorkerStore {
  private readonly wakeUps = new WakeUps(this);

  constructor(
    private readonly connection: ServerConnection,
    private readonly queues: RedisQueues,
    private readonly options: RedisStoreOptions,
  ) {}

  openSession(plan: SessionPlan): WorkerSession {
    return new RedisWorkerSession(this.queues.of(plan.queue), this, this.connection, this.wakeUps, plan);
  }

  async settleAndReserve(queue: string, turn: WorkerTurn): Promise<Reservation> {
    return this.queues.of(queue).settleAndReserve(turn);
  }

  async beat(queue: string, worker: string, leaseMs: number): Promise<BeatReply> {
    const target = this.queues.of(queue);
    type Reply = [string, number, string[]];
    const [now, lapsed, cancelling] = await target.run<Reply>('beat', [worker, leaseMs]);
    return { now: Number(now), lapsed: lapsed === 1, cancelling };
  }

  startHeartbeat(plan: HeartbeatPlan): Heartbeat | undefined {
    if (!this.connection.capabilities.heartbeat || this.connection.isClosed) return undefined;
    const { connection, prefix, commandTimeoutMs, connectTimeoutMs } = this.options;
    const leases = plan.leases.map(({ queue, leaseMs }) => ({ queue, keys: this.queues.of(queue).keys.all, leaseMs }));
    const { beat } = this.connection.scripts;
    const thread = this.connection.takeThread();
    thread.begin(plan, { connection, prefix, beat, leases, timeoutMs: commandTimeoutMs, connectTimeoutMs });
    return thread;
  }

  async reconcile(queue: string, worker: string, held: readonly HeldJob[]): Promise<Reconciliation> {
    const target = this.queues.of(queue);
    const { released, fence } = await target.mending(() => this.giveBackOrphans(target, worker, held));
    const lost = await lostOf(target, held);
    // Who can say so lives: its lease ran out because it was slow.
    for (let first = 0; first < lost.length; first += STEP) {
      const args = [this.options.maxCrashes, ...lost.slice(first, first + STEP)];
      await target.act(['duty', 'forgive'], 'forgive', args);
    }
    return { lost, released, fence };
  }

  async leave(queue: string, worker: string): Promise<void> {
    const target = this.queues.of(queue);
    const leave = (expiry: string) => target.run<number>('leave', [worker, expiry]);
    await leave(''); // nobody wakes it for what it gives back
    for (let tries = 0; tries < 3; tries++) {
      const { expiry } = await target.mending(() => this.giveBackOrphans(target, worker, []));
      if ((await leave(expiry)) === 1) return;
    }
    // A turn of it is still on its way again and again: the lease brings those jobs back.
  }

  async report(queue: string, reports: readonly RunReport[]): Promise<{ lost: string[] }> {
    const target = this.queues.of(queue);
    const args = reports.flatMap(({ id, token, progress, logs }) => [
      id,
      token,
      progress ?? '',
      String(logs.length),
      ...logs,
    ]);
    // It must not wait: the settlement behind it ends the right to make it.
    const lost = await target.actAtOnce('report', [this.options.logLines, ...args]);
    return { lost: lost === '' ? [] : lost.split(',') };
  }

  async onWake(worker: string, listener: (queue: string, handed?: ReservedJob) => void): Promise<Unsubscribe> {
    const channel = wakeChannel(this.options.prefix, worker, this.connection.database);
    const subscriber = this.connection.subscriber();
    subscriber.own(channel);
    return subscriber.add(channel, wakeUpReader(worker, this.queues, listener));
  }

  /** @returns how many went back, and when the worker's lease ended before the first of them did */
  private async giveBackOrphans(
    queue: RedisQueue,
    worker: string,
    held: readonly HeldJob[],
  ): Promise<{ released: number; expiry: string; fence: number }> {
    const { maxCrashes } = this.options;
    const heldIds = held.map(({ id }) => id);
    let expiry: string | undefined;
    let cursor = '0';
    let fence = '';
    let released = 0;
    do {
      const args = [worker, cursor, STEP, maxCrashes, fence, ...heldIds];
      const reply = await queue.run<[string, string, number, string, string]>('reconcile', args);
      [, cursor, , fence] = reply;
      released += reply[2];
      expiry ??= reply[4];
    } while (cursor !== '0');
    return { released, expiry, fence: Number(fence) };
  }
}

async function lostOf(queue: RedisQueue, held: readonly HeldJob[]): Promise<string[]> {
  if (held.length === 0) return [];
  const tokens = (await queue.command('hmget', [queue.keys.inflight, ...held.map(({ id }) => id)])) as (
    string | null
  )[];
  return held.filter(({ token }, index) => tokens[index] !== token).map(({ id }) => id);
}
