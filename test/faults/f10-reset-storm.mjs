// CLIENT KILL TYPE normal every 200 ms while jobs are enqueued and worked off.

export const id = 'F10';
export const name = 'reset-storm';
export const systems = ['bullmq'];

export async function run(trial) {
  await trial.redis();
  const killer = trial.admin();
  const producer = await trial.producer();
  const workers = await trial.workers(3);
  const connections = async () => Number(/connected_clients:(\d+)/.exec(await killer.info('clients'))[1]);
  await trial.auditor();
  // Some are opened when they are needed for the first time: to work for long, and to wait.
  await trial.fill(producer, 24, () => ({ ms: trial.leaseMs }));
  await trial.drained();
  await trial.pause(1500);
  const before = await connections();
  const load = trial.load(producer, { perSecond: 340 });
  await trial.pause(1000);
  let kills = 0;
  const stopKilling = trial.every(200, () => killer.client('KILL', 'TYPE', 'normal').then(() => kills++));
  await trial.pause(trial.full ? 15_000 : 6000);
  stopKilling();
  trial.faultEnded();
  await load.stop();
  await trial.drained();
  await trial.pause(1500);
  const figures = await trial.figures();
  const after = await connections();
  Object.assign(figures, {
    calls: load.made(),
    kills,
    longestCallMs: trial.longestCallMs,
    sockets: `${before} → ${after}`,
  });
  trial.judge(figures, { extraRuns: Math.ceil(load.made() / 1000), recoveryMs: 3000 });
  trial.check(kills > 10, `only ${kills} kills`);
  trial.check(Math.abs(after - before) <= 2, `sockets: ${before} before, ${after} after`);
  const warnings = trial.entries().filter(({ type }) => type === 'warning');
  trial.check(warnings.length === 0, `warnings: ${warnings[0]?.text}`);
  trial.check(
    workers.every(({ child }) => child.exitCode === null),
    'every worker lives',
  );
  return figures;
}
