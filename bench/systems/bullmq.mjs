//   bullmq     as it comes: every completed job is kept
//   bullmq:rm  removeOnComplete
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';

export const cannot = (variant) => ['groups', ...(variant === '' ? ['rss-growth'] : [])]; // it would keep a million completed jobs

const connect = ({ host, port }, extra) => new Redis({ host, port, maxRetriesPerRequest: null, ...extra });

export async function openProducer(site) {
  const connection = connect(site, { enableAutoPipelining: site.autoPipelining === true });
  const defaultJobOptions = site.variant === 'rm' ? { removeOnComplete: true } : {};
  const queues = new Map(site.queues.map((name) => [name, new Queue(name, { connection, defaultJobOptions })]));
  const all = [...queues.values()];
  await Promise.all(all.map((queue) => queue.waitUntilReady()));
  return {
    add: (payload, extra, queue = site.queues[0]) => queues.get(queue).add('job', payload, optionsOf(extra)),
    addMany(payloads, extra, queue = site.queues[0]) {
      const opts = optionsOf(extra);
      const keyed = (data) => ({ ...opts, deduplication: { id: `key-${data.i % extra.keys}` } });
      return queues
        .get(queue)
        .addBulk(payloads.map((data) => ({ name: 'job', data, opts: extra?.keys === undefined ? opts : keyed(data) })));
    },
    async pending() {
      let total = 0;
      for (const queue of all) {
        const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized', 'waiting-children');
        for (const count of Object.values(counts)) total += count;
      }
      return total;
    },
    async close() {
      await Promise.all(all.map((queue) => queue.close()));
      connection.disconnect();
    },
  };
}

export async function openWorker(site) {
  const connection = connect(site);
  const workers = site.queues.map(
    (queue) => new Worker(queue, (job) => site.handle(job.data), { connection, concurrency: site.concurrency }),
  );
  for (const worker of workers) worker.on('error', (error) => console.error('bullmq:', error.message));
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  return {
    async close() {
      await Promise.all(workers.map((worker) => worker.close(true)));
      connection.disconnect();
    },
  };
}

function optionsOf(extra) {
  if (extra === undefined) return undefined;
  const options = {};
  if (extra.dueAt !== undefined) options.delay = Math.max(0, extra.dueAt - Date.now());
  if (extra.unique !== undefined) options.deduplication = { id: extra.unique };
  if (extra.attempts !== undefined) options.attempts = extra.attempts;
  return options;
}
