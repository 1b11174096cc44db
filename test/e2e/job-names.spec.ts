import { afterEach, describe, expect, it } from '@jest/globals';
import { defineJob, QueueService } from 'nestjs-task-queue';
import { closeApps, startApp, STORES } from '../support/apps.js';
import { handlerOf } from '../support/handlers.js';

afterEach(closeApps);

const done = () => 'done';
const welcome = handlerOf('mail', done, { name: 'welcome' });
const goodbye = handlerOf('mail', done, { name: 'goodbye' });
defineJob({ queue: 'mail', name: 'invoice' });
defineJob({ queue: 'defined', name: 'invoice' });

describe.each(STORES)('job names on $name', ({ options }) => {
  it('that nobody here knows are told of at the enqueue, each once, with the nearest one', async () => {
    const { app, logs } = await startApp({ providers: [welcome, goodbye] }, { ...options(), queues: { defined: {} } });
    const queues = app.get(QueueService);
    for (const name of ['welcom', 'welcom', 'invoce', 'welcome', 'invoice', 'elsewhere'])
      await queues.enqueue('mail', 1, { name });
    await queues.enqueueMany('mail', [{ payload: 1, name: 'welcom' }, { payload: 1 }]);
    await queues.enqueue('mail', 1);
    await queues.enqueue('defined', 1, { name: 'invoic' });
    await queues.enqueue('defined', 1); // a handler of every name may be in another process
    const told = logs.matching(/No handler and no definition here/);
    expect(told.map((line) => /job name "(\w+)" of queue "(\w+)"\. (.*?[?.]) The job/.exec(line)?.slice(1))).toEqual([
      ['welcom', 'mail', 'Did you mean "welcome"?'],
      ['invoce', 'mail', 'Did you mean "invoice"?'],
      ['elsewhere', 'mail', 'Known names: welcome, goodbye, invoice.'],
      ['default', 'mail', 'Known names: welcome, goodbye, invoice.'],
      ['invoic', 'defined', 'Did you mean "invoice"?'],
    ]);
  });

  it('are refused where they are strict, in the whole app or in one queue', async () => {
    const store = { ...options(), strictNames: true, queues: { defined: { strictNames: false } } };
    const { app, logs } = await startApp({ providers: [welcome] }, store);
    const queues = app.get(QueueService);
    const refused = { code: 'TASK_QUEUE_UNKNOWN_JOB_NAME', jobName: 'welcom', queue: 'mail', nearest: 'welcome' };
    await expect(queues.enqueue('mail', 1, { name: 'welcom' })).rejects.toMatchObject(refused);
    await expect(queues.enqueue('mail', 1)).rejects.toMatchObject({ jobName: 'default' });
    const bulk = [
      { payload: 1, name: 'welcome', delay: '1h' },
      { payload: 1, name: 'welcom' },
    ];
    await expect(queues.enqueueMany('mail', bulk)).rejects.toMatchObject({ ...refused, index: 1 });
    expect(await queues.counts('mail')).toMatchObject({ ready: 0, scheduled: 0, parked: 0 });
    await queues.enqueue('defined', 1, { name: 'invoic' });
    expect(logs.matching(/No handler and no definition here/)).toHaveLength(1);
  });

  it('are free where a handler takes every name, and where nobody names any', async () => {
    const all = handlerOf('every', done);
    const own = handlerOf('every', done, { name: 'welcome' });
    const store = { ...options(), strictNames: true, queues: { nobody: {} } };
    const { app, logs } = await startApp({ providers: [all, own] }, store);
    const queues = app.get(QueueService);
    await queues.enqueue('every', 1, { name: 'welcom' });
    await queues.enqueue('every', 1);
    await queues.enqueue('nobody', 1, { name: 'anything' });
    await queues.enqueue('nobody', 1);
    expect(logs.matching(/No handler and no definition here/)).toEqual([]);
  });
});
