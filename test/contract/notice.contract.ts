import { describe, expect, it } from '@jest/globals';
import type { QueueSignal, SettledNotice, StoreEvent } from '../../src/core/ports/notices.js';
import type { ReservedJob, Settlement } from '../../src/core/ports/worker-store.js';
import { headOf, readHead } from '../../src/core/envelope-head.js';
import { decodeEnvelope, encodeEnvelope, encodeFailed } from '../../src/core/envelope.js';
import type { ErrorRecord } from '../../src/core/job.js';
import { MessageLog } from '../support/message-log.js';
import { KEEP, QUEUE, type StoreDriver } from './store-driver.js';

function errorOf(attempt: number, message = 'no'): ErrorRecord {
  return { attempt, at: 1_800_000_000_000, name: 'Error', message };
}

const WITH_STACK: ErrorRecord = { ...errorOf(2), stack: 'Error: no\n    at {"attempt":1]}' };
const ODD_MESSAGES = ['{"attempt":1,"e":[', 'two\nlines', ']}', '"}]}', '}],"', '\u2028 \u0000 \ud800 ü€😀', ''];

const ofUser = (payload: string) => ({ enqueuedAt: 5, userId: '"attempt",("e")', header: { m: 3 }, payload });

/** The envelope of a job whose runs failed so. */
function failedOf(...errors: ErrorRecord[]): (payload: string) => string {
  return (payload) => encodeFailed({ enqueuedAt: 5, userId: undefined, header: {}, payload }, 2, errors);
}

export function noticeContract(use: () => StoreDriver): void {
  describe('signals', () => {
    async function signals(): Promise<MessageLog<QueueSignal>> {
      const log = new MessageLog<QueueSignal>();
      await use().store.notices.onSignal(QUEUE, log.listener);
      return log;
    }

    it('sends one signal for a pause, and one for a resume', async () => {
      const driver = use();
      const log = await signals();
      const other = await driver.fixture.connect();
      await other.curation.setPaused(QUEUE, true);
      await other.curation.setPaused(QUEUE, true);
      await other.curation.setPaused(QUEUE, false);
      await other.curation.setPaused(QUEUE, false);
      await other.curation.setPaused('elsewhere', true);
      expect(await log.first(2)).toEqual([{ type: 'paused' }, { type: 'resumed' }]);
      await driver.barrier();
      expect(log.messages).toHaveLength(2);
    });

    it("sends the store's number of a running job that is to be cancelled", async () => {
      const driver = use();
      const log = await signals();
      const { id } = await driver.start('w1', { userId: 'a' });
      await driver.store.curation.cancel(QUEUE, 'a');
      expect(await log.first(1)).toEqual([{ type: 'cancel', id }]);
    });

    it('sends the name of a job that was parked', async () => {
      const driver = use();
      const log = await signals();
      const { id, token } = await driver.start('w1', { name: 'resize' });
      await driver.settle('w1', { op: 'park', id, token, name: 'resize' });
      expect(await log.first(1)).toEqual([{ type: 'parked', name: 'resize' }]);
    });

    it('tells nothing after unsubscribing', async () => {
      const driver = use();
      const kept = await signals();
      const log = new MessageLog<QueueSignal>();
      const unsubscribe = await driver.store.notices.onSignal(QUEUE, log.listener);
      await unsubscribe();
      await driver.store.curation.setPaused(QUEUE, true);
      await kept.first(1);
      await driver.barrier();
      expect(log.messages).toEqual([]);
    });
  });

  describe('awaited ends', () => {
    async function ends(): Promise<MessageLog<SettledNotice | 'resync'>> {
      const log = new MessageLog<SettledNotice | 'resync'>();
      await use().store.notices.onSettled(QUEUE, log.listener);
      return log;
    }

    it('sends the end of a job that somebody awaits, and of no other job', async () => {
      const driver = use();
      const log = await ends();
      const job = await driver.start('w1', { userId: 'a' });
      const other = await driver.start('w1');
      const waiting = await driver.store.notices.awaitSettled(QUEUE, 'a', 30_000);
      expect(waiting).toMatchObject({ id: job.id, state: 'active' });
      await driver.settle('w1', driver.complete(other), driver.complete(job, '{"n":1}'));
      expect(await log.first(1)).toEqual([{ id: job.id, line: expect.stringMatching(/^C\d{13}\{"n":1\}$/) }]);
      await driver.barrier();
      expect(log.messages).toHaveLength(1);
    });

    it('sends a result that is not kept', async () => {
      const driver = use();
      const log = await ends();
      const job = await driver.start('w1');
      await driver.store.notices.awaitSettled(QUEUE, job.id, 30_000);
      await driver.settle('w1', driver.complete(job, '"gone"', false));
      expect(await log.first(1)).toEqual([{ id: job.id, line: expect.stringMatching(/^C\d{13}"gone"$/) }]);
      expect(await driver.store.curation.read(QUEUE, [job.id])).toEqual([undefined]);
    });

    it('sends the end of a dead job, kept or not', async () => {
      const driver = use();
      const log = await ends();
      for (const keep of [KEEP, false] as const) {
        const { id, token } = await driver.start('w1');
        await driver.store.notices.awaitSettled(QUEUE, id, 30_000);
        await driver.settle('w1', { op: 'bury', id, token, detail: '{"reason":"result"}', envelope: undefined, keep });
      }
      const notices = (await log.first(2)) as SettledNotice[];
      expect(notices.map(({ line }) => line)).toEqual(Array(2).fill(`D${driver.now()}{"reason":"result"}`));
    });

    it('sends the end of a cancelled job: at once, or when its run ends', async () => {
      const driver = use();
      const log = await ends();
      const waiting = await driver.putOne({ delayMs: 1000 });
      const { id, token } = await driver.start('w1');
      await driver.store.notices.awaitSettled(QUEUE, waiting, 30_000);
      await driver.store.notices.awaitSettled(QUEUE, id, 30_000);
      await driver.store.curation.cancel(QUEUE, waiting);
      await driver.store.curation.cancel(QUEUE, id);
      await driver.settle('w1', { op: 'release', id, token });
      const line = `X${driver.now()}{"reason":"cancelled"}`;
      expect(await log.first(2)).toEqual([
        { id: waiting, line },
        { id, line },
      ]);
    });

    it('sends the end of a job that killed its workers', async () => {
      const driver = use();
      const log = await ends();
      const { id } = await driver.start('w1');
      await driver.expireLeases();
      await driver.reserve('w2');
      await driver.expireLeases();
      await driver.reserve('w3', 1, { alone: true });
      await driver.store.notices.awaitSettled(QUEUE, id, 600_000);
      await driver.expireLeases();
      const [notice] = (await log.first(1)) as SettledNotice[];
      expect(notice.line).toMatch(/^D\d{13}\{"reason":"poison"/);
    });

    it('sends the end of a job that was removed', async () => {
      const driver = use();
      const log = await ends();
      const [removed, purged] = await driver.putMany(2);
      await driver.store.notices.awaitSettled(QUEUE, removed, 30_000);
      await driver.store.notices.awaitSettled(QUEUE, purged, 30_000);
      await driver.store.curation.remove(QUEUE, removed);
      await driver.store.curation.purge(QUEUE, 'ready', 10);
      const line = `X${driver.now()}{"reason":"removed"}`;
      expect(await log.first(2)).toEqual([
        { id: removed, line },
        { id: purged, line },
      ]);
    });

    it('answers with the end of a job that has ended, and sends nothing', async () => {
      const driver = use();
      const log = await ends();
      const [id] = await driver.putEnded('completed', 1);
      expect(await driver.store.notices.awaitSettled(QUEUE, id, 30_000)).toMatchObject({ id, state: 'completed' });
      await driver.store.curation.remove(QUEUE, id);
      await driver.barrier();
      expect(log.messages).toEqual([]);
    });

    it('answers undefined for a job that does not exist', async () => {
      expect(await use().store.notices.awaitSettled(QUEUE, 'zzzzzzzzzz', 30_000)).toBeUndefined();
    });

    it('sends nothing when an awaited job is retried, and its end afterwards', async () => {
      const driver = use();
      const log = await ends();
      const { id, token, envelope } = await driver.start('w1');
      await driver.store.notices.awaitSettled(QUEUE, id, 30_000);
      const retry = { op: 'retry', id, token, delayMs: 0, envelope } as const;
      const [again] = (await driver.reserve('w1', 1, { settlements: [retry] })).jobs;
      await driver.settle('w1', driver.complete(again));
      expect(await log.first(1)).toMatchObject([{ id }]);
    });

    it('sends nothing to a waiter whose time is over', async () => {
      const driver = use();
      const log = await ends();
      const job = await driver.start('w1');
      await driver.store.notices.awaitSettled(QUEUE, job.id, 1000);
      await driver.advance(1001);
      await driver.settle('w1', driver.complete(job));
      await driver.barrier();
      expect(log.messages).toEqual([]);
    });

    it('sends the end to a waiter in another client', async () => {
      const driver = use();
      const other = await driver.fixture.connect();
      const log = new MessageLog<SettledNotice | 'resync'>();
      await other.notices.onSettled(QUEUE, log.listener);
      const job = await driver.start('w1');
      await other.notices.awaitSettled(QUEUE, job.id, 30_000);
      await driver.settle('w1', driver.complete(job));
      expect(await log.first(1)).toMatchObject([{ id: job.id }]);
    });
  });

  describe('events', () => {
    async function events() {
      const log = new MessageLog<StoreEvent>();
      const unsubscribe = await use().store.notices.onEvents(QUEUE, (batch) => {
        for (const event of batch) log.listener(event);
      });
      return { log, unsubscribe };
    }

    /** What happened to which job, with which detail, in order. */
    async function seen(log: MessageLog<StoreEvent>): Promise<[string, string, string][]> {
      await use().barrier();
      for (const { at, id, head } of log.messages) {
        expect(at).toBe(use().now());
        if (id !== '') expect(readHead(head)).toBeDefined();
      }
      return log.messages.map(({ event, id, detail }) => [event, id, detail]);
    }

    it('makes an event of each step in the life of a job', async () => {
      const driver = use();
      const { log } = await events();
      const { id, token, envelope } = await driver.start('w1');
      await driver.store.workers.report(QUEUE, [{ id, token, progress: '{"p":1}', logs: ['x'] }]);
      const error = errorOf(1, 'no\nat x');
      const retry = {
        op: 'retry',
        id,
        token,
        delayMs: 0,
        envelope: encodeFailed(decodeEnvelope(envelope), 2, [error]),
      } as const;
      const [second] = (await driver.reserve('w1', 1, { settlements: [retry] })).jobs;
      const snooze = { op: 'snooze', id, token: second.token, delayMs: 0, envelope: undefined } as const;
      const [third] = (await driver.reserve('w1', 1, { settlements: [snooze] })).jobs;
      const release = { op: 'release', id, token: third.token } as const;
      const [fourth] = (await driver.reserve('w1', 1, { settlements: [release] })).jobs;
      await driver.settle('w1', driver.complete(fourth, '{"n":1}'));
      await driver.store.curation.remove(QUEUE, id);
      expect(await seen(log)).toEqual([
        ['enqueued', id, ''],
        ['active', id, ''],
        ['progress', id, '{"p":1}'],
        ['retrying', id, JSON.stringify(error)],
        ['active', id, ''],
        ['snoozed', id, '0'],
        ['active', id, ''],
        ['released', id, ''],
        ['active', id, ''],
        ['completed', id, '{"n":1}'],
        ['removed', id, ''],
      ]);
    });

    it('gives each event the first line of the envelope without its errors, and how long the run took', async () => {
      const driver = use();
      const { log } = await events();
      const job = await driver.start('w1', { name: 'welcome', userId: 'u1', payload: '"a\\tb"' });
      const head = headOf(job.envelope);
      expect(readHead(head)).toMatchObject({ userId: 'u1', header: { n: 'welcome' } });
      const { id } = job;
      await driver.store.workers.report(QUEUE, [{ id, token: job.token, progress: '1', logs: [] }]);
      const failed = encodeFailed(decodeEnvelope(job.envelope), 2, [errorOf(1)]);
      const later = { op: 'retry', id, token: job.token, delayMs: 100, envelope: failed, durationMs: 41.6 } as const;
      await driver.settle('w1', later);
      await driver.advance(100);
      await driver.store.duties.promote(QUEUE, 10);
      const again = headOf(failed);
      expect(again).not.toContain('"e"');
      expect(readHead(again)?.header).toMatchObject({ n: 'welcome', a: 2 });
      const endings: [string, (job: ReservedJob) => Settlement][] = [
        ['snoozed', ({ token }) => ({ op: 'snooze', id, token, delayMs: 0, envelope: undefined, durationMs: 1 })],
        ['released', ({ token }) => ({ op: 'release', id, token, durationMs: 2 })],
        ['parked', ({ token }) => ({ op: 'park', id, token, name: 'welcome' })],
        [
          'dead',
          ({ token }) => ({ op: 'bury', id, token, detail: '{}', envelope: undefined, keep: KEEP, durationMs: 3 }),
        ],
      ];
      for (const [, ending] of endings) {
        const { jobs } = await driver.reserve('w1', 1, { adopt: '*' });
        await driver.settle('w1', ending(jobs[0]));
      }
      await driver.store.curation.retryDead(QUEUE, id, driver.now(), failed);
      await driver.store.curation.cancel(QUEUE, id);
      await driver.store.curation.remove(QUEUE, id);
      await driver.barrier();
      expect(log.messages.map(({ event, head: told, durationMs }) => [event, told, durationMs])).toEqual([
        ['enqueued', head, undefined],
        ['active', head, undefined],
        ['progress', head, undefined],
        ['retrying', again, 42],
        ['promoted', again, undefined],
        ['active', again, undefined],
        ['snoozed', again, 1],
        ['active', again, undefined],
        ['released', again, 2],
        ['active', again, undefined],
        ['parked', again, undefined],
        ['active', again, undefined],
        ['dead', again, 3],
        ['enqueued', again, undefined],
        ['cancelled', again, undefined],
        ['removed', again, undefined],
      ]);
    });

    it.each<[string, number, string, boolean, boolean?]>([
      ['few', 2, 'short', true],
      ['many that share fields', 40, 'short', true],
      ['one whose envelope is looked up', 1, 'short', false],
      ['some that are not kept', 3, 'short', true, false],
      ['long ones', 2, 'x'.repeat(100_000), false],
    ])('tells of jobs that complete: %s', async (_which, count, payload, resent, kept = true) => {
      const driver = use();
      const { log } = await events();
      await driver.putMany(count, { name: 'resize', payload: JSON.stringify(payload) });
      const { jobs } = await driver.reserve('w1', count);
      const settlements = jobs.map((job, index): Settlement => {
        const { id, token, envelope } = job;
        const keep = kept ? KEEP : false;
        return { op: 'complete', id, token, result: '1', keep, durationMs: index, ...(resent && { envelope }) };
      });
      await driver.settle('w1', ...settlements);
      await driver.barrier();
      const told = log.messages.filter(({ event }) => event === 'completed');
      expect(
        told.map(({ id, head, detail, durationMs }) => [id, readHead(head)?.header.n, detail, durationMs]),
      ).toEqual(jobs.map(({ id }, index) => [id, 'resize', '1', index]));
    });

    it('makes events of jobs whose worker died', async () => {
      const driver = use();
      const { log } = await events();
      const { id } = await driver.start('w1', { name: 'resize' });
      await driver.store.workers.reconcile(QUEUE, 'w1', []);
      await driver.store.curation.purge(QUEUE, 'ready', 1);
      await driver.barrier();
      expect(log.messages.map(({ event, head }) => [event, readHead(head)?.header.n])).toEqual(
        ['enqueued', 'active', 'released', 'removed'].map((event) => [event, 'resize']),
      );
      expect(log.messages.every((told) => told.id === id)).toBe(true);
    });

    it.each<[string, (payload: string) => string, ErrorRecord | undefined]>([
      ['its only one', failedOf(errorOf(1)), errorOf(1)],
      ['the last of several', failedOf(errorOf(1, 'first'), errorOf(2), errorOf(3, 'last')), errorOf(3, 'last')],
      ['one with a stack', failedOf(errorOf(1), WITH_STACK), WITH_STACK],
      ...ODD_MESSAGES.map(
        (message) =>
          [
            `one that says ${JSON.stringify(message)}`,
            failedOf(errorOf(1), errorOf(2, message)),
            errorOf(2, message),
          ] as [string, (payload: string) => string, ErrorRecord],
      ),
      ['that of a job with an id', (payload) => encodeFailed(ofUser(payload), 2, [errorOf(1)]), errorOf(1)],
      ['none in a header without errors', (payload) => encodeEnvelope(5, undefined, { m: 3 }, payload), undefined],
      ['none in an empty list', (payload) => `1a {"m":3,"e":[]}\n${payload}`, undefined],
      ['none behind another list', (payload) => `1a {"m":3,"z":[{}]}\n${payload}`, undefined],
      ['none without a header', (payload) => encodeEnvelope(5, undefined, undefined, payload), undefined],
    ])('tells of a run that is repeated the newest error: %s', async (_which, envelopeOf, expected) => {
      const driver = use();
      const { log } = await events();
      const { id, token } = await driver.start('w1');
      // The payload looks like an error, too.
      const envelope = envelopeOf(`{"e":[${JSON.stringify(errorOf(9))}]}`);
      await driver.settle('w1', { op: 'retry', id, token, delayMs: 0, envelope });
      expect((await seen(log)).at(-1)).toEqual([
        'retrying',
        id,
        expected === undefined ? '' : JSON.stringify(expected),
      ]);
    });

    it('makes events of parking, cancellation, death and a retry of a dead job', async () => {
      const driver = use();
      const { log } = await events();
      const parked = await driver.start('w1', { name: 'resize' });
      await driver.settle('w1', { op: 'park', id: parked.id, token: parked.token, name: 'resize' });
      await driver.store.curation.cancel(QUEUE, parked.id);
      const dead = await driver.start('w1');
      const detail = '{"reason":"exhausted"}';
      await driver.settle('w1', {
        op: 'bury',
        id: dead.id,
        token: dead.token,
        detail,
        envelope: undefined,
        keep: KEEP,
      });
      await driver.store.curation.retryDead(QUEUE, dead.id, driver.now(), dead.envelope);
      await driver.store.curation.purge(QUEUE, 'ready', 1);
      expect(await seen(log)).toEqual([
        ['enqueued', parked.id, ''],
        ['active', parked.id, ''],
        ['parked', parked.id, 'resize'],
        ['cancelled', parked.id, '{"reason":"cancelled"}'],
        ['enqueued', dead.id, ''],
        ['active', dead.id, ''],
        ['dead', dead.id, detail],
        ['enqueued', dead.id, ''],
        ['removed', dead.id, ''],
      ]);
    });

    it('makes events of scheduling and promotion', async () => {
      const driver = use();
      const first = new MessageLog<StoreEvent>();
      await driver.store.notices.onEvents(QUEUE, (batch) => batch.forEach(first.listener));
      const id = await driver.putOne({ delayMs: 100 });
      await driver.advance(100);
      await driver.store.duties.promote(QUEUE, 10);
      expect((await first.first(2)).map(({ event, at }) => [event, at])).toEqual([
        ['scheduled', driver.now() - 100],
        ['promoted', driver.now()],
      ]);
      expect(first.messages[1].id).toBe(id);
    });

    it('makes an event of a reclaim', async () => {
      const driver = use();
      const { id } = await driver.start('w1');
      const { log } = await events();
      await driver.expireLeases();
      expect((await log.first(1)).map((entry) => [entry.event, entry.id])).toEqual([['reclaimed', id]]);
    });

    it('makes events of the jobs that a reconcile gave back', async () => {
      const driver = use();
      const { id } = await driver.start('w1');
      const { log } = await events();
      await driver.store.workers.reconcile(QUEUE, 'w1', []);
      expect(await seen(log)).toEqual([['released', id, '']]);
    });

    it('makes events without an id of pause and resume of the queue', async () => {
      const driver = use();
      const { log } = await events();
      await driver.store.curation.setPaused(QUEUE, true);
      await driver.store.curation.setPaused(QUEUE, false);
      expect(await seen(log)).toEqual([
        ['paused', '', ''],
        ['resumed', '', ''],
      ]);
    });

    it('makes no event of a known user id, of a lost settlement, or of another queue', async () => {
      const driver = use();
      const { id, token } = await driver.start('w1', { userId: 'a' });
      const { log } = await events();
      await driver.putOne({ userId: 'a' });
      await driver.settle('w1', driver.complete({ id, token: 'w1:1' }));
      await driver.store.workers.report(QUEUE, [{ id, token: 'w1:1', progress: '1', logs: [] }]);
      await driver.store.intake.enqueue('other', [driver.newJob()]);
      expect(await seen(log)).toEqual([]);
      expect(token).not.toBe('w1:1');
    });

    it('tells nothing after unsubscribing', async () => {
      const driver = use();
      const { log, unsubscribe } = await events();
      await driver.putOne();
      await log.first(1);
      await unsubscribe();
      await driver.putOne();
      await driver.barrier();
      expect(log.messages).toHaveLength(1);
    });

    it('sends events to every listener in every client', async () => {
      const driver = use();
      const other = await driver.fixture.connect();
      const logs = [new MessageLog<StoreEvent[]>(), new MessageLog<StoreEvent[]>()];
      await driver.store.notices.onEvents(QUEUE, logs[0].listener);
      await other.notices.onEvents(QUEUE, logs[1].listener);
      await driver.putOne();
      for (const log of logs) expect(await log.first(1)).toMatchObject([[{ event: 'enqueued' }]]);
    });
  });
}
