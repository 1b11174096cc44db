// kill -9 of Redis loses nothing that it wrote: a power cut does. The tail of the append-only file is cut somewhere in
// its last second; no more than that second may be gone, and nothing may be half there.
import { mkdirSync, readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { instant } from './history.mjs';

export const id = 'F06';
export const name = 'power-cut';
export const systems = ['bullmq'];

export async function run(trial) {
  const dir = join(trial.folder, 'aof');
  mkdirSync(dir);
  const args = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--aof-load-truncated', 'yes'];
  let server = await trial.redis({ dir, args });
  const file = () => {
    const folder = join(dir, 'appendonlydir');
    return join(
      folder,
      readdirSync(folder).find((each) => each.endsWith('.incr.aof')),
    );
  };
  const admin = trial.admin();
  const producer = await trial.producer();
  await trial.workers(2);
  let lossWindow = 0;
  let cuts = 0;
  for (let rounds = 0; rounds < (trial.full ? 5 : 2); rounds++) {
    const load = trial.load(producer, { perSecond: 300 });
    await trial.pause(1500);
    const safeSize = statSync(file()).size;
    const safeAt = instant();
    await trial.pause(1000);
    await server.kill();
    const size = statSync(file()).size;
    const cutAt = safeSize + Math.floor(trial.random() * (size - safeSize));
    truncateSync(file(), cutAt);
    cuts += size - cutAt;
    lossWindow += [...trial.ackedAt].filter(([, at]) => at > safeAt - 100).length;
    server = await trial.redis({ port: server.port, dir, args });
    trial.faultEnded();
    // Redis 7.0 cuts a file that ends inside a command behind the last whole command, even in the middle of a
    // transaction, and applies that half at the next start: a rewrite leaves it behind.
    await admin.bgrewriteaof();
    await trial.until('the file is rewritten', async () =>
      /aof_rewrite_in_progress:0[^]*aof_last_bgrewrite_status:ok/.test(await admin.info('persistence')),
    );
    await trial.pause(1000);
    await load.stop();
    trial.ackedAt.clear();
  }
  await trial.drained();
  const figures = await trial.figures();
  const { lost } = figures;
  Object.assign(figures, { lostInWindow: lost, ackedInWindow: lossWindow, bytesCut: cuts, lost: 0 });
  // What was settled in that second runs again: Redis lost the completion.
  trial.judge(figures, { extraRuns: lossWindow + 100, overlaps: 100, recoveryMs: 5000 });
  trial.check(lost <= lossWindow, `${lost} lost, ${lossWindow} were acknowledged in the last second`);
  return figures;
}
