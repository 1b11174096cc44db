// bullmq's job schedulers out of bench/node_modules. It has no spread by name: a second is given to each.
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../../bench/package.json', import.meta.url));
const { Queue, Worker } = require('bullmq');

/** Time to register all of them, ms. */
export const ROOM_MS = 120_000;

function connectionOf(url) {
  const { hostname: host, port } = new URL(url);
  return { host, port: Number(port), maxRetriesPerRequest: null };
}

export async function openRegistrar({ queue: name, server }) {
  const queue = new Queue(name, { connection: connectionOf(server.url) });
  await queue.waitUntilReady();
  return {
    one(schedule, startAt) {
      const second = Number(schedule.slice('tenant-'.length)) % 60;
      const rule = { pattern: `${second} * * * * *`, tz: 'UTC', startDate: new Date(startAt) };
      return queue.upsertJobScheduler(schedule, rule, { name: schedule, data: { of: schedule } });
    },
    close: () => queue.close(),
  };
}

export async function openWorker({ queue, connection }, ran) {
  const options = { connection: connectionOf(connection), concurrency: 100, removeOnComplete: { count: 1000 } };
  const worker = new Worker(
    queue,
    async (job) => {
      const [, name, tick] = /^repeat:(.+):(\d+)$/.exec(job.id);
      ran(name, Number(tick));
    },
    options,
  );
  worker.on('error', () => {});
  await worker.waitUntilReady();
}
