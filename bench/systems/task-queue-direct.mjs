//   task-queue:direct  the worker class on the Redis store, without Nest around it: shows what Nest costs a job
import { randomBytes } from 'node:crypto';
import { jsonCodec } from '../../dist/core/codec.js';
import { encodeEnvelope } from '../../dist/core/envelope.js';
import { RedisStore } from '../../dist/redis/redis-store.js';
import { DEFAULTS } from '../../dist/options/options.js';
import { HandlerTable } from '../../dist/worker/handler-plan.js';
import { Worker } from '../../dist/worker/worker.js';

export const cannot = () => ['unique', 'groups'];

const UNFINISHED = ['scheduled', 'ready', 'active', 'parked', 'blocked'];
const AT_ONCE = { type: 'fixed', delayMs: 0, maxMs: 0, jitter: 0 };

export async function openProducer({ host, port, queues }) {
  const store = await openStore(host, port);
  const toJob = (payload, extra) => ({
    envelope: encodeEnvelope(store.connection.now(), undefined, headerOf(extra), JSON.stringify(payload)),
    ...(extra?.dueAt !== undefined && { runAt: extra.dueAt }),
  });
  return {
    add: (payload, extra, queue = queues[0]) => store.intake.enqueue(queue, [toJob(payload, extra)]),
    addMany: (payloads, extra, queue = queues[0]) =>
      store.intake.enqueue(
        queue,
        payloads.map((payload) => toJob(payload, extra)),
      ),
    async pending() {
      const counts = await Promise.all(queues.map((queue) => store.curation.counts(queue)));
      return counts.reduce((sum, count) => sum + UNFINISHED.reduce((part, state) => part + count[state], 0), 0);
    },
    close: () => store.connection.close(),
  };
}

export async function openWorker({ host, port, queues, concurrency, handle, keepAll }) {
  const store = await openStore(host, port);
  const workerId = randomBytes(9).toString('hex');
  const retention = { ...DEFAULTS.job.retention };
  if (keepAll) retention.completed = { ...retention.completed, count: 1_000_000 };
  const settings = { ...DEFAULTS.job, retention };
  const workers = new Map();
  for (const queue of queues) {
    const handler = { queue, name: undefined, label: 'Bench.handle', invoke: (job) => handle(job.payload) };
    const worker = new Worker({
      store,
      queue,
      workerId,
      handlers: new HandlerTable([{ handler, settings }]),
      codec: jsonCodec,
      backoffs: {},
      resultLimit: DEFAULTS.payloadLimit,
      payloadLimit: DEFAULTS.payloadLimit,
      fallback: settings,
      settings: { ...DEFAULTS.worker, concurrency },
      logger: { log() {}, warn: console.error, error: console.error },
    });
    workers.set(queue, worker);
  }
  await store.workers.onWake(workerId, (queue) => workers.get(queue)?.wake());
  for (const worker of workers.values()) worker.start();
  return {
    async close() {
      const open = [...workers.values()];
      for (const worker of open) worker.stopReserving();
      await Promise.all(open.map((worker) => worker.drained()));
      for (const worker of open) worker.close();
      await Promise.all(queues.map((queue) => store.workers.leave(queue, workerId)));
      await store.connection.close();
    },
  };
}

async function openStore(host, port) {
  const store = new RedisStore({
    connection: { host, port },
    prefix: DEFAULTS.prefix,
    commandTimeoutMs: DEFAULTS.commandTimeoutMs,
    connectTimeoutMs: DEFAULTS.connectTimeoutMs,
    waitForRedis: false,
    allowEviction: false,
    maxCrashes: DEFAULTS.maxCrashes,
    logLines: DEFAULTS.logs.lines,
  });
  await store.connection.open();
  return store;
}

function headerOf(extra) {
  if (extra === undefined) return undefined;
  const header = {};
  if (extra.attempts !== undefined) Object.assign(header, { m: extra.attempts, b: AT_ONCE });
  if (extra.dueAt !== undefined) header.s = extra.dueAt;
  return header;
}
