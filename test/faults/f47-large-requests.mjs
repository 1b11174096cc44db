// A server, or a proxy before it, refuses requests over a size, by an error or by closing the connection: a turn is divided until
// the one job is alone that is to blame. It fails with the words, and all others go on.
import { startTcpProxy } from '../support/tcp-proxy.mjs';

export const id = 'F47';
export const name = 'large-requests';

const MOST_BYTES = 150_000;

export async function run(trial) {
  const rounds = trial.full ? 20 : 2;
  await trial.redis();
  const producer = await trial.producer();
  let expected = 0;
  for (const words of ['ERR max request size exceeded', undefined]) {
    const proxy = await startTcpProxy(trial.server.port);
    trial.onClose(() => proxy.stop());
    proxy.limit(MOST_BYTES, words);
    const worker = await trial.worker({ connection: `redis://127.0.0.1:${proxy.port}`, concurrency: 10 });
    for (let round = 0; round < rounds; round++) {
      const small = () => trial.fill(producer, 20, () => ({ ms: 1 }));
      // Together they are too large, alone they are not.
      const medium = trial.fill(producer, 5, () => ({ ms: 20, act: 'returnText', length: 60_000 }));
      const large = trial.fill(producer, 1, () => ({ ms: 20, act: 'returnText', length: 200_000 }));
      expected++;
      await Promise.all([small(), medium, large, small()]);
      await trial.drained(120_000);
    }
    await worker.stop?.();
  }
  trial.faultEnded();
  await trial.fill(producer, 10, () => ({ ms: 1 }));
  await trial.drained();
  const figures = await trial.figures();
  const dead = figures.jobs.filter(({ state }) => state === 'dead').length;
  Object.assign(figures, { refusedAlone: dead });
  delete figures.recoveryMs;
  trial.judge(figures, { dead: expected });
  trial.check(dead === expected, `${dead} of ${expected} jobs that are too large alone are dead`);
  return figures;
}
