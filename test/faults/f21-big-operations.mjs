// Purge, retry-all and listings on a large queue, with a PING every 10 ms beside them.
import { Worker } from 'node:worker_threads';
import { instant } from './history.mjs';

export const id = 'F21';
export const name = 'big-operations';

export async function run(trial) {
  const count = trial.full ? 1_000_000 : 60_000;
  await trial.redis();
  const admin = trial.admin();
  const producer = await trial.producer();
  const auditor = await trial.auditor();
  const queue = trial.queue;
  const { queues } = producer;
  await trial.fill(producer, count, () => ({ ms: 0 }));
  // Dead letters by the thousand, written as the scripts write them: running them would take longer than the trial.
  const dead = trial.full ? count : count / 10;
  for (let done = 0; done < dead; done += 1000) {
    const pipeline = admin.pipeline();
    const at = Date.now();
    for (let index = done; index < done + 1000; index++) {
      const number = `zz${String(index).padStart(8, '0')}`;
      const record = `D${at}{"reason":"exhausted","message":"x"}\n1abc\n{"n":${-1 - index}}`;
      pipeline.hset(auditor.key('jobs'), number, record).zadd(auditor.key('dead'), at, number);
    }
    pipeline.hincrby(auditor.key('meta'), 'deadBytes', 60_000);
    await pipeline.exec();
  }
  await admin.config('SET', 'slowlog-log-slower-than', '10000');
  await admin.slowlog('RESET');

  const pinger = new Worker(new URL('./ping-thread.mjs', import.meta.url), { workerData: { url: trial.server.url } });
  const took = {};
  const timed = async (what, work) => {
    const startedAt = instant();
    const value = await work();
    took[what] = Math.round(instant() - startedAt);
    return value;
  };
  const listed = await timed('list', async () => {
    let total = 0;
    for (const state of ['ready', 'dead']) {
      let cursor;
      for (let pages = 0; pages < 100; pages++) {
        const page = await queues.jobs(queue, { state, cursor, limit: 500 });
        total += page.jobs.length;
        cursor = page.cursor;
        if (cursor === undefined) break;
      }
    }
    return total;
  });
  const retried = await timed('retryAll', () => queues.retryAll(queue));
  const purged = await timed('purge', () => queues.purge(queue, { state: 'ready' }));
  pinger.postMessage('stop');
  const pings = await new Promise((resolve) => pinger.once('message', resolve));
  const slow = await admin.slowlog('GET', '10');
  pings.sort((a, b) => a - b);
  slow.sort(([, , a], [, , b]) => b - a);
  // On a shared machine the processor is taken from Redis in the middle of a script: one stall, two at most. A script that
  // is too slow is so every time.
  const slowest = slow[trial.full ? 0 : 2];
  const slowestScriptMs = (slowest?.[2] ?? 0) / 1000;
  const figures = {
    ready: count,
    deadLetters: dead,
    listed,
    retried,
    purged,
    ...Object.fromEntries(Object.entries(took).map(([what, ms]) => [`${what}Ms`, ms])),
    pingP999: Number(pings[Math.floor(pings.length * 0.999)].toFixed(1)),
    pingMax: Number(pings.at(-1).toFixed(1)),
    slowestScriptMs,
    violations: (await auditor.audit()).violations,
  };
  trial.check(retried === dead, `${retried} of ${dead} dead jobs were retried`);
  trial.check(purged === count + dead, `${purged} of ${count + dead} jobs were purged`);
  const text = String(slowest?.[3]).slice(0, 200);
  trial.check(slowestScriptMs < 10 * trial.patience, `a script took ${slowestScriptMs} ms: ${text}`);
  trial.check(figures.pingMax <= (trial.full ? 25 : 150), `a PING took ${figures.pingMax} ms`);
  return figures;
}
