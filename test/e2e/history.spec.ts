import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import {
  defineJob,
  HISTORY_BUCKETS_MS,
  Processor,
  QueueService,
  SnoozeError,
  UnrecoverableError,
  type Job,
  type QueueHistory,
} from 'nestjs-task-queue';
import { closeApps, startApp, STORES } from '../support/apps.js';
import { EventLog } from '../support/event-log.js';

afterEach(closeApps);

const send = defineJob<string>({ queue: 'mail', name: 'send' });

@Injectable()
class Mails {
  @Processor('mail', { backoff: 0 })
  run({ payload, attempt, name }: Job<string>) {
    if (name === 'other-name') return;
    if (payload === 'dies') throw new UnrecoverableError('no');
    if (payload === 'retries' && attempt === 1) throw new Error('once');
    if (payload === 'snoozes' && !this.snoozed) {
      this.snoozed = true;
      throw new SnoozeError(0);
    }
  }
  private snoozed = false;
}

const sumOf = ({ points }: QueueHistory, outcome: 'completed' | 'dead' | 'retried' | 'snoozed') =>
  points.reduce((sum, point) => sum + point[outcome], 0);

describe.each(STORES)('history on $name', ({ options }) => {
  it('has what ended in any process, by outcome and by job name, with how long it waited and ran', async () => {
    const shared = options();
    const { app } = await startApp({ providers: [Mails] }, { ...shared, version: 'v7' });
    const queues = app.get(QueueService);
    const events = await EventLog.open(queues, 'mail');
    for (const payload of ['a', 'b', 'dies', 'retries', 'snoozes']) {
      const job = await queues.enqueue(send, payload);
      await events.first(payload === 'dies' ? 'dead' : 'completed', job.id);
    }
    await (await queues.enqueue('mail', 'x', { name: 'other-name' })).result();
    expect((await queues.history('mail')).names).toEqual([]);
    await app.close(); // what a process has counted is stored as it ends

    const { app: looking } = await startApp({}, { ...shared, role: 'producer', queues: { mail: {} } });
    const reader = looking.get(QueueService);
    const history = await reader.history('mail');
    expect(history.stepMs).toBe(60_000);
    expect(history.points.length).toBeGreaterThanOrEqual(60);
    expect(history.names).toEqual(['other-name', 'send']);
    expect(history.deploys.map(({ version }) => version)).toEqual(['v7']);
    const [all, ofSend] = [history, await reader.history(send)];
    expect([sumOf(all, 'completed'), sumOf(all, 'dead'), sumOf(all, 'retried'), sumOf(all, 'snoozed')]).toEqual([
      ...[5, 1, 1, 1],
    ]);
    expect([sumOf(ofSend, 'completed'), sumOf(ofSend, 'dead')]).toEqual([4, 1]);
    const spreads = ofSend.points.flatMap(({ run }) => run ?? []);
    expect(spreads.reduce((sum, { count }) => sum + count, 0)).toBe(7);
    for (const { p50Ms, p95Ms, p99Ms, buckets } of spreads) {
      expect(buckets).toHaveLength(HISTORY_BUCKETS_MS.length);
      expect(p50Ms).toBeLessThanOrEqual(p95Ms);
      expect(p95Ms).toBeLessThanOrEqual(p99Ms);
      expect(p99Ms).toBeLessThan(60_000);
    }
    // The first attempts of five jobs, and the second run of the one that snoozed.
    expect(ofSend.points.reduce((sum, { wait }) => sum + (wait?.count ?? 0), 0)).toBe(6);
  });

  it('covers what is asked for, by steps that are kept so long', async () => {
    const { app } = await startApp({ providers: [Mails] }, options());
    const queues = app.get(QueueService);
    const ago = (ms: number) => new Date(Date.now() - ms);
    const [hour, day] = [3_600_000, 86_400_000];
    expect((await queues.history('mail', { from: ago(7 * hour) })).stepMs).toBe(60_000);
    expect((await queues.history('mail', { from: ago(2 * day), to: ago(day) })).stepMs).toBe(600_000);
    const month = await queues.history('mail', { from: ago(60 * day) });
    expect([month.stepMs, month.points.length]).toEqual([3_600_000, 720]);
    const hourAgo = await queues.history('mail', { from: ago(2 * hour), to: ago(hour) });
    expect(hourAgo.points.length).toBeGreaterThanOrEqual(61);
    expect(hourAgo.points.at(-1)?.at.getTime()).toBeLessThanOrEqual(Date.now() - hour);
    expect(hourAgo.points[0]).toEqual({
      ...{ at: expect.any(Date), completed: 0, dead: 0, retried: 0, snoozed: 0, cancelled: 0, released: 0, lost: 0 },
    });
  });

  it.each([
    [{ from: 5 }, 'from'],
    [{ to: new Date(NaN) }, 'to'],
    [{ from: new Date(Date.now() + 86_400_000) }, 'from'],
    [{ name: 'a b' }, 'name'],
    [{ since: new Date() }, 'since'],
  ])('refuses %p', async (query, what) => {
    const { app } = await startApp({ providers: [Mails] }, options());
    await expect(app.get(QueueService).history('mail', query as never)).rejects.toThrow(what);
  });
});
