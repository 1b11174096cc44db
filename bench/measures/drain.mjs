import { setTimeout as sleep } from 'node:timers/promises';
import { nowUs, round } from '../gauges.mjs';
import { payloadMaker } from '../payloads.mjs';

export async function drain(stage) {
  const { jobs, warm, concurrency } = stage.params;
  const producer = await stage.openProducer();
  await stage.preload(producer, jobs + warm);
  const costs = await stage.drain(producer, { jobs, warm, concurrency });
  await producer.close();
  return costs;
}

/** Short payloads and long ones in one queue, as a shop has them that sends an attachment now and then. */
export async function mixed(stage) {
  const { jobs, warm, concurrency, inflight } = stage.params;
  const [short, long] = [payloadMaker(2000), payloadMaker(50_000)];
  const payload = (index) => (index % 10 === 9 ? long(index) : short(index));
  const producer = await stage.openProducer();
  await stage.addInFlight(producer, warm, inflight, payload);
  const add = await stage.timed(jobs, () => stage.addInFlight(producer, jobs, inflight, payload));
  const drained = await stage.drain(producer, { jobs, warm, concurrency });
  await producer.close();
  return { add, drain: drained };
}

export async function retry(stage) {
  const { jobs, concurrency } = stage.params;
  const producer = await stage.openProducer();
  await stage.preload(producer, jobs, { extra: { attempts: 2 } });
  const worker = stage.workerProcess({ behaviour: 'failOnce', milestones: [jobs], concurrency });
  await worker.ready;
  const done = worker.reached(jobs);
  const before = await stage.counters();
  const from = nowUs();
  const start = await worker.start();
  const end = await done;
  const seconds = ((await stage.finished(producer)) - from) / 1e6;
  const after = await stage.counters();
  await worker.close();
  await producer.close();
  return {
    jobsPerSec: round(jobs / seconds),
    seconds: round(seconds, 3),
    redisUsPerJob: round(((after.cpu - before.cpu) / jobs) * 1e6, 2),
    nodeUsPerJob: round(((end.cpu - start.cpu) / jobs) * 1e6, 2),
  };
}

/** First all jobs in one queue, then as many spread over several queues of one process. */
export async function queues(stage) {
  const { jobs, warm, concurrency, queues: count } = stage.params;
  const names = Array.from({ length: count }, (_, index) => `bench-${index}`);
  const one = await stage.openProducer();
  await stage.preload(one, jobs + warm);
  const single = await stage.drain(one, { jobs, warm, concurrency });
  await one.close();

  const several = await stage.openProducer({ queues: names });
  const share = Math.floor((jobs + warm) / count);
  for (const queue of names) await stage.preload(several, share, { queue });
  const without = (await stage.counters()).clients;
  let connections = 0;
  const watch = setInterval(() => {
    stage.counters().then(
      ({ clients }) => (connections = Math.max(connections, clients - without)),
      () => {},
    );
  }, 20);
  const costs = await stage.drain(several, { jobs: share * count - warm, warm, concurrency, queues: names });
  clearInterval(watch);
  await several.close();
  return {
    ...costs,
    oneQueueJobsPerSec: single.jobsPerSec,
    againstOneQueue: round(costs.jobsPerSec / single.jobsPerSec, 3),
    connections,
  };
}

/** Workers first, then jobs: time from the first add until the system says that all is done. */
export async function workers(stage) {
  const { jobs, workers: count, concurrency } = stage.params;
  const producer = await stage.openProducer();
  const processes = Array.from({ length: count }, () => stage.workerProcess({ concurrency }));
  await Promise.all(processes.map((worker) => worker.start()));
  await stage.preload(producer, 100 * count);
  await stage.finished(producer);
  await sleep(300);
  const states = () => Promise.all(processes.map((worker) => worker.ask('state')));
  const begin = await states();
  const before = await stage.counters();
  const from = nowUs();
  await stage.preload(producer, jobs);
  const seconds = ((await stage.finished(producer, 5)) - from) / 1e6;
  const after = await stage.counters();
  const shares = (await states()).map(({ count: handled }, index) => (handled - begin[index].count) / jobs);
  await Promise.all(processes.map((worker) => worker.close()));
  await producer.close();
  return {
    jobsPerSec: round(jobs / seconds),
    seconds: round(seconds, 3),
    redisUsPerJob: round(((after.cpu - before.cpu) / jobs) * 1e6, 2),
    // 1 is a fair share of the jobs for the worker that got the fewest.
    leastShare: round(Math.min(...shares) * count, 3),
  };
}
