import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Processor, QueueService, UnrecoverableError, type Job } from 'nestjs-task-queue';
import { closeApps, STORES } from '../support/apps.js';
import { PLATFORMS, startDashboard } from '../support/dashboard-apps.js';
import { linesOf } from '../support/lines.js';

afterEach(closeApps);

@Injectable()
class Mailer {
  @Processor('mail')
  send(job: Job<{ to: string; card: string }>) {
    throw new UnrecoverableError(`User ${job.id} has card ${job.payload.card}, "which" is refused`);
  }
}

describe.each(STORES)('searches on $name', ({ options }) => {
  async function startDead() {
    const board = await startDashboard({
      metadata: { providers: [Mailer] },
      taskQueue: { ...options(), redact: ['card'] },
    });
    const queues = board.app.get(QueueService);
    const jobs = await queues.enqueueMany(
      'mail',
      ['ada', 'bob', 'ada'].map((to, index) => ({
        payload: { to, card: `4111-${index}111` },
        // Letters alone, as those of the store may be.
        id: ['first', 'second', 'third'][index],
      })),
    );
    await Promise.all(jobs.map((job) => job.result({ timeout: '15s' }).catch(() => undefined)));
    return board;
  }

  it('finds jobs, newest first, and says whether there are more', async () => {
    const board = await startDead();
    const answer = await fetch(board.at('api/find', { queue: 'mail', where: 'payload.to:ada', limit: '1' }));
    const lines: { kind: string; more?: boolean; job?: { preview: string } }[] = [];
    for await (const line of linesOf<{ kind: string }>(answer)) lines.push(line);
    expect(lines).toMatchObject([
      { kind: 'job', job: { preview: '{"to":"ada","card":"[redacted]"}' } },
      { kind: 'end', more: true },
    ]);
  });

  it('groups dead letters whose errors differ by the ids of their jobs and by numbers, and finds exactly those of a group', async () => {
    const board = await startDead();
    const { groups, looked, complete } = (await board.get('dead', { queue: 'mail' })).json;
    expect({ groups, looked, complete }).toMatchObject({
      groups: [{ name: 'default', reason: 'unrecoverable', count: 3 }],
      looked: 3,
      complete: true,
    });
    const answer = await board.get('find', { queue: 'mail', where: groups[0].where });
    const kinds = answer.text
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { kind: string }).kind);
    expect(kinds).toEqual(['job', 'job', 'job', 'end']);
  });

  it('counts values, and says where a search is wrong', async () => {
    const board = await startDead();
    const facets = await board.get('facets', { queue: 'mail', where: 'state:dead', path: 'payload.to' });
    expect(facets.json).toMatchObject({
      values: [
        { value: 'ada', count: 2 },
        { value: 'bob', count: 1 },
      ],
      looked: 3,
    });
    const wrong = await board.get('find', { queue: 'mail', where: 'state:dead nmae:x' });
    expect(wrong).toMatchObject({ status: 400, json: { code: 'TASK_QUEUE_WHERE_SYNTAX', position: 12 } });
  });

  it.each(['payload.card:4111-1111', '"4111-1111"', 'error:"4111-1111"'])('is no oracle: %s', async (where) => {
    const board = await startDead();
    const { text } = await board.get('find', { queue: 'mail', where });
    expect(text).not.toContain('"kind":"job"');
    const facets = await board.get('facets', { queue: 'mail', path: 'payload.card' });
    expect(facets).toMatchObject({ status: 400, json: { code: 'TASK_QUEUE_REDACTED_FIELD' } });
  });

  it('says why a job has not started', async () => {
    const board = await startDead();
    await board.act('queue.pause', { queue: 'mail' });
    const { json } = await board.act('job.enqueue', { queue: 'mail', payload: { to: 'eve' }, delay: '1h' });
    const page = await board.get('job', { queue: 'mail', id: json.number });
    expect(page.json.explanation.holds.map(({ by }: { by: string }) => by)).toEqual(
      expect.arrayContaining(['paused', 'due']),
    );
    expect(page.json.explanation.notBefore).toBeGreaterThan(page.json.at);
  });
});

it.each(PLATFORMS)('ends a search whose client is gone on %s, and logs no failure', async (platform) => {
  const board = await startDashboard({ platform, metadata: { providers: [Mailer] } });
  const client = new AbortController();
  const ended = new Promise<void>((resolve) => {
    jest.spyOn(board.app.get(QueueService), 'facets').mockImplementation(async (_queue, _where, _path, options) => {
      const signal = options!.signal!;
      client.abort();
      await new Promise((abort) => signal.addEventListener('abort', abort));
      // What follows the end of the search comes before this.
      setImmediate(resolve);
      throw signal.reason;
    });
  });
  const query = { queue: 'mail', path: 'payload.to' };
  await expect(board.get('facets', query, { signal: client.signal })).rejects.toThrow(/abort/);
  await ended;
  expect(board.logs.matching(/^error/)).toEqual([]);
  jest.restoreAllMocks();
  expect((await board.get('facets', query)).status).toBe(200);
});
