// A handler that blocks the event loop beyond the stall limit loses its job to another worker, and is told.
// The limit is 60 s; a copy of the build with 3 s saves the minute.
import { copyBuild } from './build-copy.mjs';

export const id = 'F04B';
export const name = 'stalled-loop';

export async function run(trial) {
  const { leaseMs } = trial;
  const stallLimitMs = 3000;
  const change = {
    file: 'options/defaults.js',
    from: 'stallLimitMs: 60 * SECOND',
    to: `stallLimitMs: ${stallLimitMs}`,
  };
  const dist = copyBuild('stall-limit', [change], trial.dist);
  await trial.redis();
  const producer = await trial.producer();
  const stalled = await trial.worker({ dist, concurrency: 1 });
  const busyMs = stallLimitMs + 3 * leaseMs + 2000;
  await trial.fill(producer, 1, () => ({ act: 'busyThenHeed', ms: busyMs }));
  await trial.until('it runs', () => stalled.entries().some(({ type }) => type === 'start'));
  const other = await trial.worker({ dist, concurrency: 1, calm: true });
  await trial.drained(60_000);
  await trial.until('the first run has ended', () => stalled.entries().some(({ type }) => type === 'end'), 60_000);
  await trial.pause(leaseMs);
  const figures = await trial.figures();
  const [first] = stalled.entries().filter(({ type }) => type === 'start');
  const end = stalled.entries().find(({ type }) => type === 'end');
  const [second] = other.entries().filter(({ type }) => type === 'start');
  figures.takenOverMs = Math.round(second ? second.at - first.at : Infinity);
  figures.crashes = await (await trial.auditor()).redis.hlen((await trial.auditor()).key('crashes'));
  trial.judge(figures, { extraRuns: 1, overlaps: 1 });
  const told = stalled.entries().find(({ type }) => type === 'abort');
  figures.toldMs = Math.round(told ? told.at - first.at - busyMs : Infinity);
  trial.check(
    figures.takenOverMs <= stallLimitMs + leaseMs + 3000 * trial.patience,
    `taken over after ${figures.takenOverMs} ms`,
  );
  trial.check(stalled.output.includes('stood still'), 'the process says that its loop stood still');
  trial.check(end !== undefined, 'the stalled run ends');
  trial.check(told?.reason === 'lease-lost', `its signal says ${told?.reason}`);
  trial.check(figures.toldMs <= 2000 * trial.patience, `it was told ${figures.toldMs} ms after it woke`);
  trial.check(figures.crashes === 0, 'who was only slow takes the crash count back');
  return figures;
}
