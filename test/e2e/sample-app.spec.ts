import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { QueueService } from 'nestjs-task-queue';
import { AppModule } from '../../sample-app/src/app.module.js';
import { Digest, digestJob } from '../../sample-app/src/digest.js';
import { fileJob } from '../../sample-app/src/files/file.job.js';
import { statisticsOf } from '../../sample-app/src/files/text-statistics.js';
import { rowJob } from '../../sample-app/src/ledger/row.job.js';
import { publishJob } from '../../sample-app/src/publishing/publishing.jobs.js';
import { reportJob } from '../../sample-app/src/reports/report.job.js';
import { ReportsService, type ReportView } from '../../sample-app/src/reports/reports.service.js';
import { readSettings, Settings } from '../../sample-app/src/settings.js';
import { showFirstReport } from '../../sample-app/src/terminal/first-report.js';
import { announcement } from '../../sample-app/src/welcome.controller.js';
import { LogBook } from '../support/apps.js';

const STORES = [
  { name: 'memory', connectionOf: (name: string) => `memory://${name}` },
  ...(process.env.TEST_REDIS_URL ? [{ name: 'redis', connectionOf: () => process.env.TEST_REDIS_URL as string }] : []),
];

describe.each(STORES)('sample app on $name', ({ connectionOf }) => {
  let root: string;
  let settings: Settings;
  let apps: INestApplication[];

  beforeEach(async () => {
    const name = `sample${randomBytes(6).toString('hex')}`;
    root = await mkdtemp(join(tmpdir(), 'task-queue-sample-'));
    const changes = {
      connection: connectionOf(name),
      prefix: name,
      root,
      ledger: join(root, 'kept/ledger.csv'),
      grace: '50ms',
    };
    settings = Object.assign(readSettings({}), changes);
    apps = [];
    await writeTree({
      'src/a.ts': 'const apple = apple + pear;\nplum();\n',
      'src/deep/b.ts': 'pear(apple)\n',
      'src/deep/empty.md': '',
      'src/node_modules/skipped.ts': 'skipped',
      'other/c.txt': 'only words here',
    });
  });

  afterEach(async () => {
    await Promise.all(apps.map((app) => app.close()));
    await rm(root, { recursive: true });
  });

  async function writeTree(files: Record<string, string>): Promise<void> {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(join(root, path, '..'), { recursive: true });
      await writeFile(join(root, path), text);
    }
  }

  async function startSample(changes: Partial<Settings> = {}): Promise<INestApplication> {
    const moduleRef = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(Settings)
      .useValue(Object.assign({}, settings, changes))
      .setLogger(new LogBook())
      .compile();
    const app = moduleRef.createNestApplication({ logger: false });
    apps.push(app);
    await app.listen(0, '127.0.0.1');
    return app;
  }

  async function call(
    app: INestApplication,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: any }> {
    const response = await fetch(`${await app.getUrl()}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  }

  it('says where its page is, which shows what to try, and how to stop', async () => {
    const url = await (await startSample()).getUrl();
    expect(announcement(url)).toContain(`The app is at ${url}/, where a browser shows these lines. Ctrl+C stops it.`);
    const page = await fetch(`${url}/`);
    expect(announcement(url)).toContain(await page.text());
    const forBrowsers = await fetch(`${url}/`, { headers: { accept: 'text/html' } });
    expect(forBrowsers.headers.get('content-type')).toContain('text/html');
    expect(await forBrowsers.text()).toContain('<a href="queues">');
    const overview = await fetch(`${url}/queues/api/overview`);
    expect(await overview.json()).toMatchObject({
      queues: expect.arrayContaining([expect.objectContaining({ queue: 'files' })]),
    });
  });

  const startReport = (app: INestApplication, path: unknown, tenant?: unknown) =>
    call(app, 'POST', '/reports', { path, tenant });

  /** The views that a stream of a report tells, until it ends. */
  async function* viewsOf(app: INestApplication, id: string): AsyncGenerator<ReportView> {
    // Without an agent nothing keeps the connection for later: only the stream itself could hold up app.close().
    const request = get(`${await app.getUrl()}/reports/${id}/events`, { agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(response.headers['content-type']).toContain('text/event-stream');
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) {
      text += chunk;
      const messages = text.split('\n\n');
      text = messages.pop() as string;
      for (const message of messages) {
        const data = /^data: (.*)$/m.exec(message)?.[1];
        if (data !== undefined) yield JSON.parse(data) as ReportView;
      }
    }
  }

  async function untilSettled(app: INestApplication, id: string): Promise<ReportView> {
    let last: ReportView | undefined;
    for await (const view of viewsOf(app, id)) last = view;
    return last as ReportView;
  }

  it('says at / what to try', async () => {
    const app = await startSample();
    const url = await app.getUrl();
    const response = await fetch(url);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/plain; charset=utf-8']);
    const text = await response.text();
    expect(text).toContain(`curl -X POST ${url}/reports`);
    expect(text).toContain(`curl ${url}/dead`);
    expect(text).toContain(`curl -X POST ${url}/digest`);
    expect(text).toContain('"tenant":"acme"');
  });

  it('sums up the files of a folder, a job each', async () => {
    const app = await startSample();
    const { status, body } = await startReport(app, 'src');
    expect(status).toBe(202);
    expect(body).toMatchObject({ path: ['src'] });

    const { state, report, progress } = await untilSettled(app, body.id);
    expect(state).toBe('completed');
    expect(progress).toEqual({ done: 3, total: 3 });
    expect(report).toMatchObject({ files: 3, lines: 3, words: 8, size: 48, failedFiles: 0, truncated: false });
    expect(report?.identifiers).toEqual([
      ['apple', 3],
      ['pear', 2],
      ['plum', 1],
    ]);
    expect(report?.byExtension.map(({ extension, files }) => [extension, files])).toEqual([
      ['.ts', 2],
      ['.md', 1],
    ]);
    expect(await app.get(QueueService).counts(fileJob)).toMatchObject({ completed: 3 });

    const again = await call(app, 'GET', `/reports/${body.id}`);
    expect(again).toEqual({ status: 200, body: expect.objectContaining({ state: 'completed', report }) });
  });

  it('takes several folders, and counts afresh when a report that has ended is asked for again', async () => {
    const app = await startSample();
    const first = await untilSettled(app, (await startReport(app, ['src', './other/'])).body.id);
    expect(first.report).toMatchObject({ files: 4 });

    await writeTree({ 'other/d.txt': 'one more' });
    const second = await untilSettled(app, (await startReport(app, ['src', 'other'])).body.id);
    expect(second.id).toBe(first.id);
    expect(second.report).toMatchObject({ files: 5 });
  });

  it('announces at the third attempt, and publishes when a dead letter is retried', async () => {
    const app = await startSample();
    const { id, report } = await untilSettled(app, (await startReport(app, 'other')).body.id);
    expect(report?.announcedAtAttempt).toBe(3);

    const queues = app.get(QueueService);
    const dead = await firstDead(queues);
    expect(dead).toMatchObject({ name: 'publish', payload: { report: id }, deadReason: 'unrecoverable' });
    expect((await call(app, 'GET', '/dead')).body).toMatchObject([{ id: dead.id }]);

    expect((await call(app, 'POST', `/dead/${dead.id}/retry`)).status).toBe(202);
    const published = await queues.getJob(publishJob, dead.id);
    expect(await published?.result()).toEqual({ published: id });
    // The board wanted the queue to wait: the job came back to its place, at the same attempt.
    expect(await published?.logs()).toEqual([expect.stringContaining('The noticeboard answers 429')]);
    expect((await published?.refresh())?.attempt).toBe(1);
    expect(await queues.limits(publishJob)).toEqual({
      concurrency: 4,
      rate: { limit: 20, per: 1000, smooth: false },
    });
    expect(await call(app, 'POST', `/dead/${dead.id}/retry`)).toMatchObject({
      status: 409,
      body: { code: 'TASK_QUEUE_JOB_STATE' },
    });
  });

  /** The publication of the only report; it may still be on its way. */
  async function firstDead(queues: QueueService) {
    for (const state of ['ready', 'active', 'dead'] as const) {
      for (const job of (await queues.jobs(publishJob, { state })).jobs) {
        if (job.name !== publishJob.name) continue;
        await expect(job.result()).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_DEAD' });
        return job.refresh();
      }
    }
    throw new Error('Nothing is dead');
  }

  it('gives the jobs of a report to its tenant, whose files take turns with those of others', async () => {
    const app = await startSample();
    const queues = app.get(QueueService);
    expect(await queues.limits(fileJob)).toEqual({ groups: { concurrency: 4, share: 'jobs' } });
    await queues.pause(fileJob);
    const reports = [];
    for (const [path, tenant] of [
      ['src', 'acme'],
      ['src', 'globex'],
      ['other', undefined],
    ]) {
      const { status, body } = await startReport(app, path, tenant);
      expect({ status, tenant: body.tenant }).toEqual({ status: 202, tenant });
      reports.push(body);
      for await (const { progress } of viewsOf(app, body.id)) if (progress !== undefined) break;
    }
    expect(new Set(reports.map(({ id }) => id)).size).toBe(3);
    const { groups } = await queues.groups(fileJob);
    expect(groups.map(({ key, waiting }) => [key, waiting]).sort()).toEqual([
      ['acme', 3],
      ['globex', 3],
    ]);
    await queues.resume(fileJob);
    for (const { id } of reports) expect(await untilSettled(app, id)).toMatchObject({ state: 'completed' });
    expect((await queues.jobs(reportJob, { state: 'completed' })).jobs.map(({ group }) => group ?? '-').sort()).toEqual(
      ['-', 'acme', 'globex'],
    );
  });

  it.each([['a b'], [''], [5], ['x'.repeat(65)]])('refuses the tenant %p', async (tenant) => {
    const { status, body } = await startReport(await startSample(), 'src', tenant);
    expect({ status, message: String(body.message) }).toEqual({
      status: 400,
      message: expect.stringContaining('1 to 64 letters'),
    });
  });

  it('writes the rows of reports in batches', async () => {
    const app = await startSample();
    const queues = app.get(QueueService);
    await queues.pause(rowJob);
    const ids: string[] = [];
    for (const path of ['src', 'other']) ids.push((await startReport(app, path)).body.id);
    await untilRowsWait(queues, 3);
    await queues.resume(rowJob);
    for (const id of ids) expect(await untilSettled(app, id)).toMatchObject({ state: 'completed' });
    const rows = (await readFile(settings.ledger, 'utf8')).trimEnd().split('\n');
    expect(rows.map((row) => row.split(',').slice(1).join()).sort()).toEqual(
      [`${ids[0]},".md",1,0,0,0`, `${ids[0]},".ts",2,3,8,48`, `${ids[1]},".txt",1,1,3,15`].sort(),
    );
    const places = (await queues.jobs(rowJob, { state: 'completed' })).jobs.map(({ id }) => id).sort();
    expect(rows.map((row) => row.split(',')[0]).sort()).toEqual(places);
  });

  async function untilRowsWait(queues: QueueService, count: number): Promise<void> {
    while ((await queues.counts(rowJob)).ready < count) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  it('writes one digest, however many ask for it at once', async () => {
    const app = await startSample();
    const queues = app.get(QueueService);
    await queues.pause(digestJob);
    const first = await call(app, 'POST', '/digest');
    const second = await call(app, 'POST', '/digest');
    expect(first).toMatchObject({ status: 202, body: { created: true } });
    expect(second).toMatchObject({ status: 202, body: { created: false, id: first.body.id } });
    await queues.resume(digestJob);
    expect(await (await queues.getJob(digestJob, first.body.id))?.result()).toContain('files: 0 ready');
    expect(await call(app, 'POST', '/digest')).toMatchObject({ body: { created: true } });
  });

  it('refuses paths that are not folders inside its root', async () => {
    await symlink(tmpdir(), join(root, 'way-out'));
    const app = await startSample();
    const refusals: [unknown, RegExp][] = [
      ['..', /outside/],
      ['src/../../..', /outside/],
      ['/', /outside/],
      ['way-out', /outside/],
      ['missing', /does not exist/],
      ['src/a.ts', /not a folder/],
      ['src/a.ts/deeper', /does not exist/],
      ['a\0b', /NUL/],
      ['x'.repeat(2000), /1 to 1024/],
      ['', /1 to 1024/],
      [5, /1 to 1024/],
      [undefined, /1 to 1024/],
      [[], /1 to 10 folders/],
      [['src', 7], /path\.1/],
    ];
    for (const [path, reason] of refusals) {
      const { status, body } = await startReport(app, path);
      expect({ path, status }).toEqual({ path, status: 400 });
      expect(String(body.message)).toMatch(reason);
    }
    expect(await app.get(QueueService).counts(reportJob)).toMatchObject({ ready: 0, active: 0, completed: 0 });
  });

  it('answers 404 for what is not kept', async () => {
    const app = await startSample();
    expect((await call(app, 'GET', '/reports/unknown')).status).toBe(404);
    expect((await call(app, 'GET', '/reports/unknown/events')).status).toBe(404);
    expect((await call(app, 'POST', '/dead/unknown/retry')).status).toBe(404);
  });

  it('gives up files that cannot be read, and ends at its limits', async () => {
    await writeTree({ 'other/large.txt': 'x'.repeat(200) });
    const app = await startSample({ maxFileBytes: 100, maxFiles: 4 });
    const report = (await untilSettled(app, (await startReport(app, ['other', 'src'])).body.id)).report;
    expect(report).toMatchObject({ files: 3, failedFiles: 1, truncated: true });
    expect(report?.failed).toEqual([{ path: 'other/large.txt', reason: expect.stringContaining('200 bytes') }]);
  });

  it('does not trust the payload of a file job', async () => {
    const app = await startSample();
    const queues = app.get(QueueService);
    const job = await queues.enqueue(fileJob, { path: '../outside.txt' });
    await expect(job.result()).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_DEAD', reason: 'unrecoverable' });
    await expect(queues.enqueue(fileJob, { path: '' })).rejects.toMatchObject({ code: 'TASK_QUEUE_INVALID_PAYLOAD' });
  });

  it('takes a report up again after a restart, without a second job for any file', async () => {
    const before = await startSample();
    await before.get(QueueService).pause(fileJob);
    const { id } = (await startReport(before, ['src', 'other'])).body;
    for await (const { progress } of viewsOf(before, id)) if (progress?.total === 4) break;
    await before.close();

    const after = await startSample();
    await after.get(QueueService).resume(fileJob);
    expect((await untilSettled(after, id)).report).toMatchObject({ files: 4, failedFiles: 0 });
    expect(await after.get(QueueService).counts(fileJob)).toMatchObject({ completed: 4, ready: 0 });
  });

  it('closes while somebody follows a report', async () => {
    const app = await startSample();
    await app.get(QueueService).pause(reportJob);
    const { id } = (await startReport(app, 'src')).body;
    const views = viewsOf(app, id);
    expect((await views.next()).value).toMatchObject({ id, state: 'ready' });
    const [, end] = await Promise.all([app.close(), drained(views)]);
    expect(end).toBe('ended');
  });

  async function drained(views: AsyncGenerator<ReportView>): Promise<'ended'> {
    for await (const view of views) expect(view.state).toBe('ready');
    return 'ended';
  }

  it('tells at the end of its first report whether there is one', async () => {
    const written: string[] = [];
    let onWrite = (_text: string): void => {};
    const spies = [process.stdout, process.stderr].map((stream) =>
      jest.spyOn(stream, 'write').mockImplementation((text) => {
        onWrite(String(text));
        return written.push(String(text)) > 0;
      }),
    );
    try {
      const app = await startSample();
      expect(await showFirstReport(app.get(ReportsService), root)).toBe(true);
      expect(written.join('')).toMatch(/^all +3 +3 +8 +48 B$/m);

      const queues = app.get(QueueService);
      await queues.pause(reportJob);
      const started = new Promise<string>((resolve) => {
        onWrite = (text) => void (/^Report (\w+):/.test(text) && resolve(text.slice(7, 23)));
      });
      const failing = showFirstReport(app.get(ReportsService), root);
      expect(await queues.cancel(reportJob, await started)).toBe('cancelled');
      expect(await failing).toBe(false);
      expect(written.at(-1)).toMatch(/is cancelled/);
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
  });

  it('writes a digest of its queues', async () => {
    const app = await startSample();
    await untilSettled(app, (await startReport(app, 'src')).body.id);
    expect(await app.get(Digest).write()).toContain('files: 0 ready, 0 active, 3 completed, 0 dead');
  });
});

describe('settings of the sample app', () => {
  it.each([
    [{ PORT: 'x' }, /PORT="x"/],
    [{ PORT: '70000' }, /PORT/],
    [{ WORKERS: '-1', REDIS_URL: 'redis://localhost' }, /WORKERS/],
    [{ WORKERS: '3' }, /WORKERS needs REDIS_URL/],
  ])('refuses %p', (env, reason) => {
    expect(() => readSettings(env)).toThrow(reason);
  });

  it('splits the roles when there are worker processes', () => {
    const env = { REDIS_URL: 'redis://localhost', WORKERS: '3' };
    expect(readSettings(env)).toMatchObject({ role: 'producer', workers: 3 });
    expect(readSettings({ ...env, SAMPLE_WORKER_PROCESS: '1' })).toMatchObject({ role: 'worker', workers: 0 });
    expect(readSettings({ REDIS_URL: '' })).toMatchObject({ role: 'all', workers: 0, connection: 'memory://' });
  });
});

describe('statistics of a text', () => {
  it.each([
    ['', 0, 0],
    ['one', 1, 1],
    ['one\n', 1, 1],
    ['one two\n\n three', 3, 3],
  ])('of %p', (text, lines, words) => {
    expect(statisticsOf(text)).toMatchObject({ lines, words });
  });

  it('counts names, not keywords', () => {
    expect(statisticsOf('const constructor = hasOwnProperty; __proto__(hasOwnProperty)').identifiers).toEqual([
      ['hasOwnProperty', 2],
      ['__proto__', 1],
    ]);
  });
});
