// The link to the replica is cut, writes go on, then the replica is promoted and the old primary is gone. What a replica
// confirmed must be there; what only the primary had is lost, and its callers were not told otherwise.
import { Redis } from 'ioredis';

export const id = 'F15';
export const name = 'cut-replica-link';

export async function run(trial) {
  const primary = await trial.redis();
  const link = await trial.proxy(primary.port);
  const args = ['--replicaof', '127.0.0.1', String(link.port), '--repl-diskless-sync-delay', '0'];
  const replica = await trial.redis({ args });
  const admin = trial.admin();
  await trial.until('the replica is in sync', async () => (await admin.wait(1, 100)) === 1);
  const producer = await trial.producer();
  const durable = { durability: { replicas: 1, timeout: 300 } };
  const payload = { ms: 1, durable: true };
  const count = trial.full ? 300 : 100;
  for (let index = 0; index < count; index++) await trial.add(producer, payload, durable);
  const before = trial.ackedAt.size;

  link.hole();
  link.refuse();
  const others = [];
  const calls = Array.from({ length: 50 }, () => producer.add({ n: -1, ...payload }, durable));
  for (let index = 0; index < count; index++) others.push(await trial.add(producer, { ms: 1 }));
  const answers = await Promise.allSettled(calls);
  const confirmed = answers.filter(({ status }) => status === 'fulfilled').length;
  const typed = answers.filter(({ reason }) => reason?.code === 'TASK_QUEUE_DURABILITY_UNCONFIRMED').length;
  const told = answers.every(({ reason }) => reason === undefined || reason.ids?.length === 1);
  await primary.kill();
  const promoted = new Redis(replica.url);
  await promoted.replicaof('NO', 'ONE');
  promoted.disconnect();
  await trial.auditor({ connection: replica.url });
  const { jobs, violations } = await (await trial.auditor()).audit();
  const present = new Set(jobs.map(({ n }) => n));
  const lostOf = (numbers) => numbers.filter((n) => !present.has(n)).length;
  const confirmedBefore = [...trial.ackedAt.keys()].slice(0, before);
  const figures = {
    primaryOnly: count,
    confirmed: before + confirmed,
    lostConfirmed: lostOf(confirmedBefore),
    unconfirmed: typed,
    lostPrimaryOnly: lostOf(others),
    violations,
  };
  trial.check(before === count, `${before} of ${count} jobs were confirmed before the cut`);
  trial.check(figures.lostConfirmed === 0, `${figures.lostConfirmed} confirmed jobs are lost`);
  trial.check(
    confirmed === 0 && typed === 50,
    `of 50 calls ${confirmed} were confirmed, ${typed} told that they were not`,
  );
  trial.check(told, 'each such error carries the id of its job');
  trial.check(figures.lostPrimaryOnly > 0, 'the link was cut: something must be lost');
  trial.check(violations.length === 0, `store: ${violations[0]}`);
  return figures;
}
