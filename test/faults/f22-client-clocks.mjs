// Workers whose wall clock is an hour ahead or behind, or jumps: delayed jobs run on time, leases do not care, ticks
// come when Redis says so.
import { instant } from './history.mjs';

export const id = 'F22';
export const name = 'client-clocks';
export const systems = ['bullmq'];

const HOUR = 3_600_000;

export async function run(trial) {
  const { leaseMs, ours } = trial;
  await trial.redis();
  const producer = await trial.producer();
  const schedules = ours ? { every: { expression: '* * * * * *' } } : undefined;
  const dueAt = new Map();
  const delayed = async (count, who, baseMs = 1000) => {
    for (let index = 0; index < count; index++) {
      const delay = baseMs + Math.floor(2000 * trial.random());
      const calledAt = instant();
      const n = await trial.add(producer, { ms: 1 }, { delay });
      dueAt.set(n, { who, from: calledAt + delay, to: instant() + delay });
    }
  };
  const longestMs = trial.full ? 28_000 : 1000;
  // Alone, so that nobody else's clock can help.
  for (const clockOffsetMs of [HOUR, -HOUR]) {
    const worker = await trial.worker({ clockOffsetMs, schedules });
    await delayed(trial.full ? 100 : 50, clockOffsetMs > 0 ? 'ahead' : 'behind', longestMs);
    await trial.pause(longestMs + 3500);
    worker.kill('SIGTERM');
    await Promise.race([worker.exited, trial.pause(5000)]);
    worker.kill();
  }
  // Together, with jobs that outlast their lease, while clocks jump.
  const workers = await Promise.all(
    [HOUR, 0, -HOUR].map((clockOffsetMs) => trial.worker({ clockOffsetMs, schedules })),
  );
  await trial.fill(producer, 6, () => ({ ms: 2.5 * leaseMs }));
  await delayed(30, 'together');
  for (let jumps = 0; jumps < 4; jumps++) {
    await trial.pause((2.5 * leaseMs) / 4);
    for (const { child } of workers) child.send({ clockOffsetMs: (trial.random() - 0.5) * 1_200_000 });
  }
  await trial.pause(1000);
  for (const worker of workers.slice(1)) worker.kill('SIGTERM');
  await trial.pause(1000);
  const auditor = await trial.auditor();
  // One instance is left to fire: there is always a tick to come, never a backlog.
  await trial.until('no job waits', async () => (await auditor.counts()).scheduled === 0, 10_000).catch(() => {});
  workers[0].kill('SIGTERM');
  await Promise.race([workers[0].exited, trial.pause(5000)]);

  const { jobs } = await auditor.audit();
  for (const { n } of jobs) if (typeof n === 'string') trial.calls.set(n, 'tick');
  const figures = await trial.figures();
  const starts = trial.entries().filter(({ type }) => type === 'start');
  const firstStart = new Map();
  for (const { n, at } of starts) firstStart.set(n, Math.min(at, firstStart.get(n) ?? Infinity));
  const offsets = [...dueAt].map(([n, due]) => {
    const at = firstStart.get(n) ?? Infinity;
    return { who: due.who, early: due.from - at, late: at - due.to };
  });
  const wall = Date.now() - instant();
  const ticks = starts.filter(({ tick }) => tick !== undefined).map(({ at, tick }) => at + wall - tick);
  const early = offsets.filter(({ early: by }) => by > 5);
  const late = offsets.filter(({ late: by }) => by > 2000 * trial.patience);
  const of = (list, whose) => list.filter(({ who }) => who === whose).length;
  Object.assign(figures, {
    delayed: dueAt.size,
    early: early.length,
    earliestMs: Math.round(Math.max(0, ...offsets.map(({ early: by }) => by))),
    late: late.length,
    aheadEarly: `${of(early, 'ahead')} of ${of(offsets, 'ahead')}`,
    behindLate: `${of(late, 'behind')} of ${of(offsets, 'behind')}`,
    ...(ours && {
      ticks: ticks.length,
      tickEarlyMs: Math.round(Math.max(0, -Math.min(...ticks))),
      tickLateMs: Math.round(Math.max(...ticks)),
    }),
  });
  trial.judge(figures);
  trial.check(early.length === 0, `${early.length} delayed jobs ran early, by ${figures.earliestMs} ms`);
  trial.check(late.length === 0, `${late.length} delayed jobs ran more than 2 s late or never`);
  if (ours) trial.check(figures.tickEarlyMs <= 5, `a tick ran ${figures.tickEarlyMs} ms early`);
  return figures;
}
