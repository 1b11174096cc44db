// kill -9 of Redis under load, and its restart from the append-only file.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

export const id = 'F05';
export const name = 'redis-kill-aof';
export const systems = ['bullmq'];

export async function run(trial) {
  const dir = join(trial.folder, 'aof');
  mkdirSync(dir);
  const args = ['--appendonly', 'yes', '--appendfsync', 'everysec'];
  let server = await trial.redis({ dir, args });
  const producer = await trial.producer();
  await trial.workers(3);
  const load = trial.load(producer, { perSecond: 300 });
  for (let kills = 0; kills < (trial.full ? 5 : 2); kills++) {
    await trial.pause(2000 + 1000 * trial.random());
    await server.kill();
    await trial.pause(500 + 1000 * trial.random());
    server = await trial.redis({ port: server.port, dir, args });
    trial.faultEnded();
  }
  await trial.pause(3000);
  await load.stop();
  await trial.drained();
  const figures = await trial.figures();
  // What was refused ("nothing was stored") is the caller's to repeat; it must not have been stored.
  figures.refused = [...trial.calls.values()].filter((outcome) => outcome === 'refused').length;
  figures.longestCallMs = trial.longestCallMs;
  trial.judge(figures, { recoveryMs: 5000 });
  return figures;
}
