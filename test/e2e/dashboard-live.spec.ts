import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Processor, QueueService, type Job } from 'nestjs-task-queue';
import { closeApps, STORES } from '../support/apps.js';
import { PLATFORMS, startDashboard } from '../support/dashboard-apps.js';
import { firstLines, linesOf } from '../support/lines.js';

afterEach(closeApps);

@Injectable()
class Mailer {
  @Processor('mail')
  send(job: Job<{ to: string }>) {
    job.progress(50);
    return `to ${job.payload.to}`;
  }
}

const metadata = { providers: [Mailer] };

describe.each(PLATFORMS)('live on %s', (platform) => {
  it.each(STORES)('tells how queues change, and what happens to one job, on $name', async ({ options }) => {
    const board = await startDashboard({ platform, metadata, taskQueue: options() });
    const queues = board.app.get(QueueService);
    await queues.pause('mail');
    const job = await queues.enqueue('mail', { to: 'ada' });
    const other = await queues.enqueue('mail', { to: 'bob' });
    const live = await fetch(board.at('api/live', { queue: 'mail', job: job.number, jobQueue: 'mail' }));
    const seen: string[] = [];
    const states: unknown[] = [];
    for await (const line of linesOf<{ kind: string; event?: { event: string; number: string }; queues?: object[] }>(
      live,
    )) {
      if (line.kind === 'snapshot') {
        states.push(...(line.queues ?? []));
        // Events are listened to by now.
        if (states.length === 1) await queues.resume('mail');
      }
      if (line.event?.number === other.number) throw new Error('An event of another job');
      if (line.kind === 'event' && line.event) seen.push(line.event.event);
      if (seen.includes('completed') && states.length > 1) break;
    }
    expect(seen).toContain('completed');
    expect(states[0]).toMatchObject({ queue: 'mail', paused: true, counts: { ready: 2 } });
    expect(states.at(-1)).toMatchObject({ paused: false });
  });

  it('looks once for all who look, and not at all while nobody does', async () => {
    const counts = jest.spyOn(QueueService.prototype, 'counts');
    const board = await startDashboard({ platform, metadata });
    await board.get('session');
    counts.mockClear();
    const readers = await Promise.all([1, 2, 3].map(() => fetch(board.at('api/live', { queue: 'mail' }))));
    await Promise.all(readers.map((reader) => firstLines(reader, 2)));
    // Three came at once: the first look is for the first of them, and the second one for all.
    expect(counts.mock.calls.length).toBeLessThanOrEqual(2);
    counts.mockRestore();
  });

  it('ends when the app closes, also for those who do not read', async () => {
    const board = await startDashboard({ platform, metadata });
    const [reader] = await Promise.all([fetch(board.at('api/live')), fetch(board.at('api/live'))]);
    const lines: { kind: string; why?: string }[] = [];
    const reading = (async () => {
      for await (const line of linesOf<{ kind: string; why?: string }>(reader)) lines.push(line);
    })();
    await board.app.close();
    await reading;
    expect(lines.at(-1)).toEqual({ kind: 'bye', why: 'shutdown' });
  });

  it('refuses the stream that is one too many, and takes one again', async () => {
    const board = await startDashboard({ platform, metadata });
    const streams = await Promise.all(Array.from({ length: 100 }, () => fetch(board.at('api/live'))));
    expect(streams.every(({ status }) => status === 200)).toBe(true);
    expect(await board.get('live')).toMatchObject({ status: 503, json: { code: 'DASHBOARD_TOO_MANY_STREAMS' } });
    expect((await board.get('overview')).status).toBe(200);
    await Promise.all(streams.map(async ({ body }) => body?.cancel()));
    for (;;) {
      const again = await fetch(board.at('api/live'));
      await again.body?.cancel();
      if (again.status === 200) break;
    }
  });

  it('is no way around the names of queues', async () => {
    const board = await startDashboard({ platform, metadata });
    expect((await board.get('live', { queue: 'nowhere' })).status).toBe(404);
    expect((await board.get('live', { job: '1' })).status).toBe(400);
  });
});
