import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it } from '@jest/globals';
import { from } from 'rxjs';
import { QueueService } from 'nestjs-task-queue';
import { closeApps, startApp, STORES } from '../support/apps.js';
import { handlerOf } from '../support/handlers.js';

afterEach(closeApps);

let begun = 0;
function* steps() {
  begun++;
  yield 1;
}
async function* laterSteps() {
  begun++;
  yield 1;
}

const UNFINISHED: [string, () => unknown, string][] = [
  ['a generator', () => steps(), 'an iterator'],
  ['a promise of a generator', async () => steps(), 'an iterator'],
  ['an async generator', () => laterSteps(), 'an async iterator or a stream'],
  ['an iterator of a map', () => new Map([[1, 2]]).values(), 'an iterator'],
  ['a stream', () => new PassThrough(), 'an async iterator or a stream'],
  ['a web stream', () => new ReadableStream(), 'an async iterator or a stream'],
  ['a function', () => () => 'done', 'a function'],
  ['a symbol', () => Symbol('done'), 'a symbol'],
  ['something lazy', () => ({ subscribe: () => undefined }), 'something to subscribe to'],
];

describe.each(STORES)('work that nobody would do, on $name', (store) => {
  it.each(UNFINISHED)('fails the job that returns %s', async (_what, handle, kind) => {
    begun = 0;
    const { app } = await startApp({ providers: [handlerOf('work', handle)] }, store.options());
    const job = await app.get(QueueService).enqueue('work', {});
    await expect(job.result({ timeout: '5s' })).rejects.toMatchObject({
      code: 'TASK_QUEUE_JOB_DEAD',
      message: expect.stringContaining(
        `Work.run returned ${kind}, which nothing reads: what it would have done was not done`,
      ),
    });
    expect(begun).toBe(0);
  });
});

it.each<[string, () => unknown, unknown]>([
  ['an array', () => [1, 2], [1, 2]],
  ['an object with a method named next', () => ({ next: 1 }), { next: 1 }],
  ['an object of a class with an iterator of its own', () => new Pages(), { size: 2 }],
  ['an Observable', () => from([1, 2]), 2],
  ['null', () => null, null],
])('completes the job that returns %s', async (_what, handle, result) => {
  const { app } = await startApp({ providers: [handlerOf('work', handle)] });
  const job = await app.get(QueueService).enqueue('work', {});
  expect(await job.result({ timeout: '5s' })).toEqual(result);
});

class Pages {
  readonly size = 2;
  *[Symbol.iterator]() {
    yield 1;
  }
}
