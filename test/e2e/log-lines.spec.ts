import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { ConsoleLogger, type LoggerService } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { QueueService, TaskQueueModule, type Job } from 'nestjs-task-queue';
import { closeApps, startApp, STORES, trackApp } from '../support/apps.js';
import { handlerOf } from '../support/handlers.js';

afterEach(closeApps);

describe.each(STORES)('log lines on $name', ({ options }) => {
  it('of a dead job have its cause and the stack of what it threw, without what redact names', async () => {
    const fail = ({ payload }: Job<{ password: string }>) => {
      throw new TypeError(`mail ${payload.password} refused`, { cause: new Error('connect ECONNREFUSED') });
    };
    const work = handlerOf('work', fail, { maxAttempts: 2, backoff: 0 });
    const { app, logs } = await startApp({ providers: [work] }, { ...options(), redact: ['password'] });
    const job = await app.get(QueueService).enqueue('work', { password: 'hunter22' }, { id: 'mail-7' });
    await job.result().catch(() => {});
    const [line, ...others] = logs.matching(/is dead/);
    expect(others).toEqual([]);
    expect(line).toMatch(/job "mail-7" is dead \(exhausted\) in Work\.run, attempt 2 of 2: TypeError: mail .* refused/);
    expect(line).toContain('connect ECONNREFUSED');
    expect(line).toMatch(/\n\s+at .*log-lines\.spec/);
    expect(line).not.toContain('hunter22');
    expect(line.match(/refused/g)).toHaveLength(1);
  });

  it('warn of the first failed attempt of a handler and of each name of error, and tell the others at debug', async () => {
    const fail = ({ payload, attempt }: Job<{ password: string }>) => {
      const message = `refused ${payload.password}`;
      throw attempt < 3 ? new TypeError(message) : new RangeError(message);
    };
    const work = handlerOf('work', fail, { maxAttempts: 4, backoff: '2ms' });
    const { app, logs } = await startApp({ providers: [work] }, { ...options(), redact: ['password'] });
    const queues = app.get(QueueService);
    const job = await queues.enqueue('work', { password: 'hunter22' }, { id: 'mail-7' });
    await job.result().catch(() => {});
    const other = await queues.enqueue('work', { password: 'hunter22' }, { id: 'mail-8' });
    await other.result().catch(() => {});
    const failed = /job "mail-\d" failed in Work\.run/;
    const told = 'Queue "work": job "mail-7" failed in Work.run, attempt';
    expect(logs.matching(failed)).toEqual([
      expect.stringMatching(
        `^warn .*${told} 1 of 4, and is tried again in 2 ms: TypeError: refused .*\n +at .*log-lines`,
      ),
      expect.stringMatching(`^warn .*${told} 3 of 4, and is tried again in 2 ms: RangeError: refused`),
    ]);
    const debug = logs.debugLines.filter((line) => failed.test(line));
    expect(debug.map((line) => /"(mail-\d)".*attempt (\d)/.exec(line)?.slice(1).join(' '))).toEqual([
      ...['mail-7 2', 'mail-8 1', 'mail-8 2', 'mail-8 3'],
    ]);
    expect([...logs.lines, ...logs.debugLines].join()).not.toContain('hunter22');
    expect(logs.matching(/is dead/)).toHaveLength(2);
  });

  it('of a shutdown that cannot wait name the first ten jobs, and how many more', async () => {
    let running = 0;
    let onAll: () => void = () => {};
    const all = new Promise<void>((resolve) => (onAll = resolve));
    const hang = ({ signal }: Job) => {
      if (++running === 12) onAll();
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
    };
    const work = handlerOf('work', hang, { concurrency: 12 });
    const { app, logs } = await startApp({ providers: [work] }, { ...options(), shutdown: { grace: 20 } });
    const jobs = Array.from({ length: 12 }, (_, index) => ({ payload: index, id: `job-${index}` }));
    await app.get(QueueService).enqueueMany('work', jobs);
    await all;
    await app.close();
    const [line] = logs.matching(/Shutdown grace/);
    expect(line).toMatch(/running jobs of work \((job-\d+, ){10}\+2 more\) are released/);
  });
});

/** What an app with this logger writes when a job dies and another one outlives the grace. */
async function written(logger: LoggerService): Promise<string[]> {
  const lines: string[] = [];
  const write = (text: unknown) => {
    lines.push(String(text));
    return true;
  };
  const spies = [process.stdout, process.stderr].map((stream) => jest.spyOn(stream, 'write').mockImplementation(write));
  try {
    const fails = handlerOf('fails', () => Promise.reject(new TypeError('no mail')), { maxAttempts: 1 });
    let onStart: () => void = () => {};
    const started = new Promise<void>((resolve) => (onStart = resolve));
    const hangs = handlerOf('hangs', ({ signal }: Job) => {
      onStart();
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
    });
    const imports = [TaskQueueModule.forRoot({ connection: 'memory://', shutdown: { grace: 10 } })];
    const moduleRef = await Test.createTestingModule({ imports, providers: [fails, hangs] })
      .setLogger(logger)
      .compile();
    const app = await trackApp(moduleRef.createNestApplication({ logger })).init();
    const queues = app.get(QueueService);
    const dead = await queues.enqueue('fails', {}, { id: 'mail-7', name: 'welcome' });
    await dead.result().catch(() => {});
    await queues.enqueue('hangs', {}, { id: 'slow-1' });
    await started;
    await app.close();
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return lines;
}

const DEAD = {
  ...{ queue: 'fails', jobId: 'mail-7', number: expect.any(String), jobName: 'welcome', reason: 'exhausted' },
  ...{ handler: 'Work.run', attempt: 1, maxAttempts: 1, error: 'TypeError: no mail' },
  stack: expect.stringMatching(/TypeError: no mail\n +at .*log-lines/),
  msg: 'Queue "fails": job "mail-7" is dead (exhausted) in Work.run, attempt 1 of 1: TypeError: no mail',
};
const RELEASED = {
  ...{ reason: 'shutdown', graceMs: 10, queues: [{ queue: 'hangs', jobs: 1, jobIds: ['slow-1'] }] },
  msg: 'Shutdown grace of 10 ms is over: running jobs of hangs (slow-1) are released',
};

describe('log lines have their fields', () => {
  it('as JSON of Nest', async () => {
    const text = (await written(new ConsoleLogger({ json: true }))).join('');
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { message: unknown });
    expect(lines.filter(({ message }) => typeof message === 'object')).toEqual([
      expect.objectContaining({ level: 'error', context: 'TaskQueueModule', message: DEAD }),
      expect.objectContaining({ level: 'warn', context: 'TaskQueueModule', message: RELEASED }),
    ]);
  });

  it.each([false, true])('and are the same line as text, with colors: %s', async (colors) => {
    const text = (await written(new ConsoleLogger({ colors }))).join('');
    const [red, yellow, none] = colors ? ['\u001B[31m', '\u001B[33m', '\u001B[39m'] : ['', '', ''];
    expect(text).toContain(`${red}${DEAD.msg}${none}\n    at `);
    expect(text).toContain(`${yellow}${RELEASED.msg}${none}\n`);
    expect(text).not.toMatch(/LogLine|jobName/);
  });

  it('in loggers that copy fields, as nestjs-pino does, or take the message out, as nest-winston does', async () => {
    const copies: object[] = [];
    const meta: [string, object][] = [];
    const take = (line: unknown): void => {
      if (typeof line !== 'object' || line === null) return;
      copies.push(Object.assign({}, line));
      const { message, ...rest } = line as { message: string };
      meta.push([message, rest]);
    };
    await written({ log: take, warn: take, error: take });
    expect(copies).toEqual([DEAD, RELEASED]);
    expect(meta).toEqual([
      [DEAD.msg, DEAD],
      [RELEASED.msg, RELEASED],
    ]);
  });
});
