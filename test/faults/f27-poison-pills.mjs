// Three jobs that kill their process, among hundreds of good ones; dead workers are started again.
export const id = 'F27';
export const name = 'poison-pills';
export const systems = ['bullmq'];

export async function run(trial) {
  const good = trial.full ? 500 : 300;
  await trial.redis();
  const producer = await trial.producer();
  const acts = ['exit', 'sigkill', 'memory'];
  await trial.fill(producer, good / 2, () => ({ ms: trial.someMs() }));
  const pills = [];
  for (const act of acts) pills.push(...(await trial.fill(producer, 1, () => ({ act, ms: 0 }))));
  await trial.fill(producer, good / 2, () => ({ ms: trial.someMs() }));

  let running = true;
  let restarts = 0;
  const keepOne = async () => {
    while (running && !trial.isOver) {
      const worker = await trial.worker({ execArgv: ['--max-old-space-size=64'], wait: false });
      await worker.exited;
      restarts++;
    }
  };
  for (let index = 0; index < 3; index++) void keepOne();
  await trial.drained(trial.full ? 180_000 : 60_000);
  running = false;
  await trial.pause(300);

  const figures = await trial.figures();
  const { jobs } = figures;
  const ofGood = jobs.filter(({ n }) => !pills.includes(n));
  const dead = jobs.filter(({ state }) => state === 'dead');
  const starts = trial.entries().filter(({ type }) => type === 'start');
  Object.assign(figures, {
    restarts,
    good: ofGood.filter(({ state }) => state === 'completed').length,
    crashesPerPill: Math.max(...pills.map((pill) => starts.filter(({ n }) => n === pill).length)),
    innocentsDead: dead.filter(({ n }) => !pills.includes(n)).length,
  });
  // Each crash may take its neighbours' runs along: eight side by side, twice a pill, before it runs alone; and runs
  // that had ended, but whose settlement was still on its way.
  trial.judge(figures, { extraRuns: 3 * 2 * 24 + 6, dead: 3 });
  trial.check(figures.good === good, `${figures.good} of ${good} good jobs completed`);
  trial.check(figures.crashesPerPill <= 3, `a pill ran ${figures.crashesPerPill} times`);
  trial.check(
    dead.length === 3 && dead.every(({ detail }) => detail.includes('"poison"')),
    'the pills are dead as poison',
  );
  return figures;
}
