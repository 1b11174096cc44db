import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import {
  defineJob,
  OnQueueEvent,
  Processor,
  QueueService,
  SnoozeError,
  type Job,
  type JobEvent,
} from 'nestjs-task-queue';
import { bootError, closeApps, startApp, STORES } from '../support/apps.js';
import { EventLog } from '../support/event-log.js';

afterEach(closeApps);

const RUN_MS = 40;
const welcome = defineJob<string>({ queue: 'work', name: 'welcome' });
const other = defineJob<string>({ queue: 'work', name: 'other' });

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

@Injectable()
class Work {
  @Processor('work', { backoff: 0, maxAttempts: 3 })
  async run({ payload, attempt, name }: Job<string>) {
    if (name === 'other') return 'other';
    await wait(RUN_MS); // it takes a time that events can tell
    if (payload === 'snoozes' && attempt === 2) throw new SnoozeError(0);
    if (payload === 'fails' || attempt < 3) throw new Error(payload);
    return 'done';
  }
}

/** @param longest ms: nothing took longer than the test until now */
const telling = (event: JobEvent, longest: number): unknown[] => {
  const { id, number, name, attempt, duration } = event as JobEvent & Record<string, unknown>;
  const took = typeof duration === 'number' ? duration >= RUN_MS - 2 && duration <= longest : duration;
  return [event.event, id, typeof number, name, attempt, took];
};

describe.each(STORES)('events on $name', ({ options }) => {
  it('tell id, number, name, attempt, and how long each run took', async () => {
    const { app } = await startApp({ providers: [Work] }, options());
    const queues = app.get(QueueService);
    const events = await EventLog.open(queues, 'work');
    const startedAt = performance.now();
    const job = await queues.enqueue(welcome, 'x', { id: 'user-1' });
    await job.result();
    await events.first('completed', 'user-1');
    const bad = await queues.enqueue('work', 'fails', { maxAttempts: 1 });
    await events.first('dead', bad.id);
    const longest = performance.now() - startedAt + 1; // durations are whole ms
    const told = events.events.map((event) => telling(event, longest));
    const at = (event: string, attempt: number, took?: true) => [event, 'user-1', 'string', 'welcome', attempt, took];
    expect(told.slice(0, 7)).toEqual([
      at('enqueued', 1),
      at('active', 1),
      at('retrying', 1, true),
      at('active', 2),
      at('retrying', 2, true),
      at('active', 3),
      at('completed', 3, true),
    ]);
    expect(told.at(-1)).toEqual(['dead', bad.id, 'string', 'default', 1, true]);
    expect(events.events.every((event) => !('number' in event) || /^[0-9a-z]{10}$/.test(event.number))).toBe(true);
    expect((events.events[0] as { number: string }).number).toBe(job.number);
  });

  it('of jobs that never ran have no duration', async () => {
    const { app } = await startApp({ providers: [Work] }, options());
    const queues = app.get(QueueService);
    const events = await EventLog.open(queues, 'work');
    await queues.enqueue(welcome, 'x', { delay: '1h', id: 'later' });
    await queues.cancel('work', 'later');
    expect(telling(await events.first('cancelled', 'later'), 0)).toEqual([
      'cancelled',
      'later',
      'string',
      'welcome',
      1,
      undefined,
    ]);
  });

  it('reach a listener of a definition where they are of its jobs, or of the queue', async () => {
    const heard: unknown[] = [];
    let onEnd: () => void = () => {};
    @Injectable()
    class Listener {
      @OnQueueEvent(other, 'completed')
      @OnQueueEvent(other, 'paused')
      ofOther(event: JobEvent) {
        heard.push(event.event === 'completed' ? event.name : event.event);
      }
      @OnQueueEvent('work', 'resumed')
      resumed() {
        onEnd();
      }
    }
    const { app } = await startApp({ providers: [Listener, Work] }, options());
    const queues = app.get(QueueService);
    const streamed: JobEvent[] = [];
    queues.events(other).subscribe((event) => streamed.push(event));
    await EventLog.open(queues, 'work');
    const ended = new Promise<void>((resolve) => (onEnd = resolve));
    await (await queues.enqueue(welcome, 'x')).result();
    await (await queues.enqueue(other, 'x')).result();
    await queues.pause(other);
    await queues.resume(other);
    await ended;
    expect(heard).toEqual(['other', 'paused']);
    expect(streamed.map(({ event }) => event)).toEqual(['enqueued', 'active', 'completed', 'paused', 'resumed']);
  });
});

it.each([
  ['a number', 5],
  ['an object that names no queue', { name: 'welcome' }],
  ['nothing', undefined],
])('a listener of %s stops the boot and is named', async (_what, target) => {
  class Listener {
    @OnQueueEvent(target as unknown as string, 'completed')
    told() {}
  }
  const error = await bootError({ providers: [Listener] }, { connection: 'memory://' });
  expect(error).toMatchObject({ code: 'TASK_QUEUE_INVALID_VALUE' });
  expect(error.message).toContain('@OnQueueEvent on Listener.told');
});
