import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Cron, Processor, QueueService, TaskQueueModule, type Job } from 'nestjs-task-queue';
import { drainQueues, TestQueues } from 'nestjs-task-queue/testing';
import { LogBook } from '../support/apps.js';

let app: INestApplication | undefined;
const done: string[] = [];

afterEach(async () => {
  await app?.close(); // with the fake timers still in place
  app = undefined;
  jest.useRealTimers();
  done.splice(0);
});

@Injectable()
class Work {
  @Processor('work', { backoff: { type: 'fixed', delay: '1m', jitter: 0 } })
  work(job: Job<string>) {
    done.push(`${job.payload} ${job.attempt}`);
    if (job.payload === 'flaky' && job.attempt === 1) throw new Error('once');
    return job.payload;
  }

  @Cron('0 12 * * *', { name: 'noon' })
  noon(job: Job) {
    done.push(new Date(job.scheduledFor ?? 0).toISOString());
  }
}

async function start(queues?: TestQueues): Promise<INestApplication> {
  const connection = queues === undefined ? 'memory://' : 'redis://127.0.0.1:1';
  const builder = Test.createTestingModule({ imports: [TaskQueueModule.forRoot({ connection })], providers: [Work] });
  queues?.install(builder);
  app = (await builder.setLogger(new LogBook()).compile()).createNestApplication();
  return app.init();
}

describe.each([
  ['modern, all of them', () => jest.useFakeTimers()],
  ['modern, advancing by themselves', () => jest.useFakeTimers({ advanceTimers: true })],
  ['legacy', () => jest.useFakeTimers({ legacyFakeTimers: true })],
])('under fake timers, %s,', (_name, useFakeTimers) => {
  it.each(['before the app starts', 'after it has started'])(
    'TestQueues moves time through delays, retries and ticks when they are set %s',
    async (when) => {
      if (when.startsWith('before')) useFakeTimers();
      const queues = new TestQueues(new Date('2026-01-01T10:30:00Z'));
      const running = await start(queues);
      if (when.startsWith('after')) useFakeTimers();
      const service = running.get(QueueService);
      await service.enqueue('work', 'now');
      await service.enqueue('work', 'flaky', { delay: '10m' });
      await queues.settle(running);
      expect(done).toEqual(['now 1']);
      await queues.advance(running, '2h');
      expect(done).toEqual(['now 1', 'flaky 1', 'flaky 2', '2026-01-01T12:00:00.000Z']);
    },
  );

  it('memory:// runs what is ready, and tells results', async () => {
    useFakeTimers();
    const running = await start();
    const job = await running.get(QueueService).enqueue<string, string>('work', 'now');
    expect(await job.result()).toBe('now');
    await running.get(QueueService).enqueueMany('work', [{ payload: 'one' }, { payload: 'two' }]);
    await drainQueues(running);
    expect(done).toEqual(['now 1', 'one 1', 'two 1']);
  });
});

it('memory:// runs delayed jobs when the fake clock comes to them', async () => {
  jest.useFakeTimers();
  const running = await start();
  await running.get(QueueService).enqueue('work', 'flaky', { delay: '10s' });
  await jest.advanceTimersByTimeAsync(9000);
  await drainQueues(running);
  expect(done).toEqual([]);
  await jest.advanceTimersByTimeAsync(2000);
  await drainQueues(running);
  expect(done).toEqual(['flaky 1']);
  await jest.advanceTimersByTimeAsync(61_000);
  await drainQueues(running);
  expect(done).toEqual(['flaky 1', 'flaky 2']);
});
