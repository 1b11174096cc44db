import { nowUs, quantiles } from '../gauges.mjs';

export async function enqueueOne(stage) {
  const { jobs, warm } = stage.params;
  const producer = await stage.openProducer();
  for (let i = 0; i < warm; i++) await producer.add(stage.payload(i));
  const latencies = new Float64Array(jobs);
  const costs = await stage.timed(jobs, async () => {
    for (let i = 0; i < jobs; i++) {
      const from = nowUs();
      await producer.add(stage.payload(i));
      latencies[i] = nowUs() - from;
    }
  });
  await producer.close();
  return { ...costs, latencyUs: quantiles(latencies) };
}

export async function enqueueInFlight(stage) {
  const { jobs, warm, inflight, autoPipelining } = stage.params;
  const producer = await stage.openProducer({ autoPipelining });
  await stage.addInFlight(producer, warm, inflight);
  const costs = await stage.timed(jobs, () => stage.addInFlight(producer, jobs, inflight));
  await producer.close();
  return costs;
}

export async function enqueueLoops(stage) {
  const { jobs, warm, loops } = stage.params;
  const producer = await stage.openProducer();
  const addAll = async (count) => {
    let next = 0;
    const caller = async () => {
      while (next < count) await producer.add(stage.payload(next++));
    };
    await Promise.all(Array.from({ length: loops }, caller));
  };
  await addAll(warm);
  const costs = await stage.timed(jobs, () => addAll(jobs));
  await producer.close();
  return costs;
}

export async function enqueueBulk(stage) {
  const { jobs, warm } = stage.params;
  const producer = await stage.openProducer();
  await stage.preload(producer, warm);
  const costs = await stage.timed(jobs, () => stage.preload(producer, jobs));
  await producer.close();
  return costs;
}
