import { setDefaultResultOrder } from 'node:dns';
import tls from 'node:tls';
import { parentPort } from 'node:worker_threads';
import type { HeartbeatData, HeartbeatMessage, HeartbeatOrder } from './heartbeat.js';
import type { Link } from './link.js';

// The thread that keeps the leases of a process alive while a handler blocks its main loop: a clock, a connection of
// its own, and nothing else. It stops once the main loop has stood still for too long: such a process is as good as dead.

let link: Promise<Link> | undefined;
/** One a lease, while the process holds jobs or lately did. */
let timers: NodeJS.Timeout[] = [];
let startTimers = () => {};

/** The client is loaded and connected for the first beat: most workers settle long before one is due. */
async function connect({ connection, prefix, timeoutMs, connectTimeoutMs, network }: HeartbeatData): Promise<Link> {
  setDefaultResultOrder(network.dnsOrder);
  tls.DEFAULT_MIN_VERSION = network.tlsMin;
  tls.DEFAULT_MAX_VERSION = network.tlsMax;
  const [connector, links] = await Promise.all([import('./connector.js'), import('./link.js')]);
  const client = new connector.Connector(connection, prefix, connectTimeoutMs).connect('heartbeat');
  return new links.Link(client, timeoutMs);
}

/** Returns whether the main loop has moved within `stallLimitMs`; each time that it stops, one message says so. */
function watchLoop(loop: SharedArrayBuffer, stallLimitMs: number): () => boolean {
  const ticks = new Int32Array(loop);
  let lastTick = -1;
  let tickedAt = performance.now();
  let stalled = false;
  return () => {
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
  };
}

function post(message: HeartbeatMessage): void {
  parentPort?.postMessage(message);
}

function begin(data: HeartbeatData): void {
  const { worker, beat, leases, slots, loop, stallLimitMs } = data;
  const flags = new Int32Array(slots);
  const loopIsAlive = watchLoop(loop, stallLimitMs);
  const starts = leases.map(({ queue, keys, leaseMs }, slot) => {
    let beating = false;
    const beatOnce = () => {
      if (!loopIsAlive() || beating || Atomics.load(flags, slot) === 0) return;
      beating = true;
      if (link === undefined) {
        link = connect(data);
        link.catch((error) =>
          setImmediate(() => {
            throw error;
          }),
        ); // ends the thread: the main loop beats from now on
      }
      link
        .then((opened) => opened.run(beat, keys, [worker, leaseMs]))
        .then((reply) => {
          const [now, lapsed, cancelling] = reply as [string, number, string[]];
          post({ type: 'beat', queue, now: Number(now), lapsed: lapsed === 1, cancelling });
        })
        .catch(() => {}) // the next beat comes by itself; while Redis is away no lease runs out
        .finally(() => {
          beating = false;
        });
    };
    return () => setInterval(beatOnce, leaseMs / 4).unref();
  });
  startTimers = () => {
    timers = starts.map((start) => start());
  };
}

function rest(): void {
  for (const timer of timers) clearInterval(timer);
  timers = [];
}

parentPort?.on('message', (message: HeartbeatData | HeartbeatOrder) => {
  switch (message) {
    case 'work':
      return startTimers();
    case 'rest':
      return rest();
    case 'stop':
      void link?.then((opened) => opened.close());
      return parentPort?.close();
    default:
      return begin(message);
  }
});
