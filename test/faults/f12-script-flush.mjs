// SCRIPT FLUSH every 50 ms: nobody may notice, in errors or in speed.
import { instant } from './history.mjs';

export const id = 'F12';
export const name = 'script-flush';
export const systems = ['bullmq'];

export async function run(trial) {
  await trial.redis();
  const admin = trial.admin();
  const producer = await trial.producer();
  await trial.workers(2, { concurrency: 10 });
  const count = trial.full ? 10_000 : 3000;
  const drain = async () => {
    const startedAt = instant();
    await trial.fill(producer, count, () => ({ ms: 1 }));
    await trial.drained();
    return (count / (instant() - startedAt)) * 1000;
  };
  await drain();
  const before = await drain();
  let flushes = 0;
  const stopFlushing = trial.every(50, () => admin.script('FLUSH').then(() => flushes++));
  const during = await drain();
  const load = trial.load(producer, { perSecond: 300 });
  await trial.pause(3000);
  await load.stop();
  stopFlushing();
  trial.faultEnded();
  await trial.drained();
  const figures = await trial.figures();
  const refused = [...trial.calls.values()].filter((outcome) => outcome !== 'stored').length;
  Object.assign(figures, { flushes, refused, throughput: `${Math.round((during / before) * 100)} %` });
  trial.judge(figures);
  trial.check(refused === 0, `${refused} calls failed`);
  trial.check(during / before >= 0.7, `throughput fell to ${Math.round((during / before) * 100)} %`);
  return figures;
}
