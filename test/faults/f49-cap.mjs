// A limit of what runs at once over four processes, while workers are killed and frozen: never more, and never stuck.
import { runsOf } from './history.mjs';

export const id = 'F49';
export const name = 'cap';

const LIMIT = 6;
/** As many may be handed over in one call. */
const HANDED = 8;

export async function run(trial) {
  const count = trial.full ? 20_000 : 1500;
  await trial.redis();
  const producer = await trial.producer();
  await trial.fill(producer, count, () => ({ ms: trial.someMs(5, 15) }));
  const given = { concurrency: 10, queueOptions: { limits: { concurrency: LIMIT } } };
  const workers = await trial.workers(4, given);
  let rounds = 0;
  const stop = trial.every(trial.full ? 5000 : 1500, async () => {
    const victim = workers.shift();
    if (rounds++ % 2 === 0) {
      victim.kill();
      workers.push(await trial.worker(given));
    } else {
      victim.kill('SIGSTOP');
      await trial.pause(500); // shorter than a lease: its jobs go on
      victim.kill('SIGCONT');
      workers.push(victim);
    }
  });
  const auditor = await trial.auditor();
  await trial.until('the jobs are done', async () => (await auditor.counts()).ready < count / 10, 500_000);
  stop();
  trial.faultEnded();
  await trial.drained(120_000);

  // A limit comes while idle workers have said what room they have: nothing is handed over into it.
  const comings = trial.full ? 50 : 10;
  for (let coming = 0; coming < comings; coming++) {
    await producer.queues.setLimits(trial.queue, {});
    await trial.pause(300); // until they have asked again
    await producer.queues.setLimits(trial.queue, { concurrency: LIMIT });
    await Promise.all(Array.from({ length: HANDED }, () => trial.add(producer, { ms: 100 })));
    await trial.drained(30_000);
  }

  const figures = await trial.figures();
  figures.most = mostAtOnce(runsOf(trial.entries()));
  figures.rounds = rounds;
  trial.judge(figures, { extraRuns: (rounds + 1) * LIMIT * 2, recoveryMs: 20_000 });
  trial.check(figures.most <= LIMIT, `most is ${figures.most}: more ran at once than ${LIMIT}`);
  const all = count + comings * HANDED;
  trial.check(figures.completed === all, `${figures.completed} of ${all} completed`);
  return figures;
}

function mostAtOnce(runs) {
  const changes = runs.flatMap(({ from, to }) => [
    { at: from, by: 1 },
    { at: to, by: -1 },
  ]);
  changes.sort((a, b) => a.at - b.at || a.by - b.by);
  let running = 0;
  let most = 0;
  for (const { by } of changes) most = Math.max(most, (running += by));
  return most;
}
