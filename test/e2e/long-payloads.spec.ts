import { afterEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { encryptedCodec, QueueService, SnoozeError, UnrecoverableError, type Job } from 'nestjs-task-queue';
import { closeApps, startApp, STORES } from '../support/apps.js';
import { handlerOf } from '../support/handlers.js';

afterEach(closeApps);

interface Scan {
  page: number;
  text: string;
}

/** Of 40 kB, with characters of all lengths in UTF-8. */
const textOf = (page: number) => `${page} ${'é😀 \n"\\x'.repeat(4000)}`;
const CODECS = [
  ['JSON', {}],
  ['an encrypting codec', { codec: encryptedCodec({ keys: { v1: randomBytes(32) }, current: 'v1' }) }],
] as const;

describe.each(STORES)('on $name', (store) => {
  it.each(CODECS)('a long payload is whole at each attempt and for all readers, with %s', async (_, codec) => {
    const runs: { attempt: number; isWhole: boolean }[] = [];
    let cured = false;
    const handler = handlerOf<Scan>(
      'scans',
      (job: Job<Scan>) => {
        const { page, text } = job.payload;
        runs.push({ attempt: job.attempt, isWhole: text === textOf(page) });
        if (job.attempt === 1 && !cured) throw new Error('the scanner was away');
        if (runs.length === 2) throw new SnoozeError(1);
        if (!cured) throw new UnrecoverableError('the page is upside down');
        return { text };
      },
      { backoff: 0, maxAttempts: 5 },
    );
    const { app } = await startApp({ providers: [handler] }, { ...store.options(), ...codec });
    const queues = app.get(QueueService);
    const payload = { page: 7, text: textOf(7) };
    const job = await queues.enqueue('scans', payload, { id: 'scan-7' });
    await expect(job.result()).rejects.toMatchObject({ reason: 'unrecoverable' });
    expect(runs).toEqual([1, 2, 2].map((attempt) => ({ attempt, isWhole: true })));
    const dead = await queues.getJob<Scan>('scans', 'scan-7');
    expect(dead?.payload).toEqual(payload);
    expect(dead?.errors).toHaveLength(2);
    const { jobs } = await queues.jobs<Scan>('scans', { state: 'dead' });
    expect(jobs.map((each) => each.payload)).toEqual([payload]);

    cured = true;
    const again = await queues.retry('scans', 'scan-7');
    expect(await again.result()).toEqual({ text: payload.text });
    expect(runs.at(-1)).toEqual({ attempt: 1, isWhole: true });
    const done = await queues.getJob<Scan>('scans', 'scan-7');
    expect(done).toMatchObject({ state: 'completed', payload });
    const same = await queues.enqueue('scans', { page: 8, text: textOf(8) }, { id: 'scan-7' });
    expect(same).toMatchObject({ created: false, payload });
  });

  it('many long payloads among short ones come in order, each with its own', async () => {
    const seen: [number, boolean][] = [];
    const handler = handlerOf<Scan>(
      'scans',
      ({ payload: { page, text } }) => void seen.push([page, text === (page % 3 === 0 ? textOf(page) : 'short')]),
      { concurrency: 1 },
    );
    const { app } = await startApp({ providers: [handler] }, store.options());
    const queues = app.get(QueueService);
    const pages = Array.from({ length: 60 }, (_, page) => page);
    const jobs = await queues.enqueueMany(
      'scans',
      pages.map((page) => ({ payload: { page, text: page % 3 === 0 ? textOf(page) : 'short' } })),
      { chunk: true },
    );
    for (const chunk of jobs) expect(chunk.outcome).toBe('stored');
    await queues.enqueue('scans', { page: 60, text: textOf(60) }).then((last) => last.result());
    expect(seen).toEqual([...pages, 60].map((page) => [page, true]));
  });
});
