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
  await trial.fill(producer, 5, () => ({ ms: 4 * leaseMs }));
  await trial.until('5 long jobs run', () => busy.entries().filter(({ type }) => type === 'start').length === 5);
  // One slot is left: it takes some ten of these a second.
  const waiting = await trial.fill(producer, 100, () => ({ ms: 50 }));
  await fillUp(admin);
  const taken = (worker) => worker.entries().filter(({ type, n }) => type === 'start' && waiting.includes(n)).length;
  await trial.until('the busy worker goes on', () => taken(busy) >= 20, 15_000).catch(() => {});
  const late = await trial.worker({ concurrency: 2 });
  const errors = [];
  for (let index = 0; index < 20; index++) {
    await trial.add(producer);
    errors.push(trial.lastError?.code ?? trial.lastError?.name);
  }
  await trial.pause(3 * leaseMs);
  trial.check(await isFull(admin), 'Redis stayed full');
  await admin.config('SET', 'maxmemory', '0');
  trial.faultEnded();
  const takenWhileFull = taken(busy) + taken(late);
  const takenLate = taken(late);
  await admin.del('filler');
  await trial.drained();
  await trial.pause(500);
  const figures = await trial.figures();
  const refused = [...trial.calls.values()].filter((outcome) => outcome === 'refused').length;
  Object.assign(figures, { takenWhileFull, takenLate, refused });
  delete figures.recoveryMs; // it never stopped
  trial.judge(figures);
  trial.check(takenWhileFull === 100, `${takenWhileFull} of 100 waiting jobs were taken while Redis was full`);
  trial.check(takenLate > 0, 'a worker that started while Redis was full took none');
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
