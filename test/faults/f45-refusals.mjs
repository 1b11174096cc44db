// A server that refuses, under load, and takes it back, one after the other: too few replicas, no memory, a script that keeps it
// busy, a permission taken, a password changed.
export const id = 'F45';
export const name = 'refusals';
export const systems = ['bullmq'];

export async function run(trial) {
  const lastsMs = trial.full ? 8000 : 2500;
  await trial.redis({ args: ['--busy-reply-threshold', '100', '--maxmemory-policy', 'noeviction'] });
  const admin = trial.admin();
  const killer = trial.admin();
  await killer.ping();
  await admin.call('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '&*', '+@all');
  const connection = `redis://app:secret@127.0.0.1:${trial.server.port}`;
  const producer = await trial.producer({ connection });
  await trial.workers(2, { connection });
  const user = (...rules) => admin.call('ACL', 'SETUSER', 'app', ...rules);
  const faults = {
    NOREPLICAS: [
      () => admin.config('SET', 'min-replicas-to-write', '1'),
      () => admin.config('SET', 'min-replicas-to-write', '0'),
    ],
    OOM: [() => admin.config('SET', 'maxmemory', '1'), () => admin.config('SET', 'maxmemory', '0')],
    BUSY: [async () => void admin.eval('while true do end', 0).catch(() => {}), () => killer.call('SCRIPT', 'KILL')],
    NOPERM: [() => user('-evalsha', '-eval'), () => user('+@all')],
    WRONGPASS: [
      async () => {
        await user('resetpass', '>other');
        await admin.call('CLIENT', 'KILL', 'USER', 'app');
      },
      () => user('resetpass', '>secret'),
    ],
  };
  const load = trial.load(producer, { perSecond: trial.full ? 200 : 100 });
  const refusedBy = {};
  for (const [word, [give, take]] of Object.entries(faults)) {
    await trial.pause(1500);
    await give();
    const before = trial.rejections.length;
    await trial.pause(lastsMs);
    await take();
    const takenAt = trial.faultEnded();
    await trial
      .until(`an enqueue is stored after ${word}`, () => [...trial.ackedAt.values()].some((at) => at > takenAt))
      .catch((error) => trial.check(false, error.message));
    refusedBy[word] = trial.rejections.length - before;
  }
  await trial.pause(2000);
  await load.stop();
  await trial.drained();
  await trial.pause(500);
  const figures = await trial.figures();
  Object.assign(figures, {
    refused: [...trial.calls.values()].filter((outcome) => outcome === 'refused').length,
    refusedBy: Object.entries(refusedBy)
      .map(([word, count]) => `${word} ${count}`)
      .join(' '),
    longestCallMs: trial.longestCallMs,
  });
  trial.judge(figures, { recoveryMs: 5000 });
  trial.check(figures.refused > 0, 'no enqueue was refused');
  return figures;
}
