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
    for (let done = 0; done < count; done += 100) {
      await Promise.all(Array.from({ length: 100 }, () => trial.add(producer, { ms: 1 })));
    }
    await trial.drained();
    return (count / (instant() - startedAt)) * 1000;
  };
  await drain();
  const before = await drain();
  let flushes = 0;
  const stopFlushing = trial.every(50, () => admin.script('FLUSH').then(() => flushes++));
  const during = await drain();
  const load = trial.load(producer, { perSecond: 300 });
  const bulks = 50;
  let refusedBulks = 0;
  for (let made = 0; made < bulks; made++) {
    await trial.pause(3000 / bulks);
    await trial.fill(producer, 10, () => ({ ms: 1 })).catch(() => refusedBulks++);
  }
  await load.stop();
  stopFlushing();
  trial.faultEnded();
  await trial.drained();
  const figures = await trial.figures();
  const refused = [...trial.calls.values()].filter((outcome) => outcome !== 'stored').length;
  const kept = Math.round((during / before) * 100);
  Object.assign(figures, { flushes, refused, bulks, refusedBulks, throughput: `${kept} %` });
  trial.judge(figures);
  trial.check(refused + refusedBulks === 0, `${refused} calls and ${refusedBulks} bulk calls failed`);
  // In the short profile other trials take their share of the machine at the same time.
  trial.check(kept >= (trial.full ? 70 : 35), `throughput fell to ${kept} %`);
  return figures;
}
