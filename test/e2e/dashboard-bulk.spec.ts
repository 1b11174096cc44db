import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Processor, QueueService, UnrecoverableError, type Job } from 'nestjs-task-queue';
import { OnDashboardAction, type DashboardAccess, type DashboardActionEvent } from 'nestjs-task-queue/dashboard';
import { previewBulk } from '../../src/inspector/bulk/bulk-handle.js';
import { closeApps, STORES } from '../support/apps.js';
import { startDashboard } from '../support/dashboard-apps.js';

afterEach(closeApps);

@Injectable()
class Shop {
  events: DashboardActionEvent[] = [];

  @Processor('mail')
  send(job: Job<{ to: string }>) {
    throw new UnrecoverableError(`no route to ${job.payload.to}`);
  }

  @Processor('bills')
  bill() {}

  @OnDashboardAction()
  note(event: DashboardActionEvent) {
    this.events.push(event);
  }
}

describe.each(STORES)('bulk operations of the dashboard on $name', ({ options }) => {
  async function start(access: DashboardAccess = { user: 'ada', can: 'all' }) {
    const board = await startDashboard({
      metadata: { providers: [Shop] },
      dashboard: { authorize: () => access },
      taskQueue: { ...options(), redact: ['card'] },
    });
    return { ...board, queues: board.app.get(QueueService), shop: board.app.get(Shop) };
  }

  /** Jobs that wait an hour. */
  const enqueue = (queues: QueueService, queue: string, to: readonly string[]) =>
    queues.enqueueMany(
      queue,
      to.map((name) => ({ payload: { to: name }, delay: '1h' })),
    );

  it('counts what an action would be done to, and does nothing', async () => {
    const { get, queues } = await start();
    await enqueue(queues, 'mail', ['ada', 'bob', 'ada']);
    const query = { queue: 'mail', where: 'state:scheduled payload.to:ada', action: 'remove' };
    expect((await get('bulkPreview', query)).json).toMatchObject({ matched: 2 });
    expect((await get('bulkPreview', { queue: 'mail', action: 'retry' })).json).toEqual({ matched: 0, looked: 0 });
    expect((await queues.counts('mail')).scheduled).toBe(3);
    expect(await queues.bulks('mail')).toEqual([]);
  });

  it.each([
    ['an action that there is not', { where: '', action: 'explode' }, { code: 'TASK_QUEUE_INVALID_VALUE' }],
    ['a filter that is wrong', { where: 'nmae:x', action: 'retry' }, { code: 'TASK_QUEUE_WHERE_SYNTAX', position: 1 }],
    [
      'a state that it cannot be done to',
      { where: 'state:dead', action: 'promote' },
      { code: 'TASK_QUEUE_INVALID_VALUE' },
    ],
    ['a hidden field', { where: 'payload.card:1', action: 'retry' }, { code: 'TASK_QUEUE_REDACTED_FIELD' }],
  ])('counts nothing for %s', async (_what, query, failure) => {
    const { get } = await start();
    expect(await get('bulkPreview', { queue: 'mail', ...query })).toMatchObject({ status: 400, json: failure });
  });

  it('ends to count when whoever asked is gone', async () => {
    const { queues } = await start();
    await enqueue(
      queues,
      'mail',
      Array.from({ length: 501 }, (_, n) => `user${n}`),
    );
    const scope = await queues.operatedScopeOf('mail');
    const request = { where: '', action: 'cancel' } as const;
    const client = new AbortController();
    expect(await previewBulk(scope, request, client.signal)).toEqual({ matched: 501, looked: 501 });
    client.abort(new Error('gone'));
    await expect(previewBulk(scope, request, client.signal)).rejects.toThrow('gone');
  });

  it('begins an operation, which does it to each job, and lists it with what became of it', async () => {
    const { act, get, queues } = await start();
    await enqueue(queues, 'mail', ['ada', 'bob', 'ada']);
    const where = 'state:scheduled payload.to:ada';
    const { status, json } = await act('bulk.cancel', { queue: 'mail', where, rate: 1000 });
    expect([status, json]).toEqual([200, { id: expect.any(String) }]);
    await (await queues.getBulk('mail', json.id))?.done();
    expect(await queues.counts('mail')).toMatchObject({ scheduled: 1, cancelled: 2 });
    const { bulks } = (await get('bulks')).json;
    expect(bulks).toEqual([
      expect.objectContaining({
        ...{ id: json.id, queue: 'mail', state: 'done', action: 'cancel', where, rate: 1000 },
        ...{ matched: 2, done: 2, skipped: 0, createdAt: expect.any(Number), endedAt: expect.any(Number) },
      }),
    ]);
  });

  it('cancels an operation, and says where it had ended, or is not kept', async () => {
    const { act, queues } = await start();
    await enqueue(
      queues,
      'mail',
      Array.from({ length: 10 }, (_, n) => `user${n}`),
    );
    const { json } = await act('bulk.remove', { queue: 'mail', where: '', rate: 0.01 });
    expect((await act('bulk.stop', { queue: 'mail', id: json.id })).json).toEqual({ outcome: 'cancelled' });
    expect((await act('bulk.stop', { queue: 'mail', id: json.id })).json).toEqual({ outcome: 'finished' });
    expect((await act('bulk.stop', { queue: 'mail', id: 'none' })).status).toBe(404);
    expect((await queues.counts('mail')).scheduled).toBeGreaterThanOrEqual(8);
  });

  it('refuses one without a filter: it would mean all jobs', async () => {
    const { act, queues } = await start();
    await enqueue(queues, 'mail', ['ada']);
    expect(await act('bulk.remove', { queue: 'mail' })).toMatchObject({
      status: 400,
      json: { code: 'TASK_QUEUE_INVALID_VALUE' },
    });
    expect(await queues.bulks('mail')).toEqual([]);
  });

  it('lists those of queues that somebody may see, of one where it is named', async () => {
    const { act, get, queues } = await start({ queues: ['mail'], can: 'all' });
    await act('bulk.cancel', { queue: 'mail', where: '' });
    await queues.bulk('bills', { where: '', action: 'cancel' });
    const queuesOf = async (query?: Record<string, string>) =>
      ((await get('bulks', query)).json.bulks as { queue: string }[]).map(({ queue }) => queue);
    expect(await queuesOf()).toEqual(['mail']);
    expect(await queuesOf({ queue: 'mail' })).toEqual(['mail']);
  });

  it('tells the audit which operation somebody began, on which jobs, and who was refused', async () => {
    const { act, shop } = await start({ user: 'ada', can: ['bulk.run', 'job.retry'] });
    const { json } = await act('bulk.retry', { queue: 'mail', where: 'name:send' });
    await act('bulk.remove', { queue: 'mail', where: 'name:send' });
    await act('bulk.stop', { queue: 'mail', id: json.id });
    expect(shop.events).toMatchObject([
      { user: 'ada', action: 'bulk.retry', queue: 'mail', where: 'name:send', name: json.id, outcome: 'done' },
      { user: 'ada', action: 'bulk.remove', queue: 'mail', where: 'name:send', outcome: 'denied', count: 0 },
      { user: 'ada', action: 'bulk.stop', name: json.id, outcome: 'done' },
    ]);
  });

  it('stops a retry by itself where its jobs fail again', async () => {
    const { act, get, queues } = await start();
    const jobs = await queues.enqueueMany('mail', [{ payload: { to: 'ada' } }, { payload: { to: 'bob' } }]);
    await Promise.all(jobs.map((job) => job.result({ timeout: '15s' }).catch(() => undefined)));
    const stopIf = { failures: 0, after: 1 };
    const { json } = await act('bulk.retry', { queue: 'mail', where: '', rate: 1, stopIf });
    await (await queues.getBulk('mail', json.id))?.done();
    expect((await get('bulks', { queue: 'mail' })).json.bulks).toMatchObject([{ stopIf, state: 'stopped', failed: 1 }]);
  });
});
