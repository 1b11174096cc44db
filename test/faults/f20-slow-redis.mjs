// Every reply takes a quarter of a second: leases hold, nothing runs twice, no call gives up.
export const id = 'F20';
export const name = 'slow-redis';
export const systems = ['bullmq'];

export async function run(trial) {
  await trial.redis();
  const proxy = await trial.proxy();
  proxy.delay(250);
  const producer = await trial.producer({ connection: proxy.url });
  await trial.workers(2, { connection: proxy.url });
  const load = trial.load(producer, { perSecond: 40 });
  await trial.pause(trial.full ? 30_000 : 6000);
  await load.stop();
  await trial.fill(producer, 4, () => ({ ms: 2 * trial.leaseMs }));
  await trial.drained();
  const figures = await trial.figures();
  figures.refused = [...trial.calls.values()].filter((outcome) => outcome !== 'stored').length;
  figures.longestCallMs = trial.longestCallMs;
  trial.judge(figures);
  trial.check(figures.refused === 0, `${figures.refused} calls failed: ${trial.lastError?.message}`);
  return figures;
}
