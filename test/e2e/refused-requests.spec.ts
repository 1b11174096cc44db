import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { QueueService, type JobHandle, type TaskQueueModuleOptions } from 'nestjs-task-queue';
import { closeApps, startApp, STORES } from '../support/apps.js';
import { handlerOf } from '../support/handlers.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.mjs';

const WORDS = 'ERR max request size exceeded';
const redis = STORES.find(({ name }) => name === 'redis');

/** Hosted servers and proxies refuse what is too large for them: by an error, or by closing the connection. */
describe('a server that refuses large requests', () => {
  let proxy: TcpProxy;
  let options: TaskQueueModuleOptions;
  let behind: TaskQueueModuleOptions;

  beforeEach(async () => {
    options = redis?.options() ?? {};
    proxy = await startTcpProxy(Number(new URL(String(options.connection)).port || 6379));
    behind = { ...options, connection: `redis://127.0.0.1:${proxy.port}`, commandTimeout: 1500 };
  });

  afterEach(async () => {
    await closeApps();
    await proxy.stop();
  });

  const handler = handlerOf<{ size: number; fails?: boolean }>('work', ({ payload: { size, fails } }) => {
    if (fails) throw new Error('no');
    return 'x'.repeat(size);
  });

  /** Jobs that a worker behind the proxy takes together. */
  async function run(sizes: number[], producer = options) {
    const { app } = await startApp({}, { ...producer, role: 'producer', queues: { work: {} } });
    const queues = app.get(QueueService);
    await queues.pause('work');
    const jobs = await queues.enqueueMany(
      'work',
      sizes.map((size) => ({ payload: { size } })),
    );
    const worker = await startApp({ providers: [handler] }, { ...behind, queues: { work: { concurrency: 50 } } });
    await queues.resume('work');
    return { jobs, queues, logs: worker.logs };
  }

  describe.each([
    ['with an error', WORDS],
    ['by closing the connection', undefined],
  ])('%s', (_how, words) => {
    it('gets a turn in parts that it takes', async () => {
      proxy.limit(600_000, words);
      const { jobs, queues } = await run(Array.from({ length: 10 }, () => 200_000));
      for (const job of jobs) expect(await job.result({ timeout: '60s' })).toHaveLength(200_000);
      expect(await queues.counts('work')).toMatchObject({ completed: 10, dead: 0, active: 0 });
    });

    it('fails the one job that it refuses alone, with its words, and the others go on', async () => {
      proxy.limit(150_000, words);
      const { jobs, queues, logs } = await run([10, 200_000, 20, 30]);
      await expect(jobs[1].result({ timeout: '60s' })).rejects.toMatchObject({
        code: 'TASK_QUEUE_JOB_DEAD',
        reason: 'result',
        message: expect.stringMatching(words ?? /answer|closed|reply/i),
      });
      for (const job of [jobs[0], jobs[2], jobs[3]]) await job.result({ timeout: '60s' });
      expect(await queues.counts('work')).toMatchObject({ completed: 3, dead: 1, active: 0, ready: 0 });
      expect(logs.matching(/is dead \(result\)/)).toHaveLength(1);
      // The queue goes on, in the same process.
      const next = await queues.enqueue<{ size: number }, string>('work', { size: 3 });
      expect(await next.result()).toBe('xxx');
    });
  });

  const long = { fails: true, text: 'x'.repeat(120_000) };

  it('fails a job whose retry it refuses', async () => {
    proxy.limit(100_000, WORDS);
    const inbox = `inbox-${randomBytes(6).toString('hex')}`;
    const client = new Redis(String(options.connection));
    await client.lpush(inbox, JSON.stringify(long)); // a record of another program is whole, and is sent whole
    client.disconnect();
    const reader = handlerOf('work', () => Promise.reject(new Error('no')), { inbox });
    const { app } = await startApp({ providers: [reader] }, { ...behind, queues: { work: {} } });
    const queues = app.get(QueueService);
    let dead: JobHandle | undefined;
    while (dead === undefined) [dead] = (await queues.jobs('work', { state: 'dead' })).jobs;
    expect(dead).toMatchObject({ deadReason: 'refused', deadMessage: expect.stringContaining(WORDS) });
    // Its payload is kept, so that somebody can retry it once the server takes more.
    expect(dead.payload).toEqual(long);
  });

  it('takes the retry of a job with a long payload, which is not sent again', async () => {
    proxy.limit(100_000, WORDS);
    const { queues } = await run([]);
    const job = await queues.enqueue('work', long, { maxAttempts: 2, backoff: 0 });
    await expect(job.result({ timeout: '60s' })).rejects.toMatchObject({ reason: 'exhausted' });
    expect((await queues.getJob('work', job.id))?.payload).toEqual(long);
  });

  it('stores progress and log lines but what it refuses alone, and names the job', async () => {
    proxy.limit(50_000, WORDS);
    const lines = Array.from({ length: 90 }, (_, line) => `${line} ${'x'.repeat(900)}`);
    const { app: observer } = await startApp({}, { ...options, role: 'producer', queues: { work: {} } });
    const report = handlerOf('work', async (job) => {
      job.progress(1);
      for (const line of lines) job.log(line);
      while ((await stored(job.id))?.length !== lines.length);
      job.progress('x'.repeat(60_000));
    });
    const stored = async (id: string) => (await observer.get(QueueService).getJob('work', id))?.logs();
    const { logs } = await startApp({ providers: [report] }, { ...behind, queues: { work: {} } });
    const job = await observer.get(QueueService).enqueue('work', {});
    await job.result({ timeout: '60s' });
    expect(await stored(job.id)).toEqual(lines);
    expect(await observer.get(QueueService).getJob('work', job.id)).toMatchObject({ lastProgress: 1 });
    const told = () => logs.matching(/Progress of job .* is not stored.*max request size/);
    while (told().length === 0) await setImmediate();
    expect(told()).toEqual([expect.stringContaining(job.id)]);
  });

  it('says so at the call that enqueues, and others of the same moment are stored', async () => {
    proxy.limit(100_000, WORDS);
    const { app } = await startApp({}, { ...behind, role: 'producer', queues: { work: {} } });
    const queues = app.get(QueueService);
    const [small, large, other] = await Promise.allSettled([
      queues.enqueue('work', { size: 1 }),
      queues.enqueue('work', { text: 'x'.repeat(120_000) }),
      queues.enqueue('work', { size: 2 }),
    ]);
    expect([small.status, other.status]).toEqual(['fulfilled', 'fulfilled']);
    expect((large as PromiseRejectedResult).reason).toMatchObject({
      code: 'TASK_QUEUE_BROKER_REFUSED',
      reply: 'ERR',
      message: expect.stringMatching(/max request size exceeded.*1 job\b/s),
    });
    await expect(
      queues.enqueueMany('work', [{ payload: { size: 1 } }, { payload: { text: 'x'.repeat(120_000) } }]),
    ).rejects.toMatchObject({ index: 1, message: expect.stringMatching(/2 jobs.*index 1/s) });
    expect(await queues.counts('work')).toMatchObject({ ready: 2 });
  });
});
