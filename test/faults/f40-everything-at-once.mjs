// Workers killed and frozen, connections killed, Redis frozen and replies lost, all at random and all from the seed, for
// 45 s. A freeze lasts up to one lease and a half: under the longer lease there is time for fewer faults.
import { Saboteur } from './saboteur.mjs';

export const id = 'F40';
export const name = 'everything-at-once';
export const systems = ['bullmq'];

export async function run(trial) {
  const server = await trial.redis();
  const proxy = await trial.proxy();
  const producer = await trial.producer({ connection: proxy.url });
  const startWorker = () => trial.worker({ connection: proxy.url });
  const workers = await Promise.all(Array.from({ length: 4 }, startWorker));
  const saboteur = new Saboteur(trial, { server, proxy, workers, startWorker });
  const load = trial.load(producer, { perSecond: 150 });
  const deadline = Date.now() + (trial.full ? 45_000 : 12_000);
  while (Date.now() < deadline) {
    await saboteur.strike();
    await trial.pause(100 + 300 * trial.random());
  }
  trial.faultEnded();
  await load.stop();
  await trial.drained();
  const { done } = saboteur;
  const figures = await trial.figures();
  const refused = [...trial.calls.values()].filter((outcome) => outcome === 'refused').length;
  Object.assign(figures, { ...done, refused, longestCallMs: trial.longestCallMs });
  // What a killed or frozen worker had begun, and what had ended there without its settlement having come through.
  trial.judge(figures, { extraRuns: 24 * (done.killed + done.frozen), overlaps: 24 * done.frozen, recoveryMs: 10_000 });
  trial.check(trial.longestCallMs <= 6000 * trial.patience, `a call took ${trial.longestCallMs} ms`);
  return figures;
}
