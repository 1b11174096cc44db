// Pings a server every 10 ms from a thread of its own: what it measures holds no pauses of the trial.
import { parentPort, workerData } from 'node:worker_threads';
import { Redis } from 'ioredis';

const probe = new Redis(workerData.url);
const pings = [];
let stopped = false;
parentPort.on('message', () => (stopped = true));
while (!stopped) {
  const sentAt = performance.now();
  await probe.ping();
  pings.push(performance.now() - sentAt);
  await new Promise((resolve) => setTimeout(resolve, 10));
}
probe.disconnect();
parentPort.postMessage(pings);
parentPort.close();
