import { afterEach, describe, expect, it } from '@jest/globals';
import { QueueService, type Job } from 'nestjs-task-queue';
import { closeApps, startApp, STORES } from '../support/apps.js';
import { handlerOf } from '../support/handlers.js';

afterEach(closeApps);

describe.each(STORES)('on $name', ({ options }) => {
  /** A handler that keeps which payload ran, as often as it did. */
  function counting() {
    const runs = new Map<number, number>();
    const handler = handlerOf('work', ({ payload }: Job) => {
      runs.set(payload as number, (runs.get(payload as number) ?? 0) + 1);
      return payload;
    });
    return { runs, handler };
  }

  const once = (count: number) => new Map(Array.from({ length: count }, (_, index) => [index, 1]));

  const sorted = (runs: Map<number, number>) => new Map([...runs].sort(([a], [b]) => a - b));

  it('runs each of many lone jobs once, one behind the other', async () => {
    const { runs, handler } = counting();
    const { app } = await startApp({ providers: [handler] }, options());
    const queues = app.get(QueueService);
    for (let index = 0; index < 200; index++) {
      const job = await queues.enqueue('work', index);
      expect(await job.result()).toBe(index);
    }
    expect(runs).toEqual(once(200));
  });

  it('runs each of many jobs once that come alone or by few, while others still run', async () => {
    const { runs, handler } = counting();
    const { app } = await startApp({ providers: [handler] }, options());
    const queues = app.get(QueueService);
    const results: Promise<unknown>[] = [];
    let next = 0;
    for (let round = 0; round < 100; round++) {
      const jobs = await Promise.all(Array.from({ length: 1 + (round % 10) }, () => queues.enqueue('work', next++)));
      results.push(...jobs.map((job) => job.result()));
      if (round % 3 === 0) await results.at(-1);
    }
    await Promise.all(results);
    expect(sorted(runs)).toEqual(once(next));
  });

  it('runs each once while apps with the handler come and go', async () => {
    const store = options();
    const { runs, handler } = counting();
    const producer = await startApp({}, { ...store, role: 'producer', queues: { work: {} } });
    const queues = producer.app.get(QueueService);
    let worker = await startApp({ providers: [handler] }, store);
    const results: Promise<unknown>[] = [];
    for (let index = 0; index < 120; index++) {
      const job = await queues.enqueue('work', index);
      results.push(job.result());
      if (index % 20 !== 19) continue;
      // The last ones are on their way, handed over or not: those that have not started go back.
      const [next] = await Promise.all([startApp({ providers: [handler] }, store), worker.app.close()]);
      worker = next;
    }
    await Promise.all(results);
    expect(sorted(runs)).toEqual(once(120));
  });
});
