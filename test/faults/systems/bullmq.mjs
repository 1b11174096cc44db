// bullmq 6.7.0, out of bench/node_modules, under the same faults: `npm run faults -- --system bullmq`.
// It keeps completed jobs, so that they can be counted; locks of 3 s, except where a trial asks for the built-in 30 s.
import { createRequire } from 'node:module';
import { instant } from '../history.mjs';

const require = createRequire(new URL('../../../bench/package.json', import.meta.url));
const { Queue, Worker } = require('bullmq');
const { Cluster, Redis } = require('ioredis');

const LOCK_LOST = Object.assign(new Error('The lock is lost'), { reason: 'lease-lost' });

/** @param connection a URL, `{ sentinels, name }`, or `{ nodes }` of a cluster */
const connect = (connection) => {
  const options = { maxRetriesPerRequest: null };
  const { nodes } = connection;
  const client = nodes
    ? new Cluster(nodes, { redisOptions: options })
    : typeof connection === 'string'
      ? new Redis(connection, options)
      : new Redis({ ...connection, ...options });
  client.on('error', () => {});
  return client;
};

/** A cluster needs all keys of a queue in one slot: its documentation asks for a prefix in braces. */
const prefixOf = ({ nodes }) => (nodes ? '{bull}' : 'bull');

/** Any key of a queue in a cluster. */
export const clusterKeyOf = (queue) => `{bull}:${queue}:meta`;

export async function openProducer(site) {
  const connection = connect(site.connection);
  const queue = new Queue(site.queue, { connection, prefix: prefixOf(site.connection) });
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
  const prefix = prefixOf(site.connection);
  const openQueue = (name, concurrency) => {
    const worker = new Worker(
      name,
      (job, token, signal) => {
        const schedule = tickOf(job);
        const scheduledFor = schedule?.scheduledFor;
        const attempt = job.attemptsMade + 1;
        // Its locks have tokens without an order: the start of a run tells which is the newest.
        const fence = Math.round(instant() * 1000);
        return run({ id: job.id, payload: job.data, attempt, fence, signal, schedule, scheduledFor });
      },
      { connection, prefix, concurrency, lockDuration, stalledInterval: lockDuration },
    );
    worker.on('error', () => {});
    // It tells the worker that a lock is lost; that the handler hears of it is one line of its user's.
    worker.on('lockRenewalFailed', (ids) => ids.forEach((id) => worker.cancelJob(id, LOCK_LOST)));
    return worker;
  };
  const workers = [openQueue(site.queue, site.concurrency)];
  for (let index = 0; index < (site.moreQueues ?? 0); index++) workers.push(openQueue(`${site.queue}-${index}`, 1));
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  if (site.schedules) {
    const queue = new Queue(site.queue, { connection, prefix });
    queue.on('error', () => {});
    // Every instance declares its schedules as it starts, as a decorator would.
    for (const [name, { expression, payload }] of Object.entries(site.schedules)) {
      await queue.upsertJobScheduler(name, { pattern: expression, tz: 'UTC' }, { name, data: payload });
    }
  }
  const close = async () => {
    await Promise.all(workers.map((worker) => worker.close()));
    connection.disconnect();
  };
  let closing;
  process.on('SIGTERM', () => {
    closing ??= close().then(() => process.exit(0));
  });
  return { close };
}

/** The id of a job that a schedule made is `repeat:<schedule>:<tick>`. */
function tickOf({ id }) {
  const [, name, tick] = /^repeat:(.+):(\d+)$/.exec(id) ?? [];
  return name && { name, scheduledFor: Number(tick), missed: 0 };
}

const STATES = { completed: 'completed', failed: 'dead', waiting: 'ready', active: 'inflight', delayed: 'scheduled' };

export async function openAuditor({ connection, queue: name }) {
  const redis = connect(connection);
  const queue = new Queue(name, { connection: redis, prefix: prefixOf(connection) });
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
          if (!job) continue;
          const tick = tickOf(job);
          const payload = tick ? { schedule: tick.name, ...tick } : job.data;
          const n = tick ? `${tick.name}@${tick.scheduledFor}` : job.data?.n;
          const detail = (state === 'completed' ? JSON.stringify(job.returnvalue) : job.failedReason) ?? '';
          jobs.push({ id: job.id, n, state: ours, detail, payload, data: job.data });
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
