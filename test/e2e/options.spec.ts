import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { defineJob, Processor, QueueService, type Job } from 'nestjs-task-queue';
import { bootError, closeApps, startApp } from '../support/apps.js';

afterEach(closeApps);

const memory = { connection: 'memory://' };

@Injectable()
class Work {
  @Processor('work', { maxAttempts: 12 })
  work(job: Job) {
    return job.maxAttempts;
  }
  @Processor('plain')
  plain(job: Job) {
    return job.maxAttempts;
  }
}

describe('precedence of job options', () => {
  const definition = defineJob<object, number>({ queue: 'work', name: 'defined', maxAttempts: 14 });

  async function attempts(options: object, run: (queues: QueueService) => Promise<{ result(): Promise<unknown> }>) {
    const { app } = await startApp({ providers: [Work] }, { ...memory, ...options });
    return (await run(app.get(QueueService))).result();
  }

  it.each([
    ['call', {}, (queues: QueueService) => queues.enqueue(definition, {}, { maxAttempts: 15 }), 15],
    [
      'definition',
      { queues: { work: { maxAttempts: 13 } } },
      (queues: QueueService) => queues.enqueue(definition, {}),
      14,
    ],
    [
      'queue configuration',
      { queues: { work: { maxAttempts: 13 } } },
      (queues: QueueService) => queues.enqueue('work', {}),
      13,
    ],
    ['@Processor', { defaults: { maxAttempts: 11 } }, (queues: QueueService) => queues.enqueue('work', {}), 12],
    ['defaults', { defaults: { maxAttempts: 11 } }, (queues: QueueService) => queues.enqueue('plain', {}), 11],
    ['the package', {}, (queues: QueueService) => queues.enqueue('plain', {}), 10],
  ])('ends with %s', async (_level, options, run, expected) => {
    expect(await attempts(options, run)).toBe(expected);
  });
});

describe('the app does not start', () => {
  it.each([
    [{ conection: 'memory://' }, 'TASK_QUEUE_UNKNOWN_OPTION'],
    [{ ...memory, queues: { work: { concurency: 2 } } }, 'TASK_QUEUE_UNKNOWN_OPTION'],
    [{ ...memory, role: 'api' }, 'TASK_QUEUE_INVALID_VALUE'],
    [{ ...memory, role: 'producer' }, 'TASK_QUEUE_CONFIGURATION'],
    [{ connection: undefined }, 'TASK_QUEUE_INVALID_VALUE'],
  ])('with %j', async (options, code) => {
    expect(await bootError({ providers: [Work] }, options as never)).toMatchObject({ code });
  });

  it('with a backoff that nobody registered', async () => {
    @Injectable()
    class Curved {
      @Processor('curved', { backoff: { type: 'curv' } })
      work() {}
    }
    const error = await bootError({ providers: [Curved] }, { ...memory, backoffs: { curve: () => 1 } });
    expect(error.message).toContain('backoff in @Processor on Curved.work: type: "curv". Did you mean "curve"?');
  });
});

it('uses a registered backoff', async () => {
  const asked: unknown[] = [];
  @Injectable()
  class Flaky {
    @Processor('flaky', { backoff: { type: 'curve', jitter: 0 } })
    work(job: Job) {
      if (job.attempt < 3) throw new Error(`run ${job.attempt}`);
      return 'done';
    }
  }
  const curve = (attempt: number, error: unknown) => {
    asked.push([attempt, (error as Error).message]);
    return 0;
  };
  const { app } = await startApp({ providers: [Flaky] }, { ...memory, backoffs: { curve } });
  const job = await app.get(QueueService).enqueue<object, string>('flaky', {});
  expect(await job.result({ timeout: '10s' })).toBe('done');
  expect(asked).toEqual([
    [1, 'run 1'],
    [2, 'run 2'],
  ]);
});
