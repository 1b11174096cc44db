// bullmq 6.7.0, out of bench/node_modules, under the same faults: `npm run faults -- --system bullmq`.
// It keeps completed jobs, so that they can be counted; locks of 3 s instead of 30, so that a trial takes seconds.
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../../bench/package.json', import.meta.url));
const { Queue, Worker } = require('bullmq');
const { Redis } = require('ioredis');

const connect = (connection) => {
  const client = new Redis(connection, { maxRetriesPerRequest: null });
  client.on('error', () => {});
  return client;
};

export async function openProducer(site) {
  const connection = connect(site.connection);
  const queue = new Queue(site.queue, { connection });
  queue.on('error', () => {});
  await queue.waitUntilReady();
  const optionsOf = ({ delay, id, maxAttempts } = {}) => ({ delay, jobId: id, attempts: maxAttempts });
  return {
    queue,
    add: async (payload, options) => (await queue.add('job', payload, optionsOf(options))).id,
    addMany: (payloads, options) =>
      queue.addBulk(payloads.map((data) => ({ name: 'job', data, opts: optionsOf(options) }))),
    // It has no typed error for an outcome that stays open: a user repeats what failed.
    verdictOn: () => ({ outcome: 'unknown', retry: undefined }),
    async close() {
      await queue.close();
      connection.disconnect();
    },
  };
}

export async function openWorker(site, run) {
  const connection = connect(site.connection);
  const lockDuration = site.leaseMs ?? 30_000;
  const worker = new Worker(
    site.queue,
    (job) => run({ id: job.id, payload: job.data, attempt: job.attemptsMade + 1, fence: 0, signal: undefined }),
    { connection, concurrency: site.concurrency, lockDuration, stalledInterval: lockDuration },
  );
  worker.on('error', () => {});
  await worker.waitUntilReady();
  const close = async () => {
    await worker.close();
    connection.disconnect();
  };
  let closing;
  process.on('SIGTERM', () => {
    closing ??= close().then(() => process.exit(0));
  });
  return { close };
}

const STATES = { completed: 'completed', failed: 'dead', waiting: 'ready', active: 'inflight', delayed: 'scheduled' };

export async function openAuditor({ connection, queue: name }) {
  const redis = connect(connection);
  const queue = new Queue(name, { connection: redis });
  queue.on('error', () => {});
  return {
    redis,
    async counts() {
      const { waiting, active, delayed } = await queue.getJobCounts('waiting', 'active', 'delayed');
      return { ready: waiting, active, scheduled: delayed, parked: 0 };
    },
    async pending() {
      const { ready, active, scheduled } = await this.counts();
      return ready + active + scheduled;
    },
    async audit() {
      const jobs = [];
      for (const [state, ours] of Object.entries(STATES)) {
        for (const job of await queue.getJobs([state], 0, -1)) {
          if (job)
            jobs.push({ id: job.id, n: job.data?.n, state: ours, detail: job.failedReason ?? '', payload: job.data });
        }
      }
      return { jobs, violations: [] };
    },
    async close() {
      await queue.close();
      redis.disconnect();
    },
  };
}
