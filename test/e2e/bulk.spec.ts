import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  BulkNotFoundError,
  QueueService,
  TaskQueueModule,
  TooManyBulksError,
  UnrecoverableError,
  type BulkOptions,
  type BulkProgress,
  type Job,
} from 'nestjs-task-queue';
import { TestQueues } from 'nestjs-task-queue/testing';
import { closeApps, LogBook, startApp, STORES, trackApp } from '../support/apps.js';
import { handlerOf } from '../support/handlers.js';

afterEach(closeApps);

interface Mail {
  to: string;
  card?: string;
}

/** Mails that bounce until `works` is set, and how often each was tried. */
function mailbox() {
  const tries = new Map<string, number>();
  const state = { works: false };
  const handler = handlerOf<Mail>('mails', ({ id, payload }: Job<Mail>) => {
    tries.set(id, (tries.get(id) ?? 0) + 1);
    if (!state.works) throw new UnrecoverableError(`no mailbox of ${payload.to}`);
  });
  return { tries, state, handler };
}

async function enqueueMails(queues: QueueService, count: number, prefix = 'm'): Promise<void> {
  const mails = Array.from({ length: count }, (_, index) => ({
    payload: { to: index % 2 === 0 ? 'ada' : 'bob' },
    id: `${prefix}${index}`,
  }));
  const jobs = await queues.enqueueMany('mails', mails);
  await Promise.allSettled(jobs.map((job) => job.result()));
}

async function until(look: () => Promise<boolean>): Promise<void> {
  while (!(await look())) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe.each(STORES)('on $name', (store) => {
  it('retries each dead job that fits once, and none that dies later', async () => {
    const { tries, state, handler } = mailbox();
    const { app } = await startApp({ providers: [handler] }, store.options());
    const queues = app.get(QueueService);
    await enqueueMails(queues, 300);
    const where = 'state:dead payload.to:ada error:"no mailbox"';
    expect(await queues.bulk('mails', { where, action: 'retry', dryRun: true })).toEqual({ matched: 150, looked: 300 });
    expect(await queues.counts('mails')).toMatchObject({ dead: 300 });

    // They fail once more, so they are dead again while the operation may still look.
    const bulk = await queues.bulk('mails', { where, action: 'retry' });
    const ended = await bulk.done();
    expect(ended).toMatchObject({
      ...{ id: bulk.id, state: 'done', where, action: 'retry', looked: 300, matched: 150, done: 150, skipped: 0 },
    });
    await until(async () => (await queues.counts('mails')).dead === 300);
    expect([...tries.values()].filter((count) => count === 2)).toHaveLength(150);
    expect([...tries.values()].filter((count) => count > 2)).toEqual([]);
    state.works = true;
    await (await queues.bulk('mails', { where: 'id:m1,m3,nobody', action: 'retry' })).done();
    await until(async () => (await queues.counts('mails')).completed === 2);
    expect([tries.get('m1'), tries.get('m3'), tries.get('m5')]).toEqual([2, 2, 1]);
  });

  it('cancels, promotes and removes what waits', async () => {
    const { app } = await startApp({ providers: [handlerOf('mails', () => {})] }, store.options());
    const queues = app.get(QueueService);
    await queues.pause('mails');
    const later = Array.from({ length: 120 }, (_, index) => ({
      payload: { to: index % 2 === 0 ? 'ada' : 'bob' },
      delay: '1h' as const,
    }));
    await queues.enqueueMany('mails', later);
    const run = async (options: BulkOptions & { dryRun?: false }): Promise<BulkProgress> =>
      (await queues.bulk('mails', options)).done();
    expect(await run({ where: 'payload.to:ada', action: 'promote' })).toMatchObject({ done: 60 });
    expect(await queues.counts('mails')).toMatchObject({ scheduled: 60, ready: 60 });
    expect(await run({ where: 'state:scheduled,ready', action: 'cancel' })).toMatchObject({ done: 120, matched: 120 });
    expect(await queues.counts('mails')).toMatchObject({ scheduled: 0, ready: 0, cancelled: 120 });
    expect(await run({ where: '', action: 'remove' })).toMatchObject({ done: 120 });
    expect(await queues.counts('mails')).toMatchObject({ cancelled: 0 });
    expect((await queues.bulks('mails')).map(({ action }) => action).sort()).toEqual(['cancel', 'promote', 'remove']);
  });

  it('is followed and cancelled from another process, and refused where too many run', async () => {
    const { handler } = mailbox();
    const options = store.options();
    const { app } = await startApp({ providers: [handler] }, options);
    const queues = app.get(QueueService);
    await enqueueMails(queues, 20);
    // One job now, and the next one in 100 seconds.
    const slow = { where: 'state:dead', action: 'retry', rate: 0.01 } as const;
    const bulk = await queues.bulk('mails', slow);
    await until(async () => (await bulk.progress()).done === 1);

    const other = (await startApp({}, { ...options, role: 'producer', queues: { mails: {} } })).app.get(QueueService);
    const [{ id: executor }] = (await queues.processes()).filter(({ role }) => role === 'all');
    expect(await other.bulks('mails')).toMatchObject([{ id: bulk.id, state: 'running', rate: 0.01, executor }]);
    const followed = await other.getBulk('mails', bulk.id);
    expect(await followed?.cancel()).toBe('cancelled');
    expect(await bulk.cancel()).toBe('finished');
    expect(await bulk.done()).toMatchObject({ state: 'cancelled', done: 1, endedAt: expect.any(Date) });
    expect(await queues.getBulk('mails', 'nobody')).toBeUndefined();

    const many = await Promise.all(Array.from({ length: 10 }, () => queues.bulk('mails', slow)));
    await expect(other.bulk('mails', slow)).rejects.toBeInstanceOf(TooManyBulksError);
    for (let ended = 0; ended < 50; ended += 10) {
      await Promise.all(many.splice(0).map((one) => one.cancel()));
      if (ended < 40) many.push(...(await Promise.all(Array.from({ length: 10 }, () => queues.bulk('mails', slow)))));
    }
    await expect(bulk.progress()).rejects.toBeInstanceOf(BulkNotFoundError);
    await expect(bulk.cancel()).rejects.toMatchObject({ code: 'TASK_QUEUE_BULK_NOT_FOUND', id: bulk.id });
  });

  it('goes on in another process when its own ends', async () => {
    const { tries, handler } = mailbox();
    const options = { ...store.options(), queues: { mails: { lease: '1s' as const } } };
    const { app } = await startApp({ providers: [handler] }, options);
    await enqueueMails(app.get(QueueService), 20);
    const starter = await startApp({}, { ...options, role: 'producer' });
    const bulk = await starter.app.get(QueueService).bulk('mails', { where: '', action: 'retry', rate: 0.01 });
    await until(async () => (await bulk.progress()).done === 1);
    await starter.app.close();
    const followed = await app.get(QueueService).getBulk('mails', bulk.id);
    await until(async () => (await followed?.progress())?.done === 2);
    await until(async () => [...tries.values()].filter((count) => count === 2).length === 2);
    await followed?.cancel();
  });

  it('stops by itself when too many jobs fail again', async () => {
    const { state, handler } = mailbox();
    const { app } = await startApp({ providers: [handler] }, store.options());
    const queues = app.get(QueueService);
    await enqueueMails(queues, 400);
    const stopIf = { failures: 0.2, after: 30 };
    const bulk = await queues.bulk('mails', { where: '', action: 'retry', stopIf });
    const stopped = await bulk.done();
    expect(stopped).toMatchObject({ state: 'stopped', stopIf });
    // No more than a hundred are without an outcome at a time.
    expect(stopped.done).toBeLessThanOrEqual(200);
    expect(stopped.known).toBeGreaterThanOrEqual(30);
    expect(stopped.failed).toBe(stopped.known);

    state.works = true;
    await until(async () => (await queues.counts('mails')).dead === 400);
    const again = await (await queues.bulk('mails', { where: '', action: 'retry', stopIf })).done();
    expect(again).toMatchObject({ state: 'done', done: 400, failed: 0 });
  });

  it('refuses what it cannot do, and names what is wrong', async () => {
    const { app } = await startApp(
      { providers: [handlerOf('mails', () => {})] },
      { ...store.options(), redact: ['card'] },
    );
    const queues = app.get(QueueService);
    const refused = (options: object) => expect(queues.bulk('mails', options as never)).rejects;
    await refused({ where: 'stat:dead', action: 'retry' }).toMatchObject({
      ...{ code: 'TASK_QUEUE_WHERE_SYNTAX', position: 1, nearest: 'state' },
    });
    await refused({ where: 'payload.card:4*', action: 'retry' }).toMatchObject({ code: 'TASK_QUEUE_REDACTED_FIELD' });
    await refused({ where: 'state:completed', action: 'retry' }).toMatchObject({
      message: expect.stringContaining('name dead as its state') as unknown,
    });
    await refused({ where: '', action: 'retri' }).toMatchObject({
      message: expect.stringContaining('Did you mean "retry"?') as unknown,
    });
    await refused({ where: '' }).toMatchObject({ what: 'action of bulk' });
    await refused({ action: 'retry' }).toMatchObject({ what: 'where' });
    await refused({ where: undefined, action: 'retry' }).toMatchObject({ what: 'where in bulk' });
    for (const rate of [0, NaN, -1, Infinity, '5'])
      await refused({ where: '', action: 'retry', rate }).toMatchObject({ what: 'rate of bulk', value: rate });
    await refused({ where: '', action: 'cancel', stopIf: { failures: 0.1 } }).toMatchObject({ what: 'stopIf of bulk' });
    await refused({ where: '', action: 'retry', stopIf: { failures: 1 } }).toMatchObject({
      what: 'failures in stopIf of bulk',
    });
    await refused({ where: '', action: 'retry', stopIf: { failures: 0.1, after: 0 } }).toMatchObject({
      what: 'after in stopIf of bulk',
    });
    await refused({ where: '', action: 'retry', dryRun: 'yes' }).toMatchObject({ what: 'dryRun of bulk' });
    await refused({ where: '', action: 'retry', limit: 3 }).toMatchObject({ code: 'TASK_QUEUE_UNKNOWN_OPTION' });
    await expect(queues.bulk('mials', { where: '', action: 'retry' })).rejects.toMatchObject({
      code: 'TASK_QUEUE_UNKNOWN_QUEUE',
    });
    await expect(queues.getBulk('mails', 5 as never)).rejects.toMatchObject({ what: 'id' });
    expect(await queues.bulks('mails')).toEqual([]);
  });
});

it('keeps its rate by the clock of a test', async () => {
  const queues = new TestQueues();
  const { tries, handler } = mailbox();
  const root = TaskQueueModule.forRoot();
  const moduleRef = await queues
    .install(Test.createTestingModule({ imports: [root], providers: [handler] }).setLogger(new LogBook()))
    .compile();
  const app = trackApp(await moduleRef.createNestApplication({ logger: new LogBook() }).init());
  const service = app.get(QueueService);
  for (let index = 0; index < 20; index++) await service.enqueue('mails', { to: 'ada' }, { id: `m${index}` });
  await queues.settle(app);
  const bulk = await service.bulk('mails', { where: '', action: 'retry', rate: 0.1 });
  await queues.advance(app, '95s');
  expect(await bulk.progress()).toMatchObject({ state: 'running', done: 10 });
  expect([...tries.values()].filter((count) => count === 2)).toHaveLength(10);
  await queues.advance(app, '105s');
  expect(await bulk.progress()).toMatchObject({ state: 'done', done: 20 });
});
