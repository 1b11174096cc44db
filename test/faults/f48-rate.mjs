// A rate over four processes, while workers are killed and one blocks its loop: what starts in any window of it.
import { runsOf } from './history.mjs';

export const id = 'F48';
export const name = 'rate';

const LIMIT = 100;
const PER_MS = 1000;
/** A start counts for a hundredth of the window longer than the window. */
const COUNTS_MS = PER_MS * 1.01;

export async function run(trial) {
  const seconds = trial.full ? 600 : 12;
  await trial.redis();
  const producer = await trial.producer();
  await trial.fill(producer, LIMIT * (seconds + 5), () => ({ ms: trial.someMs(1, 5) }));
  const queueOptions = { limits: { rate: { limit: LIMIT, per: PER_MS } } };
  const workers = await trial.workers(4, { concurrency: 50, queueOptions });
  // Calm at first: how exactly starts come. Then kills, and a loop that blocks.
  await trial.pause((seconds * 1000) / 3);
  const calmUntil = Date.now();
  await trial.fill(producer, 1, () => ({ ms: 2000, act: 'busy' }), { priority: 9 });
  const stop = trial.every(1500, async () => {
    workers.shift()?.kill();
    workers.push(await trial.worker({ concurrency: 50, queueOptions }));
  });
  await trial.pause((seconds * 1000 * 2) / 3);
  stop();
  trial.faultEnded();

  // The fence of a lease is the time of its reservation, in µs by the clock of Redis.
  const starts = runsOf(trial.entries())
    .map(({ fence }) => fence / 1000)
    .sort((a, b) => a - b);
  const over = starts.filter((at, index) => index >= LIMIT && at - starts[index - LIMIT] < PER_MS).length;
  const late = starts
    .flatMap((at, index) => (index >= LIMIT && at < calmUntil ? [at - starts[index - LIMIT] - COUNTS_MS] : []))
    .sort((a, b) => a - b);
  const figures = {
    starts: starts.length,
    over,
    perSecond: Math.round(((starts.length - LIMIT) / (starts.at(-1) - starts[0])) * 10_000) / 10,
    lateMs: Math.round(late[Math.floor(late.length * 0.99)]),
  };
  trial.check(over === 0, `over is ${over}: so many starts were more than ${LIMIT} in a window`);
  trial.check(late.length >= LIMIT * 2, `${late.length} starts had to wait: too few to judge`);
  // The short profile shares two cores with other trials: it judges what may never be, not how fast it is.
  trial.check(figures.perSecond >= (trial.full ? 98 : 40), `perSecond is ${figures.perSecond}`);
  if (trial.full) trial.check(figures.lateMs <= 15, `a permitted start came ${figures.lateMs} ms late (p99)`);
  return figures;
}
