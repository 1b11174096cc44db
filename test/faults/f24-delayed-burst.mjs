// Thousands of jobs due in one millisecond; workers, which promote them, are killed meanwhile.

export const id = 'F24';
export const name = 'delayed-burst';
export const systems = ['bullmq'];

export async function run(trial) {
  const count = trial.full ? 100_000 : 10_000;
  const kills = trial.full ? 10 : 3;
  await trial.redis();
  const admin = trial.admin();
  const producer = await trial.producer();
  const dueAt = Date.now() + (trial.full ? 15_000 : 4000);
  await trial.fill(producer, count, () => ({ ms: 2 }), trial.ours ? { runAt: dueAt } : { delay: dueAt - Date.now() });
  const workers = await trial.workers(3);
  await trial.pause(Math.max(0, dueAt - Date.now()));
  await admin.config('SET', 'slowlog-log-slower-than', '5000');
  await admin.config('RESETSTAT');
  for (let round = 0; round < kills; round++) {
    await trial.pause(50 + 250 * trial.random());
    const victim = round % workers.length;
    workers[victim].kill();
    await workers[victim].exited;
    workers[victim] = await trial.worker();
  }
  trial.faultEnded();
  await trial.drained(120_000);
  const slow = (await admin.slowlog('GET', '20')).filter(([, , , [command]]) => /eval/i.test(command));
  const figures = await trial.figures();
  figures.slowestScriptMs = Math.max(0, ...slow.map(([, , micros]) => micros)) / 1000;
  // A run may have ended without its settlement having been stored: one turn of the killed worker.
  trial.judge(figures, { extraRuns: kills * 300 });
  // Processes that start beside it take the processor from Redis in the middle of a script, too.
  trial.check(figures.slowestScriptMs <= 50 * trial.patience, `a script took ${figures.slowestScriptMs} ms`);
  return figures;
}
