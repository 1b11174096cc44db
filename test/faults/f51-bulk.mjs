// A bulk retry of dead jobs, which die again, while its executor is killed over and over: each is retried once, and none that died later.
export const id = 'F51';
export const name = 'bulk';

export async function run(trial) {
  const count = trial.full ? 100_000 : 2000;
  const kills = trial.full ? 10 : 4;
  await trial.redis();
  const producer = await trial.producer();
  const { queue } = trial;
  const dies = () => ({ act: 'failFirst', ms: 0, fails: 99 });
  const meant = await trial.fill(producer, count, dies, { maxAttempts: 1 });
  const workers = await trial.workers(3, { concurrency: 20 });
  const deadIn = async () => (await producer.queues.counts(queue)).dead;
  await trial.until('all jobs are dead', async () => (await deadIn()) === count, 300_000);

  const bulk = { where: 'state:dead error:fails', action: 'retry', ...(!trial.full && { rate: 400 }) };
  workers[0].child.send({ bulk });
  const progress = async () => (await producer.queues.bulks(queue))[0];
  await trial.until('the operation has begun', async () => (await progress())?.done > 0);
  // These die while it runs.
  const later = await trial.fill(producer, 200, dies, { maxAttempts: 1 });

  let killed = 0;
  for (; killed < kills; killed++) {
    const atLeast = ((killed + 1) * count) / (kills + 2);
    const victim = await trial.until(
      `somebody has retried ${atLeast} jobs`,
      async () => {
        const { done, executor } = await progress();
        const found = (await producer.queues.processes()).find((process) => process.id === executor);
        return done >= atLeast && workers.find(({ pid }) => pid === found?.pid);
      },
      120_000,
    );
    victim.kill();
    await victim.exited;
    workers.splice(workers.indexOf(victim), 1, await trial.worker({ concurrency: 20 }));
  }
  await trial.until('the operation has ended', async () => (await progress()).state === 'done', 120_000);
  await trial.drained(120_000);

  const ended = await progress();
  const deaths = await deathsOf(producer.queues, queue);
  for (const n of meant) trial.retried.set(n, 2);
  const figures = await trial.figures();
  Object.assign(figures, {
    kills: killed,
    twice: meant.filter((n) => deaths.get(n) > 2).length,
    never: meant.filter((n) => deaths.get(n) < 2).length,
    beyond: later.filter((n) => deaths.get(n) > 1).length,
  });
  trial.check(figures.twice === 0, `twice is ${figures.twice}: so many jobs were retried more than once`);
  trial.check(figures.never === 0, `never is ${figures.never}: so many jobs were not retried`);
  trial.check(figures.beyond === 0, `beyond is ${figures.beyond}: so many jobs were retried that died later`);
  trial.check(ended.done === count, `the operation says that it retried ${ended.done} of ${count}`);
  trial.check(ended.matched === count && ended.skipped === 0, `it met ${ended.matched}, and skipped ${ended.skipped}`);
  trial.check(figures.dead === count + later.length, `${figures.dead} are dead at the end`);
  trial.check(figures.lost === 0, `lost is ${figures.lost}`);
  for (const violation of figures.violations) trial.check(false, `store: ${violation}`);
  return figures;
}

/** How often each job has died: its record has an error of each time, whatever became of runs that were killed. */
async function deathsOf(queues, queue) {
  const deaths = new Map();
  let cursor;
  do {
    const page = await queues.jobs(queue, { state: 'dead', limit: 500, cursor });
    for (const { payload, errors } of page.jobs) deaths.set(payload.n, errors.length);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return deaths;
}
