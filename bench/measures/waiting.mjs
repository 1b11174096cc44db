// How long jobs wait: from the enqueue call to the handler, behind a due time, behind a slow neighbour.
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds, nowUs, perJob, quantiles, round } from '../gauges.mjs';

const EARLY_US = 1000;

export async function latency(stage) {
  const { jobs, warm, perSecond, concurrency } = stage.params;
  const total = jobs + warm;
  const producer = await stage.openProducer();
  await producer.add(stage.payload(0)); // queue and scripts exist before the clock runs
  const worker = stage.workerProcess({ behaviour: 'latency', milestones: [total + 1], concurrency });
  await worker.ready;
  const done = worker.reached(total + 1);
  await worker.start();
  await sleep(300);
  const from = nowUs();
  await addAtRate(stage, producer, total, perSecond);
  const end = await done;
  const { samples } = await worker.ask('samples');
  await worker.close();
  await producer.close();
  return { latencyUs: quantiles(samples.slice(1 + warm)), achievedPerSec: round(total / ((end.at - from) / 1e6)) };
}

/**
 * The load of a usual day: jobs that wait for something else, at a rate that leaves every process idle most of the time.
 * Costs are those of both Node processes and of Redis while the measured jobs were added and handled.
 */
export async function steady(stage) {
  const { jobs, warm, perSecond, jobMs, concurrency } = stage.params;
  const producer = await stage.openProducer();
  const worker = stage.workerProcess({ behaviour: 'steady', milestones: [warm, warm + jobs], concurrency, jobMs });
  await worker.ready;
  const warmed = worker.reached(warm);
  const done = worker.reached(warm + jobs);
  await worker.start();
  await sleep(300);
  await addAtRate(stage, producer, warm, perSecond);
  await warmed;
  await stage.finished(producer);
  globalThis.gc();
  await worker.ask('samples'); // those of the warm-up
  const before = await stage.counters();
  const start = await worker.ask('state');
  const cpu = process.cpuUsage();
  const from = nowUs();
  await addAtRate(stage, producer, jobs, perSecond);
  const end = await done;
  const producerSeconds = cpuSeconds(cpu);
  const after = await stage.counters();
  const { samples } = await worker.ask('samples');
  await worker.close();
  await producer.close();
  const costs = perJob(jobs, (end.at - from) / 1e6, before, after, producerSeconds + end.cpu - start.cpu);
  return {
    ...costs,
    producerUsPerJob: round((producerSeconds / jobs) * 1e6, 2),
    workerUsPerJob: round(((end.cpu - start.cpu) / jobs) * 1e6, 2),
    latencyUs: quantiles(samples),
  };
}

/** Many jobs that wait are there already: how close a worker comes to running as many at a time as it may. */
export async function sleepers(stage) {
  const { jobs, jobMs, concurrency } = stage.params;
  const producer = await stage.openProducer();
  await stage.preload(producer, jobs);
  const worker = stage.workerProcess({ behaviour: 'steady', milestones: [1, jobs], concurrency, jobMs });
  await worker.ready;
  const first = worker.reached(1);
  const done = worker.reached(jobs);
  await worker.start();
  const start = await first;
  const end = await done;
  await worker.close();
  await producer.close();
  // The first one has ended when the clock begins: its time counts, too.
  const seconds = (end.at - start.at) / 1e6 + jobMs / 1000;
  const perfect = (jobs / concurrency) * (jobMs / 1000);
  return { seconds: round(seconds, 3), overPerfect: round(seconds / perfect, 3) };
}

/** Arrivals keep to their times, whether or not the system keeps up. */
async function addAtRate(stage, producer, count, perSecond) {
  const adds = [];
  const from = nowUs();
  while (adds.length < count) {
    const due = Math.min(count, Math.floor(((nowUs() - from) / 1e6) * perSecond));
    while (adds.length < due) adds.push(producer.add(stage.payload(adds.length)));
    await sleep(1);
  }
  await Promise.all(adds);
}

export async function delayed(stage) {
  const { jobs, aheadMs, concurrency } = stage.params;
  const producer = await stage.openProducer();
  const worker = stage.workerProcess({ behaviour: 'lateness', milestones: [jobs], concurrency, hasDelays: true });
  const done = worker.reached(jobs);
  await worker.start();
  await sleep(300);
  const due = nowUs() + aheadMs * 1000;
  const dueAt = Date.now() + aheadMs;
  await stage.preload(producer, jobs, { extra: { dueAt }, more: { due } });
  const addMs = aheadMs - (due - nowUs()) / 1000;
  const end = await done;
  const { samples } = await worker.ask('samples');
  await worker.close();
  await producer.close();
  return {
    drainMs: round((end.at - due) / 1000),
    latenessMs: quantiles(samples, 1000),
    early: samples.filter((lateness) => lateness < -EARLY_US).length,
    addMs: round(addMs),
  };
}

/** Slow jobs for two workers, first while nothing is known of their speed, then after many quick ones. */
export async function split(stage) {
  const { workers: count, concurrency, jobs, jobMs, quickJobs } = stage.params;
  const producer = await stage.openProducer();
  const workers = Array.from({ length: count }, () => stage.workerProcess({ behaviour: 'takeTime', concurrency }));
  await Promise.all(workers.map((worker) => worker.start()));
  await sleep(300);
  const spread = async () => {
    const from = nowUs();
    await stage.preload(producer, jobs, { more: { ms: jobMs } });
    const ends = [];
    while (ends.length < jobs) {
      await sleep(10);
      for (const { samples } of await Promise.all(workers.map((worker) => worker.ask('samples'))))
        ends.push(...samples);
    }
    return (Math.max(...ends) - from) / 1000;
  };
  const coldMs = await spread();
  await stage.preload(producer, quickJobs);
  await stage.finished(producer, 5);
  await sleep(300);
  const warmMs = await spread();
  await Promise.all(workers.map((worker) => worker.close()));
  await producer.close();
  const perfectMs = (jobs / (count * concurrency)) * jobMs;
  return {
    coldMs: round(coldMs),
    warmMs: round(warmMs),
    coldOverPerfect: round(coldMs / perfectMs, 3),
    warmOverPerfect: round(warmMs / perfectMs, 3),
  };
}
