import { afterEach, describe, expect, it } from '@jest/globals';
import { QueueService, type Job } from 'nestjs-task-queue';
import { closeApps, startApp, STORES } from '../support/apps.js';
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
