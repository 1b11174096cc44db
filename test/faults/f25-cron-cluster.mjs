// An every-second cron in several instances: one frozen for ten seconds and resumed, one killed, Redis frozen.

export const id = 'F25';
export const name = 'cron-cluster';
export const systems = ['bullmq'];

export async function run(trial) {
  const instances = trial.full ? 5 : 3;
  const site = { schedules: { every: { expression: '* * * * * *' } }, concurrency: 4 };
  const server = await trial.redis();
  const workers = await trial.workers(instances, site);
  const firers = workers.slice();
  await trial.pause(3000);
  for (let round = 0; round < (trial.full ? 5 : 1); round++) {
    const frozen = firers[round % firers.length];
    frozen.kill('SIGSTOP');
    await trial.pause(5000);
    const victim = firers[(round + 1) % firers.length];
    victim.kill();
    firers[(round + 1) % firers.length] = await trial.worker(site);
    await trial.pause(5000);
    frozen.kill('SIGCONT');
    await trial.pause(3000);
  }
  server.pause();
  await trial.pause(3000);
  server.resume();
  trial.faultEnded();
  await trial.pause(4000);
  for (const worker of firers) worker.kill('SIGTERM');
  await Promise.all(firers.map(({ exited }) => exited));
  await trial.pause(200);

  const { jobs } = await (await trial.auditor()).audit();
  for (const { n } of jobs) trial.calls.set(n, 'tick');
  const figures = await trial.figures();
  const ticks = jobs.map(({ payload }) => payload.scheduledFor).sort((a, b) => a - b);
  const starts = trial.entries().filter(({ type, tick }) => type === 'start' && tick !== undefined);
  const first = jobs.find(({ payload }) => payload.scheduledFor === ticks[0]);
  const covered = jobs.reduce((sum, { payload }) => sum + 1 + payload.missed, 0) - (first?.payload.missed ?? 0);
  figures.ticks = new Set(ticks).size;
  figures.tickedTwice = ticks.length - figures.ticks;
  // A tick that nobody could fire is told by the next one.
  figures.seconds = (ticks.at(-1) - ticks[0]) / 1000 + 1;
  figures.uncovered = figures.seconds - covered;
  figures.missed = jobs.reduce((sum, { payload }) => sum + payload.missed, 0);
  const wall = Date.now() - Number(process.hrtime.bigint() / 1_000_000n);
  figures.earliestMs = Math.round(Math.min(...starts.map(({ at, tick }) => at + wall - tick)));
  // A tick may have been in the hands of one that was killed or frozen.
  const rounds = trial.full ? 5 : 1;
  trial.judge(figures, { extraRuns: 4 * rounds, overlaps: 4 * rounds, recoveryMs: 3000 });
  // The last one may have come when everybody was leaving.
  trial.check(figures.completed >= figures.ticks - 1, `${figures.completed} of ${figures.ticks} ticks completed`);
  trial.check(figures.tickedTwice === 0, `${figures.tickedTwice} ticks fired twice`);
  trial.check(figures.uncovered === 0, `${figures.uncovered} seconds neither fired nor told as missed`);
  trial.check(figures.missed <= 6 * (trial.full ? 3 : 1), `${figures.missed} ticks missed, more than Redis was away`);
  trial.check(figures.earliestMs >= -5, `a tick ran ${-figures.earliestMs} ms early`);
  return figures;
}
