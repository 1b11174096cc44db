import { connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Processor, QueueService, ScheduleService, UnrecoverableError, type Job } from 'nestjs-task-queue';
import { closeApps } from '../support/apps.js';
import { ask, PLATFORMS, startDashboard, type DashboardApp } from '../support/dashboard-apps.js';

afterEach(closeApps);

@Injectable()
class Mailer {
  @Processor('mail', { concurrency: 1 })
  send(job: Job<{ card?: string }>) {
    job.log(`charging ${job.payload.card}`);
    throw new UnrecoverableError(`card ${job.payload.card} is refused`);
  }
}

const start = (platform: 'express' | 'fastify', more: object = {}): Promise<DashboardApp> =>
  startDashboard({ platform, metadata: { providers: [Mailer] }, ...more });

/** What a client that does not normalise paths is answered. */
async function rawStatus(origin: string, lines: string[]): Promise<number> {
  const { port, hostname } = new URL(origin);
  const socket = connect(Number(port), hostname);
  let text = '';
  socket.setEncoding('latin1');
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  for await (const chunk of socket) {
    text += String(chunk);
    if (text.includes('\r\n')) break;
  }
  socket.destroy();
  return Number(text.split(' ')[1]);
}

describe.each(PLATFORMS)('attacks on %s', (platform) => {
  it.each([
    '/queues/assets/../../package.json',
    '/queues/assets/..%2f..%2fpackage.json',
    '/queues/assets/%2e%2e/%2e%2e/package.json',
    '/queues/assets/....//package.json',
    '/queues/assets/constructor',
    '/queues/assets/__proto__',
    '/queues/assets/index.html',
  ])('sends no file for %s', async (path) => {
    const { origin } = await start(platform);
    const status = await rawStatus(origin, [`GET ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close']);
    expect([400, 404]).toContain(status);
  });

  it.each<[string, Record<string, string>, number]>([
    ['the header is missing', { 'x-task-queue-dashboard': '' }, 403],
    ['a form was sent', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['JSON was sent as a text', { 'content-type': 'text/plain' }, 415],
    ['a browser says that another site asks', { 'sec-fetch-site': 'cross-site' }, 403],
    ['a browser says that a neighbour asks', { 'sec-fetch-site': 'same-site' }, 403],
    ['the origin is another', { origin: 'https://evil.example' }, 403],
    ['the origin is hidden', { origin: 'null' }, 403],
  ])('does nothing where %s', async (_what, headers, expected) => {
    const board = await start(platform);
    const sent = Object.fromEntries(
      Object.entries({ 'content-type': 'application/json', 'x-task-queue-dashboard': '1', ...headers }).filter(
        ([, value]) => value !== '',
      ),
    );
    const body = JSON.stringify({ queue: 'mail' });
    const answer = await ask(board.at('api/queue.pause'), { method: 'POST', body, headers: sent });
    expect(answer.status).toBe(expected);
    expect(await board.app.get(QueueService).isPaused('mail')).toBe(false);
  });

  it('refuses reads for pages of other sites, and lets nothing be kept or framed', async () => {
    const board = await start(platform);
    const foreign = await board.get('overview', {}, { headers: { 'sec-fetch-site': 'cross-site' } });
    expect(foreign.status).toBe(403);
    const { headers } = await board.get('overview');
    expect(Object.fromEntries(headers)).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
      'referrer-policy': 'no-referrer',
    });
  });

  it.each([
    ['no JSON', '{"queue":', 400],
    ['no object', '["mail"]', 400],
    ['a field that is not known', '{"queue":"mail","force":true}', 400],
    ['a queue that is no text', '{"queue":{"toString":"x"}}', 400],
    ['a name with a line break', '{"queue":"mail\\r\\nset-cookie: a=b"}', 404],
    ['a name of Object', '{"queue":"__proto__"}', 404],
    ['three megabytes', JSON.stringify({ queue: 'm'.repeat(3 * 1024 * 1024) }), 413],
  ])('answers a body of %s with a status', async (_what, body, expected) => {
    const board = await start(platform, { create: { bodyParser: false } });
    const headers = { 'content-type': 'application/json', 'x-task-queue-dashboard': '1' };
    const { status } = await ask(board.at('api/queue.pause'), { method: 'POST', body, headers });
    expect(status).toBe(expected);
  });

  it('keeps __proto__ in a payload from becoming one', async () => {
    const board = await start(platform);
    await board.act('queue.pause', { queue: 'mail' });
    const body = '{"queue":"mail","payload":{"a":1,"__proto__":{"polluted":true}}}';
    const headers = { 'content-type': 'application/json', 'x-task-queue-dashboard': '1' };
    const { status } = await ask(board.at('api/job.enqueue'), { method: 'POST', body, headers });
    expect([200, 400]).toContain(status);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it.each([
    ['without an end', '0 0 1--100000000 * *'],
    ['of nine fields', '* * * * * * * * *'],
    ['that never comes', '0 0 30 2 *'],
    ['of 3000 characters', `${'61,'.repeat(1000)}0 * * * *`],
  ])('answers a cron expression %s', async (_what, cron) => {
    const board = await start(platform);
    expect((await board.get('ticks', { cron })).status).toBe(400);
    expect((await board.act('schedule.edit', { queue: 'mail', name: 'bomb', cron })).status).toBe(400);
  });

  it.each(['metrics', '..', '%2e', 'api', '__proto__'])('finds no job "%s" and no other route', async (id) => {
    const board = await start(platform);
    expect(await board.get('job', { queue: 'mail', id })).toMatchObject({
      status: 404,
      json: { code: 'TASK_QUEUE_JOB_NOT_FOUND' },
    });
  });

  describe('where fields are hidden', () => {
    const taskQueue = { connection: 'memory://', redact: ['card'] };

    async function deadJob(board: DashboardApp): Promise<string> {
      const job = await board.app.get(QueueService).enqueue('mail', { card: '4111-1111', to: 'ada' });
      await job.result({ timeout: '10s' }).catch(() => undefined);
      return job.number;
    }

    it('shows them nowhere, and to those who may reveal them', async () => {
      const board = await start(platform, { taskQueue });
      const id = await deadJob(board);
      const answers = await Promise.all([
        board.get('job', { queue: 'mail', id }),
        board.get('jobs', { queue: 'mail', state: 'dead' }),
        board.get('dead', { queue: 'mail' }),
      ]);
      for (const { status, text } of answers) {
        expect(status).toBe(200);
        expect(text).not.toContain('4111-1111');
      }
      const revealed = await board.get('job', { queue: 'mail', id, reveal: '1' });
      expect(revealed.json).toMatchObject({ redacted: false, job: { payload: { card: '4111-1111' } } });
    });

    it('reveals nothing to those who may not', async () => {
      const dashboard = { authorize: () => ({ user: 'eve', can: ['job.retry', 'job.edit'] as never }) };
      const board = await start(platform, { taskQueue, dashboard });
      const id = await deadJob(board);
      expect((await board.get('job', { queue: 'mail', id, reveal: '1' })).status).toBe(403);
    });

    it('stores no mark in the place of a hidden value', async () => {
      const board = await start(platform, { taskQueue });
      const answer = await board.act('job.enqueue', { queue: 'mail', payload: { card: '[redacted]' } });
      expect(answer).toMatchObject({ status: 400, json: { code: 'DASHBOARD_REDACTED' } });
      const schedules = board.app.get(ScheduleService);
      await schedules.upsert('bill', { queue: 'mail', cron: '0 0 1 1 *', payload: { card: '4111-1111' } });
      const edited = await board.act('schedule.edit', { queue: 'mail', name: 'bill', cron: '0 6 1 1 *' });
      expect(edited.json).toMatchObject({ rule: { expression: '0 6 1 1 *' }, payload: { card: '[redacted]' } });
      await board.act('queue.pause', { queue: 'mail' });
      const run = await board.act('schedule.run', { queue: 'mail', name: 'bill' });
      const job = await board.app.get(QueueService).getJob<{ card: string }>('mail', run.json.number);
      expect(job?.payload.card).toBe('4111-1111');
    });
  });

  it('shows only links that lead to pages', async () => {
    const hrefs = [
      'https://traces.example/1',
      '/logs?id=1',
      'javascript:alert(1)',
      'java\nscript:alert(1)',
      'data:text/html,x',
    ];
    const dashboard = { links: () => hrefs.map((href) => ({ text: 'x', href })) };
    const board = await start(platform, { dashboard });
    await board.act('queue.pause', { queue: 'mail' });
    const { json } = await board.act('job.enqueue', { queue: 'mail', payload: {} });
    const page = await board.get('job', { queue: 'mail', id: json.number });
    expect(page.json.links.map(({ href }: { href: string }) => href)).toEqual(hrefs.slice(0, 2));
  });
});
