// How long jobs wait: from the enqueue call to the handler, behind a due time, behind a slow neighbour.
import { setTimeout as sleep } from 'node:timers/promises';
import { nowUs, quantiles, round } from '../gauges.mjs';

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
  // Arrivals keep to their times, whether or not the system keeps up.
  const adds = [];
  const from = nowUs();
  while (adds.length < total) {
    const due = Math.min(total, Math.floor(((nowUs() - from) / 1e6) * perSecond));
    while (adds.length < due) adds.push(producer.add(stage.payload(adds.length)));
    await sleep(1);
  }
  await Promise.all(adds);
  const end = await done;
  const { samples } = await worker.ask('samples');
  await worker.close();
  await producer.close();
  return { latencyUs: quantiles(samples.slice(1 + warm)), achievedPerSec: round(total / ((end.at - from) / 1e6)) };
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
