// Workers killed and frozen, connections killed, Redis frozen and replies lost, all at random and all from the seed.
export const id = 'F40';
export const name = 'everything-at-once';
export const systems = ['bullmq'];

export async function run(trial) {
  const { leaseMs } = trial;
  const server = await trial.redis();
  const killer = trial.admin();
  const proxy = await trial.proxy();
  const producer = await trial.producer({ connection: proxy.url });
  const workers = await trial.workers(4, { connection: proxy.url });
  const load = trial.load(producer, { perSecond: 150 });
  const deadline = Date.now() + (trial.full ? 45_000 : 12_000);
  const done = { killed: 0, frozen: 0, connections: 0, redisFrozen: 0, replies: 0 };
  const faults = {
    async killed() {
      const index = Math.floor(trial.random() * workers.length);
      workers[index].kill();
      await workers[index].exited;
      workers[index] = await trial.worker({ connection: proxy.url });
    },
    async frozen() {
      const worker = workers[Math.floor(trial.random() * workers.length)];
      worker.kill('SIGSTOP');
      await trial.pause(leaseMs * 1.5 * trial.random());
      worker.kill('SIGCONT');
    },
    connections: () => killer.client('KILL', 'TYPE', 'normal'),
    async redisFrozen() {
      server.pause();
      await trial.pause(leaseMs * trial.random());
      server.resume();
    },
    async replies() {
      const dropped = proxy.dropReply((bytes) => /evalsha/i.test(bytes));
      await Promise.race([dropped, trial.pause(500)]);
    },
  };
  const kinds = Object.keys(faults);
  while (Date.now() < deadline) {
    const kind = kinds[Math.floor(trial.random() * kinds.length)];
    await faults[kind]();
    done[kind]++;
    await trial.pause(100 + 300 * trial.random());
  }
  trial.faultEnded();
  await load.stop();
  await trial.drained();
  const figures = await trial.figures();
  const refused = [...trial.calls.values()].filter((outcome) => outcome === 'refused').length;
  Object.assign(figures, { ...done, refused, longestCallMs: trial.longestCallMs });
  // What a killed or frozen worker had begun, and what had ended there without its settlement having come through.
  trial.judge(figures, { extraRuns: 24 * (done.killed + done.frozen), overlaps: 24 * done.frozen, recoveryMs: 10_000 });
  trial.check(trial.longestCallMs <= 6000, `a call took ${trial.longestCallMs} ms`);
  return figures;
}
