// A handler that blocks the event loop for five leases keeps its job.
export const id = 'F04';
export const name = 'blocked-loop';
export const systems = ['bullmq'];

export async function run(trial) {
  const { leaseMs } = trial;
  await trial.redis();
  const producer = await trial.producer();
  await trial.workers(3, { concurrency: 1 });
  const blocking = await trial.fill(producer, 3, () => ({ act: 'busy', ms: 5 * leaseMs }));
  await trial.until('3 jobs run', () => trial.entries().filter(({ type }) => type === 'start').length === 3);
  await trial.worker({ concurrency: 4 }); // would take what is given up
  await trial.drained(120_000);
  const figures = await trial.figures();
  figures.ranTwice = trial.ranTwice(blocking);
  trial.judge(figures);
  return figures;
}
