// Every open socket goes silent without a FIN; new ones work. A waiting job must be taken, every call must settle.
// Then again, and for some seconds new ones are accepted and stay mute, too.
import { instant } from './history.mjs';
import { settlesWithin } from './trial.mjs';

export const id = 'F08';
export const name = 'half-open';
export const systems = ['bullmq'];

export async function run(trial) {
  await trial.redis();
  const proxy = await trial.proxy();
  const direct = await trial.producer();
  const connectTimeoutMs = trial.full ? 10_000 : 2000; // the built-in one is the former
  const site = { connection: proxy.url, ...(!trial.full && { moduleOptions: { connectTimeout: connectTimeoutMs } }) };
  const producer = await trial.producer(site);
  await trial.workers(2, site);
  const load = trial.load(producer, { perSecond: 100 });
  await trial.pause(1500);
  await load.stop();
  await trial.drained();

  trial.callMs.clear();
  proxy.hole();
  const holedAt = instant();
  trial.faultEnded(); // new connections work from now on
  const waiting = await trial.fill(direct, 1, () => ({ ms: 5 }));
  const calls = Array.from({ length: 5 }, () => trial.add(producer, { ms: 5 }));
  const find = () => trial.entries().find(({ type, n }) => type === 'start' && n === waiting[0]);
  await trial.pause(trial.full || !trial.ours ? 15_000 : 10_000);
  const openAfter = [...trial.calls.values()].filter((outcome) => outcome === 'open').length;
  const patience = trial.full ? 45_000 : 0;
  const taken = find() ?? (await trial.until('it is taken', find, patience).catch(() => undefined));
  if (trial.ours) {
    await settlesWithin(Promise.all(calls), 10_000);
    await trial.drained();
  }
  const afterMute = trial.ours ? await staysMute(trial, { proxy, direct, producer, connectTimeoutMs }) : {};
  const figures = await trial.figures();
  Object.assign(figures, afterMute, {
    openAfter,
    longestCallMs: trial.longestCallMs,
    takenMs: taken ? Math.round(taken.at - holedAt) : -1,
  });
  trial.judge(figures, { recoveryMs: 10_000 });
  trial.check(
    taken !== undefined && figures.takenMs <= 10_000,
    `the waiting job was taken after ${figures.takenMs} ms`,
  );
  trial.check(openAfter === 0, `${openAfter} calls were still open`);
  trial.check(trial.longestCallMs <= 6000 * trial.patience, `a call took ${trial.longestCallMs} ms`);
  return figures;
}

async function staysMute(trial, { proxy, direct, producer, connectTimeoutMs }) {
  proxy.hole();
  proxy.mute();
  const [waiting] = await trial.fill(direct, 1, () => ({ ms: 5 }));
  const calls = Array.from({ length: 5 }, () => trial.add(producer, { ms: 5 }));
  await trial.pause(8000);
  proxy.pass();
  const answeredAt = instant();
  const find = () => trial.entries().find(({ type, n }) => type === 'start' && n === waiting);
  const taken = await trial.until('it is taken', find, 45_000).catch(() => undefined);
  const mutedTakenMs = taken ? Math.round(taken.at - answeredAt) : -1;
  // The socket that was mute last is given up, and two pauses between tries may lie behind it.
  const limitMs = (connectTimeoutMs + 5000) * trial.patience;
  trial.check(
    taken !== undefined && mutedTakenMs <= limitMs,
    `after mute connections the waiting job was taken after ${mutedTakenMs} ms`,
  );
  trial.check(await settlesWithin(Promise.all(calls), 15_000), 'after mute connections calls were still open');
  const n = await trial.add(producer, { ms: 5 });
  trial.check(trial.calls.get(n) === 'stored', 'after mute connections nothing could be stored');
  await trial.drained();
  return { mutedTakenMs };
}
