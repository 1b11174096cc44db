import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Processor, QueueService } from 'nestjs-task-queue';
import { OnDashboardAction, type DashboardActionEvent } from 'nestjs-task-queue/dashboard';
import { closeApps, STORES } from '../support/apps.js';
import { startDashboard } from '../support/dashboard-apps.js';

afterEach(closeApps);

@Injectable()
class Shop {
  events: DashboardActionEvent[] = [];

  @Processor('exports')
  export() {}

  @OnDashboardAction()
  note(event: DashboardActionEvent) {
    this.events.push(event);
  }
}

describe.each(STORES)('groups on the dashboard on $name', ({ options }) => {
  async function start() {
    const board = await startDashboard({ metadata: { providers: [Shop] }, taskQueue: options() });
    const queues = board.app.get(QueueService);
    await queues.pause('exports');
    for (const group of ['acme', 'acme', 'tiny']) await queues.enqueue('exports', {}, { group });
    return { ...board, queues, shop: board.app.get(Shop) };
  }

  it('lists what waits of each, its rule and what holds it back', async () => {
    const { get, queues } = await start();
    await queues.setGroup('exports', 'tiny', { weight: 2, paused: true });
    const { json } = await get('groups', { queue: 'exports' });
    expect(json).toEqual({
      at: expect.any(Number),
      groups: [
        { key: 'acme', waiting: 2, running: 0 },
        { key: 'tiny', waiting: 1, running: 0, rule: { weight: 2, paused: true }, hold: { by: 'paused' } },
      ],
    });
  });

  it('lists them page by page, each once', async () => {
    const { get } = await start();
    const keys: string[] = [];
    let cursor: string | undefined;
    do {
      const query: Record<string, string> = { queue: 'exports', limit: '1', ...(cursor !== undefined && { cursor }) };
      const { json } = await get('groups', query);
      keys.push(...(json.groups as { key: string }[]).map(({ key }) => key));
      cursor = json.cursor;
    } while (cursor !== undefined);
    expect(keys).toEqual(['acme', 'tiny']);
  });

  it('sets the rule of a group whole, and takes it back', async () => {
    const { act, queues } = await start();
    const ruleOf = async () => (await queues.groups('exports')).groups.find(({ key }) => key === 'acme')?.rule;
    await act('group.set', { queue: 'exports', key: 'acme', rule: { concurrency: 3, paused: true } });
    expect(await ruleOf()).toEqual({ concurrency: 3, paused: true });
    await act('group.set', { queue: 'exports', key: 'acme', rule: { weight: 5 } });
    expect(await ruleOf()).toEqual({ weight: 5 });
    await act('group.set', { queue: 'exports', key: 'acme', rule: null });
    expect(await ruleOf()).toBeUndefined();
  });

  it.each([
    ['no rule', { key: 'acme' }],
    ['a rule that is none', { key: 'acme', rule: { speed: 3 } }],
    ['a weight that is none', { key: 'acme', rule: { weight: 0 } }],
    ['a key that is none', { key: 'a b', rule: { weight: 2 } }],
    ['no key', { rule: { weight: 2 } }],
  ])('refuses %s', async (_what, body) => {
    const { act, queues } = await start();
    expect((await act('group.set', { queue: 'exports', ...body })).status).toBe(400);
    expect((await queues.groups('exports')).groups.map(({ rule }) => rule)).toEqual([undefined, undefined]);
  });

  it('tells the audit of which group', async () => {
    const { act, shop } = await start();
    await act('group.set', { queue: 'exports', key: 'acme', rule: { paused: true } });
    expect(shop.events).toMatchObject([{ action: 'group.set', queue: 'exports', name: 'acme', count: 1 }]);
  });

  it('shows limits of groups beside those of the queue, and the group of a job', async () => {
    const { act, get, queues } = await start();
    const limits = { concurrency: 4, groups: { concurrency: 1, rate: { limit: 9, per: '1s' }, share: 'time' } };
    expect((await act('queue.limits', { queue: 'exports', limits })).status).toBe(200);
    expect((await get('queue', { queue: 'exports' })).json.limits).toEqual({
      concurrency: 4,
      groups: { concurrency: 1, rate: { limit: 9, per: 1000, smooth: false }, share: 'time' },
    });
    const [job] = (await queues.jobs('exports', { state: 'ready' })).jobs;
    expect((await get('job', { queue: 'exports', id: job.number })).json.job.group).toBe(job.group);
  });
});
