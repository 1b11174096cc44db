import { expect, it } from '@jest/globals';
import { QUEUE, type StoreDriver } from './store-driver.js';

export function enqueueContract(use: () => StoreDriver): void {
  it('answers a receipt per job, in order', async () => {
    const driver = use();
    const receipts = await driver.store.intake.enqueue(QUEUE, [driver.newJob(), driver.newJob({ delayMs: 1000 })]);
    expect(receipts).toEqual([
      { id: expect.any(String), created: true, state: 'ready' },
      { id: expect.any(String), created: true, state: 'scheduled' },
    ]);
    await driver.expectCounts({ ready: 1, scheduled: 1 });
  });

  it('refuses to wait for confirmations that it cannot give, and stores nothing', async () => {
    const { store } = use();
    if (store.connection.capabilities.durability) return;
    const durability = { replicas: 1, fsync: false, timeoutMs: 1000 };
    await expect(store.intake.enqueue(QUEUE, [use().newJob()], durability)).rejects.toMatchObject({
      code: 'TASK_QUEUE_UNSUPPORTED',
    });
    await use().expectCounts({});
  });

  it('takes an empty call', async () => {
    expect(await use().store.intake.enqueue(QUEUE, [])).toEqual([]);
    await use().expectCounts({});
  });

  it('mints ids of ten base-36 characters that rise and are never used again', async () => {
    const driver = use();
    const ids = [...(await driver.putMany(3)), ...(await driver.putMany(2))];
    for (const id of ids) expect(id).toMatch(/^[0-9a-z]{10}$/);
    expect([...ids].sort()).toEqual(ids);
    for (const id of ids) await driver.store.curation.remove(QUEUE, id);
    const later = await driver.putOne();
    expect(later > ids[4]).toBe(true);
  });

  it('keeps what it was given byte for byte', async () => {
    const driver = use();
    const payload = '{"__proto__":1,"text":"line\u2028 é 😀 \\n \u0000","empty":[],"big":12345678901234567890}';
    const id = await driver.putOne({ payload, userId: 'order-7' });
    const [stored] = await driver.store.curation.read(QUEUE, [id]);
    expect(stored).toEqual({
      id,
      state: 'ready',
      record: driver.envelope({ payload, userId: 'order-7' }),
      dueAt: undefined,
      progress: undefined,
      cancelling: false,
    });
    expect((await driver.reserve('w1')).jobs[0].envelope).toBe(driver.envelope({ payload, userId: 'order-7' }));
  });

  it('keeps queues apart', async () => {
    const driver = use();
    await driver.putOne({ userId: 'a' });
    const [receipt] = await driver.store.intake.enqueue('other', [driver.newJob({ userId: 'a' })]);
    expect(receipt.created).toBe(true);
    await driver.expectCounts({ ready: 1 });
    expect((await driver.store.curation.counts('other')).ready).toBe(1);
  });

  it('shows a job to every client of the store', async () => {
    const driver = use();
    const other = await driver.fixture.connect();
    const id = await driver.putOne();
    expect((await other.curation.read(QUEUE, [id]))[0]?.state).toBe('ready');
  });

  it.each([
    { case: 'a delay of 0', seed: { delayMs: 0 }, state: 'ready' },
    { case: 'a negative delay', seed: { delayMs: -5 }, state: 'ready' },
    { case: 'a delay', seed: { delayMs: 1 }, state: 'scheduled' },
    { case: 'an instant that has passed', seed: { runAt: 1 }, state: 'ready' },
    { case: 'a delay beside an instant', seed: { delayMs: 0, runAt: 9_000_000_000_000 }, state: 'ready' },
  ])('$case makes a job $state', async ({ seed, state }) => {
    const driver = use();
    const [receipt] = await driver.store.intake.enqueue(QUEUE, [driver.newJob(seed)]);
    expect(receipt.state).toBe(state);
    expect(await driver.stateOf(receipt.id)).toBe(state);
  });

  it('counts a delay and an instant by its own clock', async () => {
    const driver = use();
    const [byDelay, byInstant] = await driver.put({ delayMs: 5000 }, { runAt: driver.now() + 7000 });
    const [first, second] = await driver.store.curation.read(QUEUE, [byDelay, byInstant]);
    expect([first?.dueAt, second?.dueAt]).toEqual([driver.now() + 5000, driver.now() + 7000]);
  });

  // ------------------------------------------------------------ ids of users

  it('stores one job per user id and answers the first one', async () => {
    const driver = use();
    const first = await driver.putOne({ userId: 'order-7', payload: '1' });
    const [second] = await driver.store.intake.enqueue(QUEUE, [driver.newJob({ userId: 'order-7', payload: '2' })]);
    expect(second).toMatchObject({ id: first, created: false, state: 'ready' });
    expect((await driver.store.curation.read(QUEUE, ['order-7']))[0]?.record).toBe(
      driver.envelope({ userId: 'order-7', payload: '1' }),
    );
    await driver.expectCounts({ ready: 1 });
  });

  it('stores one job for a user id that comes twice in one call', async () => {
    const driver = use();
    const receipts = await driver.store.intake.enqueue(QUEUE, [
      driver.newJob({ userId: 'a' }),
      driver.newJob({ userId: 'a' }),
      driver.newJob({ userId: 'b' }),
    ]);
    expect(receipts.map(({ created }) => created)).toEqual([true, false, true]);
    expect(receipts[1].id).toBe(receipts[0].id);
    await driver.expectCounts({ ready: 2 });
  });

  it('stores one job when two clients give the same id at once', async () => {
    const driver = use();
    const other = await driver.fixture.connect();
    const receipts = await Promise.all(
      [driver.store, other, driver.store, other].map((store) =>
        store.intake.enqueue(QUEUE, [driver.newJob({ userId: 'a' })]),
      ),
    );
    expect(receipts.filter(([{ created }]) => created)).toHaveLength(1);
    expect(new Set(receipts.map(([{ id }]) => id)).size).toBe(1);
    await driver.expectCounts({ ready: 1 });
  });

  it.each(['scheduled', 'ready', 'active', 'parked', 'completed', 'cancelled', 'dead'] as const)(
    'answers the state of a first job that is %s',
    async (state) => {
      const driver = use();
      const seed = { userId: 'a', name: 'resize' };
      let id: string;
      if (state === 'completed' || state === 'cancelled' || state === 'dead')
        [id] = await driver.putEnded(state, 1, undefined, seed);
      else if (state === 'scheduled') id = await driver.putOne({ ...seed, delayMs: 1000 });
      else if (state === 'ready') id = await driver.putOne(seed);
      else {
        const job = await driver.start('w1', seed);
        id = job.id;
        if (state === 'parked') await driver.settle('w1', { op: 'park', id, token: job.token, name: 'resize' });
      }
      const [again] = await driver.store.intake.enqueue(QUEUE, [driver.newJob(seed)]);
      expect(again).toMatchObject({ id, created: false, state, job: { id, state } });
    },
  );

  it('frees a user id when its job is removed', async () => {
    const driver = use();
    const first = await driver.putOne({ userId: 'a' });
    await driver.store.curation.remove(QUEUE, 'a');
    const [again] = await driver.store.intake.enqueue(QUEUE, [driver.newJob({ userId: 'a' })]);
    expect(again.created).toBe(true);
    expect(again.id).not.toBe(first);
  });

  it('frees a user id when its job ends and is not kept', async () => {
    const driver = use();
    const job = await driver.start('w1', { userId: 'a' });
    await driver.settle('w1', driver.complete(job, '1', false));
    const [again] = await driver.store.intake.enqueue(QUEUE, [driver.newJob({ userId: 'a' })]);
    expect(again.created).toBe(true);
  });

  it('keeps a job whose number is the user id of another job', async () => {
    const driver = use();
    const plain = await driver.putOne({ payload: '1' });
    const named = await driver.putOne({ payload: '2', userId: plain });
    expect(named).not.toBe(plain);
    expect((await driver.store.curation.read(QUEUE, [plain]))[0]?.id).toBe(plain);
    expect((await driver.store.notices.awaitSettled(QUEUE, plain, 1000))?.id).toBe(plain);
    expect(await driver.store.curation.cancel(QUEUE, plain)).toBe('cancelled');
    expect(await driver.stateOf(named)).toBe('ready');
    // Once the number is gone, only the id is left.
    expect(await driver.store.curation.remove(QUEUE, plain)).toBe('removed');
    expect((await driver.store.curation.read(QUEUE, [plain]))[0]?.id).toBe(named);
  });
}
