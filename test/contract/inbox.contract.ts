import { expect, it } from '@jest/globals';
import { decodeEnvelope } from '../../src/core/envelope.js';
import { QUEUE, type StoreDriver } from './store-driver.js';

export function inboxContract(use: () => StoreDriver): void {
  async function fill(...elements: string[]): Promise<void> {
    for (const element of elements) await use().fixture.pushInbox(element);
  }

  it('makes each element a job, oldest first, byte for byte', async () => {
    const driver = use();
    await fill('{"to":"a@b.c"}', 'not JSON: é \n second line', '');
    expect(await driver.store.intake.takeInbox(QUEUE, driver.fixture.inbox, 10)).toBe(3);
    const { jobs } = await driver.reserve('w1', 10);
    const envelopes = jobs.map(({ envelope }) => decodeEnvelope(envelope));
    expect(envelopes.map(({ payload }) => payload)).toEqual(['{"to":"a@b.c"}', 'not JSON: é \n second line', '']);
    expect(envelopes[0]).toMatchObject({ userId: undefined, header: {} });
    expect(envelopes[0].enqueuedAt).toBeGreaterThan(1_500_000_000_000);
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(3);
  });

  it('takes at most the limit, behind what is ready', async () => {
    const driver = use();
    const first = await driver.putOne();
    await fill('1', '2', '3');
    expect(await driver.store.intake.takeInbox(QUEUE, driver.fixture.inbox, 2)).toBe(2);
    await driver.expectCounts({ ready: 3 });
    expect(await driver.store.intake.takeInbox(QUEUE, driver.fixture.inbox, 2)).toBe(1);
    expect(await driver.store.intake.takeInbox(QUEUE, driver.fixture.inbox, 2)).toBe(0);
    const { jobs } = await driver.reserve('w1', 10);
    expect(jobs[0].id).toBe(first);
    expect(jobs.slice(1).map(({ envelope }) => decodeEnvelope(envelope).payload)).toEqual(['1', '2', '3']);
  });

  it('moves each element once, however many take', async () => {
    const driver = use();
    const other = await driver.fixture.connect();
    await fill(...Array.from({ length: 30 }, (_, index) => String(index)));
    const moved = await Promise.all(
      [driver.store, other, driver.store, other].map((store) =>
        store.intake.takeInbox(QUEUE, driver.fixture.inbox, 10),
      ),
    );
    expect(moved.reduce((sum, count) => sum + count, 0)).toBe(30);
    await driver.expectCounts({ ready: 30 });
  });

  it('finds a list that does not exist empty', async () => {
    const driver = use();
    expect(await driver.store.intake.takeInbox(QUEUE, `${driver.fixture.inbox}-none`, 10)).toBe(0);
  });

  it('waits until a list holds something, and takes nothing', async () => {
    const driver = use();
    const waiting = driver.store.intake.awaitInbox(driver.fixture.inbox, 15_000);
    await fill('1');
    await waiting;
    await driver.store.intake.awaitInbox(driver.fixture.inbox, 15_000);
    expect(await driver.store.intake.takeInbox(QUEUE, driver.fixture.inbox, 10)).toBe(1);
  });

  it('ends a wait for an empty list', async () => {
    const driver = use();
    await driver.store.intake.awaitInbox(driver.fixture.inbox, 1);
    await driver.expectCounts({});
  });
}
