//   bee-queue       events sent, succeeded jobs kept
//   bee-queue:fast  what its documentation advises for speed: sendEvents: false, removeOnSuccess: true
import BeeQueue from 'bee-queue';

export const cannot = (variant) => ['unique', 'groups', ...(variant === '' ? ['rss-growth'] : [])];

const CLOSE_MS = 50;
const settingsOf = ({ host, port, variant }) => ({
  redis: { host, port },
  getEvents: false,
  storeJobs: false,
  ...(variant === 'fast' ? { sendEvents: false, removeOnSuccess: true } : {}),
});

export async function openProducer(site) {
  const queues = new Map(
    site.queues.map((name) => [name, new BeeQueue(name, { ...settingsOf(site), isWorker: false })]),
  );
  const all = [...queues.values()];
  await Promise.all(all.map((queue) => queue.ready()));
  const create = (queue, payload, extra) => {
    const job = queue.createJob(payload);
    if (extra?.dueAt !== undefined) job.delayUntil(extra.dueAt);
    if (extra?.attempts !== undefined) job.retries(extra.attempts - 1);
    return job;
  };
  return {
    add: (payload, extra, queue = site.queues[0]) => create(queues.get(queue), payload, extra).save(),
    addMany(payloads, extra, name = site.queues[0]) {
      const queue = queues.get(name);
      return queue.saveAll(payloads.map((payload) => create(queue, payload, extra)));
    },
    async pending() {
      let total = 0;
      for (const queue of all) {
        const { waiting, active, delayed } = await queue.checkHealth();
        total += waiting + active + delayed;
      }
      return total;
    },
    close: () => closeAll(all),
  };
}

export async function openWorker(site) {
  const queues = site.queues.map(
    (name) => new BeeQueue(name, { ...settingsOf(site), activateDelayedJobs: site.hasDelays === true }),
  );
  for (const queue of queues) {
    queue.on('error', (error) => console.error('bee-queue:', error.message));
    await queue.ready();
    queue.process(site.concurrency, (job) => site.handle(job.data));
  }
  return { close: () => closeAll(queues) };
}

async function closeAll(queues) {
  await Promise.all(queues.map((queue) => queue.close(CLOSE_MS).catch(() => {}))); // late jobs are no matter here
}
