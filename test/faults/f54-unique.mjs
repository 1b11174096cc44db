// Unique jobs that let the next one wait while they run, over four processes that are killed and frozen: no two of a key wait at once, and
// no key stays taken.
import { runsOf } from './history.mjs';

export const id = 'F54';
export const name = 'unique';

const KEYS = Array.from({ length: 10 }, (_, index) => `customer-${index}`);
/** A job that waits for longer after a kill may have been reserved by the process that was killed: nobody knows when. */
const DOUBTFUL_MS = 500;

export async function run(trial) {
  const seconds = trial.full ? 120 : 12;
  await trial.redis();
  const producer = await trial.producer();
  const given = { concurrency: 1, prefetch: 0 };
  const workers = await trial.workers(4, given);
  const kills = [];
  let rounds = 0;
  const stop = trial.every(1500, async () => {
    const victim = workers.shift();
    if (rounds++ % 2 === 0) {
      victim.kill();
      kills.push(Date.now());
      workers.push(await trial.worker(given));
    } else {
      victim.kill('SIGSTOP');
      await trial.pause(500); // shorter than a lease: its job goes on
      victim.kill('SIGCONT');
      workers.push(victim);
    }
  });

  /** Key → the jobs that were stored, in order; `at`: when the call was back. */
  const stored = new Map(KEYS.map((key) => [key, []]));
  let kept = 0;
  const until = Date.now() + seconds * 1000;
  while (Date.now() < until) {
    const key = KEYS[Math.floor(trial.random() * KEYS.length)];
    const n = trial.nextNumber();
    const payload = { n, ms: trial.someMs(20, 60) };
    const job = await producer.queues.enqueue(trial.queue, payload, { unique: { key, until: 'started' } });
    if (job.created) {
      trial.calls.set(n, 'stored');
      stored.get(key).push({ n, at: Date.now() });
    } else kept++;
    await trial.pause(4);
  }
  stop();
  trial.faultEnded();
  await trial.drained();

  const figures = await trial.figures();
  const auditor = await trial.auditor();
  Object.assign(figures, pairsOf(stored, runsOf(trial.entries()), kills), {
    kept,
    rounds,
    taken: await auditor.redis.hlen(auditor.key('uniques')),
  });
  trial.judge(figures, { extraRuns: rounds + 1, recoveryMs: 20_000 });
  trial.check(figures.together === 0, `together is ${figures.together}: so often two jobs of a key waited at once`);
  trial.check(figures.judged >= 50, `judged is ${figures.judged}: too few jobs came behind others`);
  trial.check(kept >= 50, `kept is ${kept}: too few calls met a job that waited`);
  trial.check(figures.taken === 0, `taken is ${figures.taken}: so many keys stay with jobs that have ended`);
  return figures;
}

/** Of two jobs of a key, one after the other: the first was reserved before the second was stored. */
function pairsOf(stored, runs, kills) {
  const reserved = new Map(); // n → ms, by the clock of Redis: what the fence of its first run says
  for (const { n, fence } of runs) reserved.set(n, Math.min(reserved.get(n) ?? Infinity, fence / 1000));
  let judged = 0;
  let together = 0;
  for (const list of stored.values()) {
    for (let index = 1; index < list.length; index++) {
      const first = list[index - 1];
      const at = reserved.get(first.n);
      if (kills.some((kill) => first.at < kill + DOUBTFUL_MS && at > kill + DOUBTFUL_MS)) continue;
      judged++;
      // A millisecond is what the clocks round off.
      if (at > list[index].at + 1) together++;
    }
  }
  return { judged, together };
}
