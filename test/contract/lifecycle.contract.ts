import { expect, it } from '@jest/globals';
import type { Broker } from '../../src/core/broker.js';
import { KEEP, QUEUE, type BrokerDriver } from './broker-driver.js';
import { fireOf, rule, tickJob } from './schedule-seeds.js';

export function lifecycleContract(use: () => BrokerDriver): void {
  it('says what the store is', async () => {
    const driver = use();
    const broker = await driver.store.connect();
    expect(typeof broker.capabilities.shared).toBe('boolean');
    expect(Number.isInteger(broker.now())).toBe(true);
  });

  it('says what it guarantees', async () => {
    const report = await use().broker.examine();
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
  const verbs: [string, (broker: Broker, driver: BrokerDriver) => Promise<unknown>][] = [
    ['examine', (broker) => broker.examine()],
    ['enqueue', (broker, driver) => broker.enqueue(QUEUE, [driver.newJob()])],
    ['takeInbox', (broker, driver) => broker.takeInbox(QUEUE, driver.store.inbox, 1)],
    ['settleAndReserve', (broker, driver) => broker.settleAndReserve(QUEUE, driver.turn('w9'))],
    ['beat', (broker) => broker.beat(QUEUE, 'w9', 8000)],
    ['reconcile', (broker) => broker.reconcile(QUEUE, 'w9', [])],
    ['leave', (broker) => broker.leave(QUEUE, 'w9')],
    ['report', (broker) => broker.report(QUEUE, [])],
    ['promote', (broker) => broker.promote(QUEUE, 1)],
    ['reclaim', (broker) => broker.reclaim(QUEUE, 8000)],
    ['trim', (broker) => broker.trim(QUEUE, { completed: KEEP, cancelled: KEEP, dead: KEEP })],
    ['read', (broker) => broker.read(QUEUE, ['x'])],
    ['logs', (broker) => broker.logs(QUEUE, 'x')],
    ['list', (broker) => broker.list(QUEUE, 'ready', undefined, 1)],
    ['counts', (broker) => broker.counts(QUEUE)],
    ['setPaused', (broker) => broker.setPaused(QUEUE, true)],
    ['isPaused', (broker) => broker.isPaused(QUEUE)],
    ['cancel', (broker) => broker.cancel(QUEUE, 'x')],
    ['retryDead', (broker, driver) => broker.retryDead(QUEUE, 'x', 1, driver.envelope())],
    ['remove', (broker) => broker.remove(QUEUE, 'x')],
    ['purge', (broker) => broker.purge(QUEUE, 'ready', 1)],
    ['awaitSettled', (broker) => broker.awaitSettled(QUEUE, 'x', 1)],
    ['registerSchedule', (broker) => broker.registerSchedule(QUEUE, rule(1))],
    ['announceSchedules', (broker) => broker.announceSchedules(QUEUE, 'app', [])],
    ['dueSchedules', (broker) => broker.dueSchedules(QUEUE, 1)],
    ['fireSchedules', (broker, driver) => broker.fireSchedules(QUEUE, [fireOf(driver, 1)])],
    ['pauseSchedule', (broker) => broker.pauseSchedule(QUEUE, 's')],
    ['resumeSchedule', (broker) => broker.resumeSchedule(QUEUE, 's', 'h', { nextTick: 1 })],
    ['runScheduleNow', (broker, driver) => broker.runScheduleNow(QUEUE, 's', 'h', tickJob(driver, 1))],
    ['readSchedules', (broker) => broker.readSchedules(QUEUE, ['s'])],
    ['listSchedules', (broker) => broker.listSchedules(QUEUE, undefined, 10)],
    ['scheduleHistory', (broker) => broker.scheduleHistory(QUEUE, 's', 10)],
    ['removeSchedule', (broker) => broker.removeSchedule(QUEUE, 's')],
    ['onWake', (broker) => broker.onWake('w9', none)],
    ['onSignal', (broker) => broker.onSignal(QUEUE, none)],
    ['onSettled', (broker) => broker.onSettled(QUEUE, none)],
    ['onEvents', (broker) => broker.onEvents(QUEUE, none)],
    ['awaitInbox', (broker, driver) => broker.awaitInbox(driver.store.inbox, 15_000)],
  ];

  it.each(verbs)('rejects %s after close', async (_, call) => {
    const driver = use();
    const broker = await driver.store.connect();
    await broker.close();
    await expect(Promise.resolve().then(() => call(broker, driver))).rejects.toMatchObject({
      code: 'TASK_QUEUE_BROKER_UNAVAILABLE',
    });
    await driver.expectCounts({});
  });

  it('closes twice, and ends a wait that is under way', async () => {
    const driver = use();
    const broker = await driver.store.connect();
    const waiting = broker.awaitInbox(driver.store.inbox, 15_000);
    await broker.close();
    await broker.close();
    await waiting;
  });

  it('keeps what is stored when a client closes', async () => {
    const driver = use();
    const other = await driver.store.connect();
    const [{ id }] = await other.enqueue(QUEUE, [driver.newJob()]);
    await other.close();
    expect(await driver.stateOf(id)).toBe('ready');
  });

  it('tells a closed client nothing', async () => {
    const driver = use();
    const other = await driver.store.connect();
    let told = 0;
    await other.onSignal(QUEUE, () => told++);
    await other.onWake('w1', () => told++);
    await driver.reserve('w1');
    await other.close();
    await driver.broker.setPaused(QUEUE, true);
    await driver.broker.setPaused(QUEUE, false);
    await driver.putOne();
    await driver.barrier();
    expect(told).toBe(0);
  });
}
