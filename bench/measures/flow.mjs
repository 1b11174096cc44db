import { round } from '../gauges.mjs';

/** Callers that await their own adds, of a few keys: nearly every job has a key that another one holds. */
export async function uniqueAdds(stage) {
  const { jobs, warm, loops, keys } = stage.params;
  const producer = await stage.openProducer();
  const addAll = async (count) => {
    let next = 0;
    const caller = async () => {
      while (next < count) {
        const index = next++;
        await producer.add(stage.payload(index), { unique: `key-${index % keys}` });
      }
    };
    await Promise.all(Array.from({ length: loops }, caller));
  };
  await addAll(warm);
  const costs = await stage.timed(jobs, () => addAll(jobs));
  const stored = await producer.pending();
  await producer.close();
  return { ...costs, stored };
}

/** The same in bulk calls. */
export async function uniqueBulk(stage) {
  const { jobs, warm, keys } = stage.params;
  const producer = await stage.openProducer();
  const addAll = (count) => stage.preload(producer, count, { extra: { keys } });
  await addAll(warm);
  const costs = await stage.timed(jobs, () => addAll(jobs));
  const stored = await producer.pending();
  await producer.close();
  return { ...costs, stored };
}

/** The same drain with jobs of no group, and of more and more groups. */
export async function groups(stage) {
  const { jobs, warm, concurrency, groups: sizes } = stage.params;
  const results = {};
  for (const size of [0, ...sizes]) {
    const queues = [`groups-${size}`];
    const producer = await stage.openProducer({ queues });
    await stage.preload(producer, jobs + warm, { queue: queues[0], extra: size === 0 ? undefined : { groups: size } });
    await stage.admin.config('SET', 'slowlog-log-slower-than', '1000');
    await stage.admin.slowlog('RESET');
    const costs = await stage.drain(producer, { jobs, warm, concurrency, queues });
    const [slowest] = (await stage.admin.slowlog('GET', '128')).map(([, , us]) => us).sort((one, other) => other - one);
    results[size === 0 ? 'none' : `of${size}`] = { ...costs, slowestScriptMs: round((slowest ?? 0) / 1000, 2) };
    if (size > 0) {
      const key = `{tq:${queues[0]}}:lanes`;
      const [bytes, count] = [await stage.admin.memory('USAGE', key, 'SAMPLES', '0'), await stage.admin.hlen(key)];
      results[`of${size}`].idleGroupBytes = count === 0 ? 0 : round(bytes / count);
    }
    await producer.close();
  }
  const [least, most] = [results[`of${Math.min(...sizes)}`], results[`of${Math.max(...sizes)}`]];
  return {
    ...results,
    againstNone: round(results.of10000.jobsPerSec / results.none.jobsPerSec, 3),
    growth: round(most.redisUsPerJob / least.redisUsPerJob, 3),
  };
}
