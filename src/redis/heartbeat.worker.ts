import { parentPort, workerData } from 'node:worker_threads';
import { Connector } from './connector.js';
import type { HeartbeatData, HeartbeatMessage } from './heartbeat.js';
import { QueueKeys } from './keys.js';
import { Link } from './link.js';

// The thread that keeps the leases of a process alive while a handler blocks its main loop: a clock, a connection of
// its own, and nothing else. It stops once the main loop has stood still for too long: such a process is as good as dead.

const { connection, prefix, worker, beat, leases, slots, loop, stallLimitMs, timeoutMs, connectTimeoutMs } =
  workerData as HeartbeatData;
const flags = new Int32Array(slots);
const ticks = new Int32Array(loop);
const link = new Link(new Connector(connection, prefix, connectTimeoutMs).connect('heartbeat'), timeoutMs);

let lastTick = -1;
let tickedAt = performance.now();
let stalled = false;

function loopIsAlive(): boolean {
  const tick = Atomics.load(ticks, 0);
  const now = performance.now();
  if (tick !== lastTick) {
    lastTick = tick;
    tickedAt = now;
    stalled = false;
  } else if (!stalled && now - tickedAt > stallLimitMs) {
    stalled = true;
    post({ type: 'stalled', forMs: Math.round(now - tickedAt) });
  }
  return !stalled;
}

function post(message: HeartbeatMessage): void {
  parentPort?.postMessage(message);
}

leases.forEach(({ queue, leaseMs }, slot) => {
  const keys = new QueueKeys(prefix, queue);
  let beating = false;
  const timer = setInterval(() => {
    if (!loopIsAlive() || beating || Atomics.load(flags, slot) === 0) return;
    beating = true;
    link
      .run(beat, [keys.workers, keys.cancelling, keys.inflight], [worker, leaseMs])
      .then((reply) => {
        const [now, lapsed, cancelling] = reply as [string, number, string[]];
        post({ type: 'beat', queue, now: Number(now), lapsed: lapsed === 1, cancelling });
      })
      .catch(() => {}) // the next beat comes by itself; while Redis is away no lease runs out
      .finally(() => {
        beating = false;
      });
  }, leaseMs / 4);
  timer.unref();
});

parentPort?.on('message', () => {
  link.close();
  parentPort?.close();
});
