import { expect, it } from '@jest/globals';
import type { Store } from '../../src/core/ports/store.js';
import { KEEP, QUEUE, type StoreDriver } from './store-driver.js';
import { fireOf, rule, tickJob } from './schedule-seeds.js';

export function lifecycleContract(use: () => StoreDriver): void {
  it('says what the store is', async () => {
    const driver = use();
    const store = await driver.fixture.connect();
    expect(typeof store.connection.capabilities.shared).toBe('boolean');
    expect(Number.isInteger(store.connection.now())).toBe(true);
  });

  it('says what it guarantees', async () => {
    const report = await use().store.connection.examine();
    expect(report).toMatchObject({
      kind: expect.stringMatching(/^(redis|valkey|memory)$/),
      persistence: { appendonly: false },
      memory: { policy: 'noeviction' },
      replication: { replicas: 0 },
      durability: ['primary'],
      losses: { failover: 'there is no replica to fail over to' },
      unknown: expect.any(Array), // a user may not ask for everything
    });
    expect(report.dangers.length).toBeGreaterThan(0);
  });

  const none = () => {};
  const verbs: [string, (store: Store, driver: StoreDriver) => Promise<unknown>][] = [
    ['examine', (store) => store.connection.examine()],
    ['enqueue', (store, driver) => store.intake.enqueue(QUEUE, [driver.newJob()])],
    ['takeInbox', (store, driver) => store.intake.takeInbox(QUEUE, driver.fixture.inbox, 1)],
    ['settleAndReserve', (store, driver) => store.workers.settleAndReserve(QUEUE, driver.turn('w9'))],
    ['beat', (store) => store.workers.beat(QUEUE, 'w9', 8000)],
    ['reconcile', (store) => store.workers.reconcile(QUEUE, 'w9', [])],
    ['leave', (store) => store.workers.leave(QUEUE, 'w9')],
    ['report', (store) => store.workers.report(QUEUE, [])],
    ['promote', (store) => store.duties.promote(QUEUE, 1)],
    ['reclaim', (store) => store.duties.reclaim(QUEUE, 8000)],
    ['trim', (store) => store.duties.trim(QUEUE, { completed: KEEP, cancelled: KEEP, dead: KEEP })],
    ['read', (store) => store.curation.read(QUEUE, ['x'])],
    ['logs', (store) => store.curation.logs(QUEUE, 'x')],
    ['list', (store) => store.curation.list(QUEUE, 'ready', undefined, 1)],
    ['counts', (store) => store.curation.counts(QUEUE)],
    ['setPaused', (store) => store.curation.setPaused(QUEUE, true)],
    ['isPaused', (store) => store.curation.isPaused(QUEUE)],
    ['cancel', (store) => store.curation.cancel(QUEUE, 'x')],
    ['retryDead', (store, driver) => store.curation.retryDead(QUEUE, 'x', 1, driver.envelope())],
    ['remove', (store) => store.curation.remove(QUEUE, 'x')],
    ['purge', (store) => store.curation.purge(QUEUE, 'ready', 1)],
    ['awaitSettled', (store) => store.notices.awaitSettled(QUEUE, 'x', 1)],
    ['registerSchedule', (store) => store.timetable.register(QUEUE, rule(1))],
    ['announceSchedules', (store) => store.timetable.announce(QUEUE, 'app', [])],
    ['dueSchedules', (store) => store.timetable.due(QUEUE, 1)],
    ['fireSchedules', (store, driver) => store.timetable.fire(QUEUE, [fireOf(driver, 1)])],
    ['pauseSchedule', (store) => store.timetable.pause(QUEUE, 's')],
    ['resumeSchedule', (store) => store.timetable.resume(QUEUE, 's', 'h', { nextTick: 1 })],
    ['runScheduleNow', (store, driver) => store.timetable.runNow(QUEUE, 's', 'h', tickJob(driver, 1))],
    ['readSchedules', (store) => store.timetable.read(QUEUE, ['s'])],
    ['listSchedules', (store) => store.timetable.list(QUEUE, undefined, 10)],
    ['scheduleHistory', (store) => store.timetable.history(QUEUE, 's', 10)],
    ['removeSchedule', (store) => store.timetable.remove(QUEUE, 's')],
    ['onWake', (store) => store.workers.onWake('w9', none)],
    ['onSignal', (store) => store.notices.onSignal(QUEUE, none)],
    ['onSettled', (store) => store.notices.onSettled(QUEUE, none)],
    ['onEvents', (store) => store.notices.onEvents(QUEUE, none)],
    ['awaitInbox', (store, driver) => store.intake.awaitInbox(driver.fixture.inbox, 15_000)],
  ];

  it.each(verbs)('rejects %s after close', async (_, call) => {
    const driver = use();
    const store = await driver.fixture.connect();
    await store.connection.close();
    await expect(Promise.resolve().then(() => call(store, driver))).rejects.toMatchObject({
      code: 'TASK_QUEUE_BROKER_UNAVAILABLE',
    });
    await driver.expectCounts({});
  });

  it('closes twice, and ends a wait that is under way', async () => {
    const driver = use();
    const store = await driver.fixture.connect();
    const waiting = store.intake.awaitInbox(driver.fixture.inbox, 15_000);
    await store.connection.close();
    await store.connection.close();
    await waiting;
  });

  it('keeps what is stored when a client closes', async () => {
    const driver = use();
    const other = await driver.fixture.connect();
    const [{ id }] = await other.intake.enqueue(QUEUE, [driver.newJob()]);
    await other.connection.close();
    expect(await driver.stateOf(id)).toBe('ready');
  });

  it('sends nothing to a client that is closed', async () => {
    const driver = use();
    const other = await driver.fixture.connect();
    let told = 0;
    await other.notices.onSignal(QUEUE, () => told++);
    await other.workers.onWake('w1', () => told++);
    await driver.reserve('w1');
    await other.connection.close();
    await driver.store.curation.setPaused(QUEUE, true);
    await driver.store.curation.setPaused(QUEUE, false);
    await driver.putOne();
    await driver.barrier();
    expect(told).toBe(0);
  });
}
