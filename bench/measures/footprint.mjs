// What a system takes up: memory in Redis and in a worker, the cost of idling, costs behind a long backlog.
import { setTimeout as sleep } from 'node:timers/promises';
import { nowUs, quantiles, round } from '../gauges.mjs';

const HOUR_MS = 3_600_000;
const MB = 1024 * 1024;
/** What a start leaves to be done: garbage, timers that run for some seconds behind the last job. */
const SETTLE_MS = 15_000;

export async function memory(stage) {
  const { jobs, concurrency } = stage.params;
  const producer = await stage.openProducer({ keepAll: true });
  await stage.preload(producer, 1);
  await sleep(100);
  const empty = (await stage.counters()).memory;
  await stage.preload(producer, jobs);
  await sleep(200);
  const waiting = (await stage.counters()).memory;
  const worker = stage.workerProcess({ behaviour: 'result', milestones: [jobs + 1], concurrency, keepAll: true });
  const done = worker.reached(jobs + 1);
  await worker.start();
  await done;
  await stage.finished(producer);
  await worker.close();
  await sleep(300);
  const completed = (await stage.counters()).memory;
  await producer.close();
  return { waitingBytes: round((waiting - empty) / jobs, 1), completedBytes: round((completed - empty) / jobs, 1) };
}

export async function idle(stage) {
  const { workers, seconds } = stage.params;
  const producer = await stage.openProducer();
  await producer.add(stage.payload(0));
  const without = (await stage.counters()).clients;
  const host = stage.workerProcess({ concurrency: 1, instances: workers, milestones: [1] });
  const done = host.reached(1);
  await host.start();
  await done;
  await sleep(SETTLE_MS);
  const monitor = await stage.admin.monitor();
  let sent = 0;
  // Commands inside scripts are not sent by anybody, and ours do not count.
  monitor.on('monitor', (_time, [command], source) => {
    if (source !== 'lua' && command.toLowerCase() !== 'info') sent++;
  });
  const before = await stage.counters();
  const from = await host.ask('state');
  sent = 0;
  await sleep(seconds * 1000);
  const counted = sent;
  const after = await stage.counters();
  const until = await host.ask('state');
  monitor.disconnect();
  await host.close();
  await producer.close();
  const elapsed = (until.at - from.at) / 1e6;
  return {
    clientCommandsPerSec: round(counted / elapsed, 2),
    readsPerSec: round((after.reads - before.reads - 1) / elapsed, 2),
    commandsPerSec: round((after.commands - before.commands - 1) / elapsed, 2),
    workerCpuMsPerSec: round(((until.cpu - from.cpu) * 1000) / elapsed, 2),
    redisCpuMsPerSec: round(((after.cpu - before.cpu) * 1000) / elapsed, 2),
    connectionsPerWorker: round((before.clients - 1 - without) / workers, 1),
  };
}

/** Users run every one of these in a Nest application, so each has one here: what Nest itself weighs is in every figure. */
export async function residentMemory(stage) {
  const { jobs, portion, concurrency } = stage.params;
  const [idle, busy] = await memoryAfter(stage, { points: [0, jobs], portion, concurrency, inNest: true });
  return {
    residentMb: round(busy.rss / MB, 1),
    heapMb: round(busy.heapUsed / MB, 1),
    idleMb: round(idle.rss / MB, 1),
  };
}

export async function memoryGrowth(stage) {
  const { first, last, portion, concurrency } = stage.params;
  const [early, late] = await memoryAfter(stage, { points: [first, last], portion, concurrency });
  return {
    growth: round(late.rss / early.rss, 3),
    firstMb: round(early.rss / MB, 1),
    lastMb: round(late.rss / MB, 1),
    heapGrowth: round(late.heapUsed / early.heapUsed, 3),
  };
}

/** What a worker process holds after so many jobs. */
async function memoryAfter(stage, { points, portion, ...plan }) {
  const producer = await stage.openProducer();
  const worker = stage.workerProcess(plan);
  await worker.start();
  const found = [];
  let handled = 0;
  for (const point of points) {
    while (handled < point) {
      const jobs = Math.min(portion, point - handled);
      await stage.preload(producer, jobs);
      await stage.finished(producer, 10);
      handled += jobs;
    }
    found.push(await worker.ask('memory'));
  }
  await worker.close();
  await producer.close();
  return found;
}

export async function growth(stage) {
  const { kind, sizes, compare, fetch } = stage.params;
  const adds = 3000;
  const warm = 500;
  const producer = await stage.openProducer();
  const extra = kind === 'delayed' ? { dueAt: Date.now() + HOUR_MS } : undefined;
  const result = {};
  let backlog = 0;
  for (const size of sizes) {
    await stage.preload(producer, size - backlog, { extra });
    for (let i = 0; i < warm; i++) await producer.add(stage.payload(i), extra);
    const latencies = new Float64Array(adds);
    const costs = await stage.timed(adds, async () => {
      for (let i = 0; i < adds; i++) {
        const from = nowUs();
        await producer.add(stage.payload(i), extra);
        latencies[i] = nowUs() - from;
      }
    });
    backlog = size + adds + warm;
    result[`add@${size}`] = { p50Us: quantiles(latencies).p50, redisUsPerJob: costs.redisUsPerJob };
    result[`fetch@${size}`] = await fetchSome();
    if (kind === 'waiting') backlog -= fetch;
  }
  const [small, large] = compare;
  const ratio = (what) => round(result[`${what}@${large}`].redisUsPerJob / result[`${what}@${small}`].redisUsPerJob, 3);
  result.addGrowth = ratio('add');
  result.fetchGrowth = ratio('fetch');
  result.redisMb = round((await stage.counters()).memory / 1e6);
  await producer.close();
  return result;

  /** A worker that stops after `fetch` jobs; jobs of a scheduled backlog are not due, so these are added for it. */
  async function fetchSome() {
    if (kind === 'delayed') await stage.preload(producer, fetch + warm);
    const worker = stage.workerProcess({ concurrency: 10, milestones: [warm, fetch], hasDelays: kind === 'delayed' });
    await worker.ready;
    const warmed = worker.reached(warm).then(async (start) => ({ start, before: await stage.counters() }));
    const done = worker.reached(fetch);
    await worker.start();
    const { start, before } = await warmed;
    const end = await done;
    const after = await stage.counters();
    await worker.close();
    const jobs = fetch - warm;
    return {
      jobsPerSec: round(jobs / ((end.at - start.at) / 1e6)),
      redisUsPerJob: round(((after.cpu - before.cpu) / jobs) * 1e6, 2),
    };
  }
}
