// Caps of many groups, some of them ordered, over four processes, while jobs are added, and workers are killed and frozen: never more of a
// group, none beside an ordered one, and no slot idle for long while a job waits that may start.
import { leasedRuns, longestIdle, mostOfGroups, outOfOrder } from './groups.mjs';
import { instant } from './history.mjs';

export const id = 'F52';
export const name = 'group-caps';

const CAP = 3;
const SLOTS = 10;
const WORKERS = 4;
const KEYS = Array.from({ length: 50 }, (_, index) => `k${index}`);
/** These have half of the jobs, so that their caps hold some back all the time. */
const BUSY = KEYS.slice(0, 5);
const ORDERED = Array.from({ length: 10 }, (_, index) => `o${index}`);
/** Their jobs outlive a lease: what a worker comes back to that was frozen for longer than its lease. */
const SLOW = ['slow0', 'slow1', 'slow2'];
/** While slots are free, a job that may start waits for no longer. */
const IDLE_MS = 500;

const isOrdered = (key) => key.startsWith('o');
const capOf = (key) => (isOrdered(key) ? 1 : CAP);

export async function run(trial) {
  await trial.redis();
  const producer = await trial.producer();
  /** n → its group, and when it was stored. */
  const jobs = new Map();
  const enqueue = async (count, payloadOf) => {
    const keys = new Map();
    const payload = (n) => {
      const { key, ms } = payloadOf();
      keys.set(n, key);
      return { key, ms };
    };
    const group = ({ key }) => ({ group: isOrdered(key) ? { key, ordered: true } : key });
    const numbers = await trial.fill(producer, count, payload, group);
    for (const n of numbers) jobs.set(n, { key: keys.get(n), storedAt: instant() });
  };
  const oneOf = (list) => list[Math.floor(trial.random() * list.length)];
  const quick = () => {
    const chance = trial.random();
    return { key: oneOf(chance < 0.5 ? BUSY : chance < 0.7 ? ORDERED : KEYS), ms: trial.someMs(20, 120) };
  };

  await enqueue(trial.full ? 5000 : 1000, quick);
  const given = { concurrency: SLOTS, queueOptions: { limits: { groups: { concurrency: CAP } } } };
  const workers = await trial.workers(WORKERS, given);
  let isAdding = true;
  const adding = (async () => {
    for (; isAdding; await trial.pause(250)) await enqueue(30, quick);
  })();

  const rounds = trial.full ? 40 : 7;
  for (let round = 0; round < rounds; round++) {
    await trial.pause(1200);
    const victim = workers.shift();
    if (round % 2 === 0) {
      victim.kill();
      workers.push(await trial.worker(given));
    } else {
      victim.kill('SIGSTOP');
      await trial.pause(500); // shorter than a lease: its jobs go on
      victim.kill('SIGCONT');
      workers.push(victim);
    }
  }
  const frozenAt = new Map();
  const slowMs = trial.leaseMs + 1000; // over when the frozen worker is back, and not where they run again
  await enqueue(SLOW.length * 7, () => ({ key: oneOf(SLOW), ms: slowMs }));
  const isSlow = ({ n }) => SLOW.includes(jobs.get(n)?.key);
  const slowOf = (worker) => worker.entries().filter((entry) => entry.type === 'start' && isSlow(entry)).length;
  await trial.until('slow jobs run', () => workers.reduce((sum, worker) => sum + slowOf(worker), 0) >= SLOW.length * 2);
  const [victim] = workers.toSorted((a, b) => slowOf(b) - slowOf(a));
  victim.kill('SIGSTOP');
  frozenAt.set(victim.pid, instant());
  await trial.pause(trial.leaseMs + 1500); // its jobs run elsewhere by now
  victim.kill('SIGCONT');
  trial.faultEnded();
  await trial.pause(trial.leaseMs + 2000);

  // Calm: no lease of a process that is gone holds a slot any more.
  const calmAt = instant();
  await trial.pause(trial.full ? 30_000 : 4000);
  isAdding = false;
  await adding;
  await trial.drained(180_000);

  const { groups } = await producer.queues.groups(trial.queue, { limit: 500 });
  const figures = await trial.figures();
  const runs = leasedRuns(trial.entries(), frozenAt);
  const keyOf = ({ n }) => jobs.get(n).key;
  Object.assign(figures, mostOfGroups(runs, keyOf, capOf), {
    rounds: rounds + 1,
    outlived: runs.filter(({ isOutlived }) => isOutlived).length,
    disordered: outOfOrder(runs, keyOf, isOrdered),
    longestIdleMs: longestIdle(runs, jobs, { from: calmAt, slots: SLOTS * WORKERS, capOf }),
    wedged: groups.filter(({ waiting, running }) => waiting + running > 0).length,
  });
  const mayRepeat = (rounds / 2 + 2) * SLOTS;
  trial.judge(figures, { extraRuns: mayRepeat, overlaps: SLOTS * 2, recoveryMs: 20_000 });
  trial.check(figures.over === 0, `over is ${figures.over}: so many starts were beyond the cap of their group`);
  trial.check(figures.most === CAP, `most is ${figures.most}: the caps of ${CAP} were not reached, or passed`);
  trial.check(figures.outlived > 0, 'outlived is 0: no run went on after its lease was lost');
  trial.check(figures.disordered === 0, `disordered is ${figures.disordered}: so many began before an older one`);
  trial.check(figures.wedged === 0, `wedged is ${figures.wedged}: so many groups still have jobs`);
  const idleMs = IDLE_MS * trial.patience;
  trial.check(
    figures.longestIdleMs <= idleMs,
    `longestIdleMs is ${figures.longestIdleMs}: a job that might start waited longer than ${idleMs} ms beside a free slot`,
  );
  trial.check(figures.completed === jobs.size, `${figures.completed} of ${jobs.size} completed`);
  return figures;
}
