// Many queues in few processes on a server with few connections; and whether keys, sockets and memory come back.

export const id = 'F28';
export const name = 'connections';
export const systems = ['bullmq'];

export async function run(trial) {
  // A rival with a connection a queue could not even start with as few.
  await trial.redis({ args: ['--maxclients', trial.ours ? '32' : '1000'] });
  const admin = trial.admin();
  const connections = async () => (await admin.client('LIST')).trim().split('\n').length;
  const moreQueues = 50;
  const producer = await trial.producer();
  const before = await connections();
  await trial.workers(2, { moreQueues });
  await trial.pause(1000);
  const ofWorkers = (await connections()) - before;
  const keysAt = async () => admin.dbsize();
  const round = async () => {
    await trial.fill(producer, trial.full ? 20_000 : 2000, () => ({ ms: 0 }));
    await trial.drained();
  };
  await round();
  const keys = [await keysAt()];
  for (let rounds = 0; rounds < 3; rounds++) {
    await round();
    await trial.pause(500);
    keys.push(await keysAt());
  }
  const [keysBefore, keysAfter] = [keys[0], keys.at(-1)];
  const figures = await trial.figures();
  Object.assign(figures, { queues: moreQueues + 1, connectionsPerProcess: ofWorkers / 2, keysBefore, keysAfter });
  trial.judge(figures);
  trial.check(figures.connectionsPerProcess <= 4, `${figures.connectionsPerProcess} connections per process`);
  // A queue's fixed keys come into being with their first entry, some of them late; what leaks grows with every round.
  const leaks = keys.every((count, at) => at === 0 || count > keys[at - 1]);
  trial.check(!leaks, `keys grew with every round: ${keys.join(', ')}`);
  return figures;
}
