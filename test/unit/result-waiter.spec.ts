import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { StoredJob } from '../../src/core/ports/curation.js';
import type { Notices, SettledNotice } from '../../src/core/ports/notices.js';
import { ResultWaiter } from '../../src/queue/result-waiter.js';

type Listener = (end: SettledNotice | 'resync') => void;

const END = { state: 'completed', settledAt: 1_700_000_000_000, detail: '42' };
const LINE = 'C170000000000042';

class FakeNotices {
  listener: Listener | undefined;
  subscriptions = 0;
  registered: { id: string; ttlMs: number }[] = [];
  refuse: Error | undefined;
  readonly jobs = new Map<string, Pick<StoredJob, 'state' | 'record'>>();
  readonly port = {
    onSettled: async (_queue: string, listener: Listener) => {
      if (this.refuse) throw this.refuse;
      this.subscriptions++;
      this.listener = listener;
      return async () => void this.subscriptions--;
    },
    awaitSettled: async (_queue: string, id: string, ttlMs: number) => {
      if (this.refuse) throw this.refuse;
      this.registered.push({ id, ttlMs });
      const job = this.jobs.get(id);
      return job && { id, dueAt: undefined, progress: undefined, cancelling: false, ...job };
    },
  } as unknown as Notices;
}

/** Lets everything run that needs no timer. */
async function settleMicrotasks(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

it('keeps the process alive for as long as it waits: on memory:// nothing else does', async () => {
  const notices = new FakeNotices();
  notices.jobs.set('j1', { state: 'ready', record: '1\n{}' });
  const started = jest.spyOn(globalThis, 'setTimeout');
  const ended = new ResultWaiter('mail', notices.port).wait('j1', 3_600_000);
  await settleMicrotasks();
  const [timer] = started.mock.results.map(({ value }) => value as NodeJS.Timeout);
  expect(timer.hasRef()).toBe(true);
  notices.listener?.({ id: 'j1', line: LINE });
  expect(await ended).toEqual(END);
  started.mockRestore();
});

describe('ResultWaiter', () => {
  let notices: FakeNotices;
  let waiter: ResultWaiter;

  beforeEach(() => {
    jest.useFakeTimers();
    notices = new FakeNotices();
    notices.jobs.set('j1', { state: 'ready', record: '1\n{}' });
    waiter = new ResultWaiter('mail', notices.port);
  });

  afterEach(() => {
    expect(waiter.size).toBe(0);
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  it('answers at once for a job that has ended', async () => {
    notices.jobs.set('j1', { state: 'completed', record: `${LINE}\n1\n{}` });
    expect(await waiter.wait('j1', 1000)).toEqual(END);
  });

  it('answers when the end is told, to everyone who waits, over one subscription', async () => {
    const waits = [waiter.wait('j1', 1000), waiter.wait('j1', 2000)];
    await settleMicrotasks();
    expect(waiter.size).toBe(2);
    expect(notices.subscriptions).toBe(1);
    notices.listener?.({ id: 'other', line: LINE });
    notices.listener?.({ id: 'j1', line: LINE });
    expect(await Promise.all(waits)).toEqual([END, END]);
  });

  it('hears an end that comes before the registration is answered', async () => {
    const wait = waiter.wait('j1', 1000);
    await Promise.resolve();
    await Promise.resolve();
    notices.listener?.({ id: 'j1', line: LINE });
    expect(await wait).toEqual(END);
  });

  it('says when its time is over, and that nothing is kept', async () => {
    const wait = waiter.wait('j1', 1000);
    await settleMicrotasks();
    jest.advanceTimersByTime(1000);
    expect(await wait).toBe('timeout');
    expect(await waiter.wait('nobody', 1000)).toBe('gone');
  });

  it('never waits longer than a timer can', async () => {
    const wait = waiter.wait('j1', 100 * 86_400_000);
    await settleMicrotasks();
    expect(waiter.size).toBe(1);
    jest.advanceTimersByTime(2 ** 31);
    expect(await wait).toBe('timeout');
  });

  it('asks again after an interruption: ended, gone, or registered anew', async () => {
    notices.jobs.set('j2', { state: 'active', record: '1\n{}' }).set('j3', { state: 'active', record: '1\n{}' });
    const waits = [waiter.wait('j1', 1000), waiter.wait('j2', 1000), waiter.wait('j3', 1000)];
    await settleMicrotasks();
    jest.advanceTimersByTime(400);
    notices.jobs.set('j1', { state: 'completed', record: `${LINE}\n1\n{}` });
    notices.jobs.delete('j2');
    notices.listener?.('resync');
    expect(await Promise.all(waits.slice(0, 2))).toEqual([END, 'gone']);
    expect(notices.registered.at(-1)).toEqual({ id: 'j3', ttlMs: 5600 });
    notices.listener?.({ id: 'j3', line: LINE });
    expect(await waits[2]).toEqual(END);
  });

  it('outlives a store that is away during the resync', async () => {
    const wait = waiter.wait('j1', 1000);
    await settleMicrotasks();
    notices.refuse = new Error('away');
    notices.listener?.('resync');
    await settleMicrotasks();
    notices.refuse = undefined;
    notices.listener?.({ id: 'j1', line: LINE });
    expect(await wait).toEqual(END);
  });

  it('tries to subscribe again after a refusal', async () => {
    notices.refuse = new Error('away');
    await expect(waiter.wait('j1', 1000)).rejects.toThrow('away');
    notices.refuse = undefined;
    const wait = waiter.wait('j1', 1000);
    await settleMicrotasks();
    notices.listener?.({ id: 'j1', line: LINE });
    expect(await wait).toEqual(END);
  });

  it('fails what waits when it is closed, and later waits at once', async () => {
    const wait = waiter.wait('j1', 1000);
    await settleMicrotasks();
    await Promise.all([expect(wait).rejects.toThrow(/shut down/), waiter.close()]);
    await expect(waiter.wait('j1', 1000)).rejects.toMatchObject({ code: 'TASK_QUEUE_BROKER_UNAVAILABLE' });
    expect(notices.subscriptions).toBe(0);
  });
});
