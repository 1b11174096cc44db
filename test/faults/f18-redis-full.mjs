// Redis at maxmemory, noeviction: what waits is worked off by a busy worker and by one that starts then, what runs keeps
// its lease, producers are told.

export const id = 'F18';
export const name = 'redis-full';
export const systems = ['bullmq'];

export async function run(trial) {
  const { leaseMs } = trial;
  await trial.redis({ args: ['--maxmemory', '64mb', '--maxmemory-policy', 'noeviction'] });
  const admin = trial.admin();
  const producer = await trial.producer();
  const busy = await trial.worker({ concurrency: 6 });
  const running = await trial.fill(producer, 5, () => ({ ms: 4 * leaseMs }));
  await trial.until('5 long jobs run', () => busy.entries().filter(({ type }) => type === 'start').length === 5);
  // One slot is left: it takes some twenty of these a second.
  const ofBusy = await trial.fill(producer, 100, () => ({ ms: 50 }));
  // These wait in a queue that nobody works for yet.
  const queue = `${trial.queue}late`;
  await trial.alsoAudit(queue);
  const ofLate = await trial.fill(await trial.producer({ queue }), 100, () => ({ ms: 50 }));
  await fillUp(admin);
  const takenOf = (worker, numbers) =>
    worker.entries().filter(({ type, n }) => type === 'start' && numbers.includes(n)).length;
  // Under bullmq its boot fails, and it goes on trying.
  const late = await trial.worker({ queue, concurrency: 6, wait: trial.ours });
  const errors = [];
  for (let index = 0; index < 20; index++) {
    await trial.add(producer);
    errors.push(trial.lastError?.code ?? trial.lastError?.name);
  }
  const allTaken = () => takenOf(busy, ofBusy) === 100 && takenOf(late, ofLate) === 100;
  await Promise.all([
    trial.pause(3 * leaseMs), // what runs now needs its lease renewed
    trial.until('all are taken', allTaken, 20_000).catch(() => {}),
  ]);
  trial.check(await isFull(admin), 'Redis stayed full');
  const takenBusy = takenOf(busy, ofBusy);
  const takenLate = takenOf(late, ofLate);
  await admin.config('SET', 'maxmemory', '0');
  trial.faultEnded();
  await admin.del('filler');
  await trial.drained();
  await trial.pause(500);
  const figures = await trial.figures();
  const refused = [...trial.calls.values()].filter((outcome) => outcome === 'refused').length;
  const runningDead = figures.jobs.filter(({ n, state }) => state === 'dead' && running.includes(n)).length;
  Object.assign(figures, { takenBusy, takenLate, ranTwice: trial.ranTwice(running), runningDead, refused });
  delete figures.recoveryMs; // it never stopped
  trial.judge(figures);
  trial.check(takenBusy === 100, `a busy worker took ${takenBusy} of 100 waiting jobs while Redis was full`);
  trial.check(takenLate === 100, `a worker that started then took ${takenLate} of 100`);
  trial.check(refused === 20, `${refused} of 20 enqueues were refused`);
  trial.check(
    errors.every((code) => code === 'TASK_QUEUE_STORE_FULL'),
    `errors of the enqueues: ${new Set(errors).size}, ${errors[0]}`,
  );
  return figures;
}

async function fillUp(admin) {
  const used = async () => Number(/used_memory:(\d+)/.exec(await admin.info('memory'))[1]);
  for (let megabytes = 0; megabytes < 10; megabytes++) await admin.rpush('filler', 'x'.repeat(1e6));
  await admin.config('SET', 'maxmemory', String((await used()) - 6_000_000));
  if (!(await isFull(admin))) throw new Error('Redis is not full');
}

async function isFull(admin) {
  const answer = await admin.set('probe', 'x').catch((error) => error.message);
  return String(answer).startsWith('OOM');
}
