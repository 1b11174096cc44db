// The Redis user of an app lacks each of its commands for a while, one after the other, under load: what was refused is told,
// what was stored is run once, and nothing stands still when the command is back.
import { aclRule } from '../../scripts/acl.mjs';

export const id = 'F46';
export const name = 'permissions';

export async function run(trial) {
  const perCommandMs = trial.full ? 400 : 60;
  await trial.redis();
  const admin = trial.admin();
  const version = /redis_version:(\d+\.\d+)/.exec(await admin.info('server'))[1];
  const words = aclRule({ role: 'worker', redis: version === '7.0' ? '7.0' : '7.2' }).split(' ');
  const granted = words.filter((word) => word.startsWith('+')).map((word) => word.slice(1));
  await admin.call('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '&*', '-@all', ...granted.map((word) => `+${word}`));
  const connection = `redis://app:secret@127.0.0.1:${trial.server.port}`;
  const producer = await trial.producer({ connection });
  await trial.workers(2, { connection, concurrency: 4 });
  await trial.fill(producer, 20, () => ({ ms: 1 }));
  await trial.drained();
  const load = trial.load(producer, {
    perSecond: trial.full ? 200 : 100,
    payloadOf: () => ({ ms: trial.someMs(1, 5) }),
  });
  for (const command of granted) {
    await admin.call('ACL', 'SETUSER', 'app', `-${command}`);
    await trial.pause(perCommandMs);
    await admin.call('ACL', 'SETUSER', 'app', `+${command}`);
    await trial.pause(perCommandMs);
  }
  trial.faultEnded();
  await trial.pause(1000); // what is enqueued now shows whether work goes on
  await load.stop();
  await trial.drained();
  await trial.pause(500);
  const figures = await trial.figures();
  // Above a thousand a repair does not count again (lib/recount): the number may be off by what stopped.
  if (figures.completed > 1000)
    figures.violations = figures.violations.filter((line) => !line.startsWith('completedCount says'));
  const refused = [...trial.calls.values()].filter((outcome) => outcome === 'refused').length;
  Object.assign(figures, { commands: granted.length, refused });
  trial.judge(figures, { recoveryMs: 15_000 });
  trial.check(refused > 0, 'no enqueue was refused');
  return figures;
}
