import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Processor, QueueService, UnrecoverableError, type Job } from 'nestjs-task-queue';
import type { DashboardAction } from 'nestjs-task-queue/dashboard';
import { closeApps } from '../support/apps.js';
import { startDashboard } from '../support/dashboard-apps.js';

afterEach(closeApps);

@Injectable()
class Mailer {
  @Processor('mail')
  send(job: Job<{ to: string }>) {
    if (job.payload.to === '') throw new UnrecoverableError('nobody');
    return job.payload.to;
  }
}

const patch = [{ op: 'replace', path: '/to', value: 'ada' }];

async function boardWithDeadJob(can: DashboardAction[]) {
  const board = await startDashboard({ dashboard: { authorize: () => ({ can }) }, metadata: { providers: [Mailer] } });
  const job = await board.app.get(QueueService).enqueue('mail', { to: '' });
  await job.result().catch(() => undefined);
  return { board, job };
}

describe('a retry with an edited payload', () => {
  it('runs the job with what the patch made', async () => {
    const { board, job } = await boardWithDeadJob(['job.retry', 'job.edit']);
    const answer = await board.act('job.retry', { queue: 'mail', ids: [job.number], patch });
    expect(answer.json).toEqual({ done: 1, jobs: [{ id: job.number, outcome: 'done' }] });
    await job.refresh();
    expect(await job.result()).toBe('ada');
  });

  it('is refused to who may retry and not edit', async () => {
    const { board, job } = await boardWithDeadJob(['job.retry']);
    const answer = await board.act('job.retry', { queue: 'mail', ids: [job.number], patch });
    expect(answer.status).toBe(403);
    expect((await job.refresh()).state).toBe('dead');
  });

  it('is of one job, and its patch is checked', async () => {
    const { board, job } = await boardWithDeadJob(['job.retry', 'job.edit']);
    const many = await board.act('job.retry', { queue: 'mail', ids: [job.number, '7'], patch });
    expect([many.status, many.json.code]).toEqual([400, 'DASHBOARD_BAD_REQUEST']);
    const wrong = await board.act('job.retry', {
      queue: 'mail',
      ids: [job.number],
      patch: [{ op: 'guess', path: '/to' }],
    });
    expect(wrong.status).toBe(400);
    expect((await job.refresh()).state).toBe('dead');
  });
});
