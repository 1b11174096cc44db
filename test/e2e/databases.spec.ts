import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { Processor, QueueService, type Job } from 'nestjs-task-queue';
import { closeApps, gate, startApp } from '../support/apps.js';

const url = process.env.TEST_REDIS_URL as string;

/** An app of one database that runs its jobs when it is let. */
async function startIn(database: number, prefix: string) {
  const begun = gate();
  const release = gate();
  const aborted = gate();
  const runs: { aborted: boolean }[] = [];

  @Injectable()
  class Worker {
    @Processor('mail')
    async run(job: Job): Promise<string> {
      job.signal.addEventListener('abort', () => aborted.open());
      begun.open();
      await release.promise;
      runs.push({ aborted: job.signal.aborted });
      return `of ${database}`;
    }
  }

  const { app } = await startApp({ providers: [Worker] }, { connection: `${url}/${database}`, prefix });
  return { queues: app.get(QueueService), begun: begun.promise, aborted: aborted.promise, release: release.open, runs };
}

/** Blocks of job numbers begin with the clock: two databases have the same ones where nobody looks, and here always. */
async function giveSameNumbers(prefix: string): Promise<void> {
  for (const database of [1, 2]) {
    const client = new Redis(`${url}/${database}`);
    await client.hset(`{${prefix}:mail}:meta`, 'format', '2', 'lastBlock', '2000000000000');
    client.disconnect();
  }
}

describe('apps in two databases of one server', () => {
  const prefix = `e2e${randomBytes(6).toString('hex')}`;

  afterEach(async () => {
    await closeApps();
    for (const database of [1, 2]) {
      const client = new Redis(`${url}/${database}`);
      const keys = await client.keys(`{${prefix}:*`);
      if (keys.length > 0) await client.unlink(...keys);
      client.disconnect();
    }
  });

  it('have results, cancels, pauses and events of their own', async () => {
    await giveSameNumbers(prefix);
    const [one, two] = [await startIn(1, prefix), await startIn(2, prefix)];
    const heard: string[] = [];
    const inFirst = one.queues.events('mail').subscribe();
    const subscription = two.queues.events('mail').subscribe(({ event }) => heard.push(event));
    const inOne = await one.queues.enqueue('mail', {});
    const inTwo = await two.queues.enqueue('mail', {});
    expect(inTwo.id).toBe(inOne.id);
    await Promise.all([one.begun, two.begun]);
    const [resultOfOne, resultOfTwo] = [inOne.result(), inTwo.result()];
    await one.queues.pause('mail');
    await one.queues.resume('mail');
    await one.queues.cancel('mail', inOne.id);
    await one.aborted;
    one.release();
    expect(await resultOfOne).toBe('of 1');
    expect(one.runs).toEqual([{ aborted: true }]);
    two.release();
    expect(await resultOfTwo).toBe('of 2');
    expect(two.runs).toEqual([{ aborted: false }]);
    subscription.unsubscribe();
    inFirst.unsubscribe();
    expect(heard).not.toContain('paused');
    expect(heard).not.toContain('resumed');
  });
});
