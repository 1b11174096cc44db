// A group of a small weight that has one job at a time, and the next as soon as that has ended, beside groups with many, while workers
// are killed: it gets no more starts than its weight.
import { runsOf } from './history.mjs';

export const id = 'F53';
export const name = 'shares';

const STAYING = Array.from({ length: 8 }, (_, index) => `many${index}`);
/** Of the group that comes again and again, against 1 of each that stays. */
const WEIGHT = 0.25;
/** Killed jobs start twice, and what is reserved together starts in any order. */
const SLACK = 4;

export async function run(trial) {
  const each = trial.full ? 1000 : 60;
  await trial.redis();
  const producer = await trial.producer();
  const keys = new Map();
  const payload = (n) => {
    keys.set(n, STAYING[n % STAYING.length]);
    return { key: keys.get(n), ms: 20 };
  };
  await producer.queues.setGroup(trial.queue, 'comer', { weight: WEIGHT });
  await trial.fill(producer, each * STAYING.length, payload, ({ key }) => ({ group: key }));
  const given = { concurrency: 1, prefetch: 0 };
  const workers = await trial.workers(2, given);

  let isComing = true;
  const coming = (async () => {
    while (isComing) {
      const n = trial.nextNumber();
      keys.set(n, 'comer');
      trial.calls.set(n, 'open');
      const job = await producer.queues.enqueue(trial.queue, { n, ms: 20 }, { group: 'comer' });
      trial.calls.set(n, 'stored');
      await job.result();
    }
  })();
  const auditor = await trial.auditor();
  const left = async () => (await auditor.counts()).ready / STAYING.length;
  for (const share of [0.7, 0.4]) {
    await trial.until('some jobs have run', async () => (await left()) < each * share, 120_000);
    workers.shift().kill();
    workers.push(await trial.worker(given));
  }
  trial.faultEnded();
  await trial.until('most jobs have run', async () => (await left()) < each * 0.1, 120_000);
  isComing = false;
  await coming;
  await trial.drained();

  const figures = await trial.figures();
  Object.assign(figures, sharesOf(runsOf(trial.entries()), keys));
  trial.judge(figures, { extraRuns: 4, recoveryMs: 20_000 });
  const { comer, most, least } = figures;
  const share = Math.ceil(most * WEIGHT);
  trial.check(comer <= share + SLACK, `comer is ${comer}: its share beside ${most} of each other group is ${share}`);
  trial.check(comer >= share / 2, `comer is ${comer}: less than half of its share, ${share}`);
  trial.check(most - least <= SLACK, `groups that stayed started ${least} to ${most} jobs`);
  return figures;
}

/** Starts of each group while all of them had jobs: from the first of the one that comes again to its last. */
function sharesOf(runs, keys) {
  const ofComer = runs.filter(({ n }) => keys.get(n) === 'comer');
  const [from, to] = [ofComer[0].from, ofComer.at(-1).from];
  const counts = new Map(STAYING.map((key) => [key, 0]));
  for (const { n, from: at } of runs) {
    const key = keys.get(n);
    if (key !== 'comer' && at >= from && at <= to) counts.set(key, counts.get(key) + 1);
  }
  return { comer: ofComer.length, most: Math.max(...counts.values()), least: Math.min(...counts.values()) };
}
