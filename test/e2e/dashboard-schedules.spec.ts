import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Cron, QueueService, ScheduleService } from 'nestjs-task-queue';
import { z } from 'zod';
import { defineJob, Processor } from 'nestjs-task-queue';
import { closeApps, STORES } from '../support/apps.js';
import { startDashboard } from '../support/dashboard-apps.js';

afterEach(closeApps);

const bill = defineJob({ queue: 'bills', name: 'bill', schema: z.object({ tenant: z.string() }) });

@Injectable()
class Billing {
  @Processor(bill)
  send() {}

  @Cron('0 0 1 1 *', { name: 'yearly', queue: 'bills' })
  yearly() {}
}

describe.each(STORES)('schedules and new jobs on $name', ({ options }) => {
  const start = () => startDashboard({ metadata: { providers: [Billing] }, taskQueue: options() });

  it('stores a new schedule, and changes only what is given of it', async () => {
    const board = await start();
    const schedules = board.app.get(ScheduleService);
    const made = await board.act('schedule.edit', {
      ...{ queue: 'bills', name: 'eu', cron: '0 6 * * *', timeZone: 'Europe/Berlin', jobName: 'bill' },
      ...{ payload: { tenant: 'eu' }, overlap: 'skip' },
    });
    expect(made).toMatchObject({ status: 200, json: { rule: { expression: '0 6 * * *', timeZone: 'Europe/Berlin' } } });
    await board.act('schedule.edit', { queue: 'bills', name: 'eu', cron: '0 7 * * *' });
    await board.act('schedule.edit', { queue: 'bills', name: 'eu', missed: 'skip' });
    await board.act('schedule.edit', { queue: 'bills', name: 'eu', timeZone: 'Asia/Tokyo' });
    expect(await schedules.get('eu', { queue: 'bills' })).toMatchObject({
      rule: { kind: 'cron', expression: '0 7 * * *', timeZone: 'Asia/Tokyo' },
      payload: { tenant: 'eu' },
      job: { name: 'bill' },
      overlap: 'skip',
      missed: 'skip',
    });
    const page = await board.get('schedule', { queue: 'bills', name: 'eu' });
    expect(page.json.next).toHaveLength(10);
  });

  it.each([
    ['an interval a zone', { name: 'often', timeZone: 'Asia/Tokyo' }, 400],
    ['a payload that its schema refuses', { name: 'often', payload: { tenant: 7 } }, 400],
    ['a schedule that code declares', { name: 'yearly', cron: '0 1 * * *' }, 409],
    ['a schedule that is not there something else than a rule', { name: 'new', missed: 'all' }, 404],
  ])('does not give %s', async (_what, edit, expected) => {
    const board = await start();
    const schedules = board.app.get(ScheduleService);
    await schedules.upsert('often', { queue: bill, every: '1h', payload: { tenant: 'a' } });
    const before = await schedules.list({ queue: 'bills' });
    const answer = await board.act('schedule.edit', { queue: 'bills', ...edit });
    expect([answer.status, answer.text]).toEqual([expected, expect.any(String)]);
    const after = await schedules.list({ queue: 'bills' });
    const rules = (page: typeof before) => page.schedules.map(({ name, rule }) => JSON.stringify([name, rule])).sort();
    expect(rules(after)).toEqual(rules(before));
  });

  it('enqueues by the definition, with its schema', async () => {
    const board = await start();
    await board.act('queue.pause', { queue: 'bills' });
    const wrong = await board.act('job.enqueue', { queue: 'bills', name: 'bill', payload: { tenant: 7 } });
    expect(wrong).toMatchObject({ status: 400, json: { issues: [{ path: 'tenant' }] } });
    const right = await board.act('job.enqueue', { queue: 'bills', name: 'bill', payload: { tenant: 'a', more: 1 } });
    const job = await board.app.get(QueueService).getJob('bills', right.json.number);
    expect(job?.payload).toEqual({ tenant: 'a' });
    const { definitions } = (await board.get('definitions', { queue: 'bills' })).json;
    expect(definitions).toContainEqual(expect.objectContaining({ name: 'bill', checked: true }));
  });
});
