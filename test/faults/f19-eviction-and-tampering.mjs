// A server that may evict is refused; keys that somebody deleted or overwrote by hand stop nobody.

export const id = 'F19';
export const name = 'eviction-and-tampering';

export async function run(trial) {
  await trial.redis();
  const admin = trial.admin();
  await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
  const refusal = await trial.producer().then(
    () => undefined,
    (error) => error,
  );
  trial.check(refusal?.code === 'TASK_QUEUE_INCOMPATIBLE_STORE', `allkeys-lru: ${refusal?.code ?? 'accepted'}`);
  const accepted = await trial.producer({ moduleOptions: { allowEviction: true } }).catch((error) => error);
  trial.check(!(accepted instanceof Error), `allowEviction: ${accepted}`);
  await admin.config('SET', 'maxmemory-policy', 'noeviction');

  const count = trial.full ? 10_000 : 1000;
  const producer = await trial.producer();
  await trial.fill(producer, count, () => ({ ms: 1 }));
  const auditor = await trial.auditor();
  const { jobs } = await auditor.audit();
  const victims = jobs.filter(() => trial.random() < 0.03);
  const harm = { vanished: [], garbled: [], emptied: [] };
  for (const { id: job, n } of victims) {
    const kind = Object.keys(harm)[Math.floor(trial.random() * 3)];
    harm[kind].push(n);
    if (kind === 'vanished') await admin.hdel(auditor.key('jobs'), job);
    else
      await admin.hset(auditor.key('jobs'), job, kind === 'garbled' ? Buffer.from([0xff, 0xfe, 0x31, 0x0a, 0x7b]) : '');
  }
  const workers = await trial.workers(2, { concurrency: 10 });
  await trial.pause(300);
  // While they work: what belongs to no job, and numbers that are none.
  await admin.hset(auditor.key('inflight'), 'stranger', 'nobody:1');
  await admin.hset(auditor.key('crashes'), 'stranger', '1');
  await trial.until('the rest has ended', async () => (await admin.llen(auditor.key('ready'))) === 0);
  await trial.pause(1000);
  const live = workers.every(({ child }) => child.exitCode === null && child.signalCode === null);
  const after = (await auditor.audit()).jobs;
  const entries = trial.entries();
  const completed = after.filter(({ state }) => state === 'completed').length;
  const unreadable = after.filter(({ state, detail }) => state === 'dead' && detail.includes('unreadable')).length;
  const figures = {
    stored: count,
    completed,
    vanished: harm.vanished.length,
    garbled: harm.garbled.length + harm.emptied.length,
    deadUnreadable: unreadable,
    unhandled: entries.filter(({ type }) => type === 'unhandled').length,
  };
  trial.check(live, 'every worker lives');
  trial.check(completed === count - victims.length, `${completed} of ${count - victims.length} whole jobs completed`);
  trial.check(
    unreadable === figures.garbled,
    `${unreadable} of ${figures.garbled} garbled records are dead as unreadable`,
  );
  trial.check(figures.unhandled === 0, `${figures.unhandled} unhandled rejections`);
  return figures;
}
