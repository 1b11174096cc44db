import { afterEach, expect, it } from '@jest/globals';
import { Injectable, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  Cron,
  CronExpression,
  Interval,
  Processor,
  QueueService,
  TaskQueueModule,
  type BatchJob,
  type Job,
} from 'nestjs-task-queue';
import { drainQueues, TestQueues } from 'nestjs-task-queue/testing';
import { closeApps, gate, LogBook, startApp, startModule } from '../support/apps.js';

let app: INestApplication | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
  await closeApps();
});

const done: string[] = [];
afterEach(() => void done.splice(0));

@Injectable()
class Work {
  @Processor('work', { backoff: '1m' })
  work(job: Job<string>) {
    done.push(`${job.payload} ${job.attempt}`);
    if (job.payload === 'flaky' && job.attempt === 1) throw new Error('once');
  }
  @Cron(CronExpression.EVERY_HOUR, { name: 'hourly' })
  hourly(job: Job) {
    done.push(new Date(job.scheduledFor ?? 0).toISOString());
  }
  @Interval('20m', { name: 'often' })
  often() {
    done.push('often');
  }
}

async function start(queues: TestQueues): Promise<INestApplication> {
  const builder = Test.createTestingModule({
    // Never connected to: the test store stands in its place.
    imports: [TaskQueueModule.forRoot({ connection: 'redis://127.0.0.1:1' })],
    providers: [Work],
  });
  const moduleRef = await queues.install(builder).setLogger(new LogBook()).compile();
  app = moduleRef.createNestApplication();
  return app.init();
}

it('moves time through delays, retries and ticks, each at its instant', async () => {
  const queues = new TestQueues(new Date('2026-01-01T10:30:00Z'));
  const running = await start(queues);
  const service = running.get(QueueService);
  await service.enqueue('work', 'now');
  await service.enqueue('work', 'later', { delay: '10m' });
  await service.enqueue('work', 'flaky');
  await queues.settle(running);
  expect(done).toEqual(['now 1', 'flaky 1']);

  await queues.advance(running, '2m');
  expect(done.splice(0)).toEqual(['now 1', 'flaky 1', 'flaky 2']);
  await queues.advance(running, '1h 35m');
  expect(queues.now()).toEqual(new Date('2026-01-01T12:07:00Z'));
  expect(done).toEqual([
    'later 1',
    'often',
    '2026-01-01T11:00:00.000Z',
    'often',
    'often',
    'often',
    '2026-01-01T12:00:00.000Z',
  ]);
});

it('drains any app, and names what is left where it cannot', async () => {
  const release = gate();
  @Injectable()
  class Slow {
    finished = false;
    @Processor('slow')
    async work() {
      await release.promise;
      this.finished = true;
    }
  }
  const { app: slow } = await startApp({ providers: [Slow] });
  await slow.get(QueueService).enqueue('slow', {});
  await expect(drainQueues(slow, { timeout: 30 })).rejects.toThrow('"slow" has 0 ready and 1 active');
  release.open();
  await drainQueues(slow);
  expect(slow.get(Slow).finished).toBe(true);
});

it('does not wait for company that a limit holds back', async () => {
  const sizes: number[] = [];
  @Injectable()
  class Few {
    @Processor('few', { batch: { size: 10, wait: '1h' }, limits: { concurrency: 3 } })
    work(jobs: BatchJob<number>[]) {
      sizes.push(jobs.length);
    }
  }
  const { app: few } = await startApp({ providers: [Few] });
  await few.get(QueueService).enqueueMany(
    'few',
    [1, 2, 3, 4, 5].map((payload) => ({ payload })),
  );
  await drainQueues(few);
  expect(sizes).toEqual([3, 2]);
});

it('refuses an app in which it is not installed, and an instant that is none', async () => {
  const { app: other } = await startApp({ providers: [Work] });
  const missing = { code: 'TASK_QUEUE_CONFIGURATION', message: expect.stringContaining('not installed in this app') };
  await expect(new TestQueues().advance(other, '2h')).rejects.toMatchObject(missing);
  const { app: without } = await startModule({});
  await expect(new TestQueues().settle(without)).rejects.toMatchObject(missing);
  expect(() => new TestQueues(new Date('nope'))).toThrow('Invalid startAt of TestQueues: Invalid Date');
});
