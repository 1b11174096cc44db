// The primary behind three sentinels hangs for 12 s (9 s in the short profile) and is replaced after some 4 s; it closes no connection, and when it goes on
// it takes itself for the primary for a moment. 200 enqueues a second meanwhile.
import { startSentinels } from './server-groups.mjs';
import { instant } from './history.mjs';

export const id = 'F43';
export const name = 'primary-hangs';
export const systems = ['bullmq'];

/** The built-in `commandTimeout`; a call is given up where no time is left for another attempt. */
const DEADLINE_MS = 5000 - 500;

export async function run(trial) {
  const hangsMs = trial.full ? 12_000 : 9000;
  const { primaryNow, connection } = await startSentinels(trial, 3500);
  const producer = await trial.producer({ connection });
  await trial.workers(2, { connection });
  const primary = await primaryNow();
  const load = trial.load(producer, { perSecond: trial.full ? 200 : 100 });
  await trial.pause(2000);
  const hungAt = instant();
  primary.pause();
  const next = await trial.until('a replica is promoted', async () => {
    const now = await primaryNow().catch(() => primary);
    return now !== primary && now;
  });
  const promotedAt = trial.faultEnded();
  await trial.pause(Math.max(0, hungAt + hangsMs - promotedAt));
  primary.resume();
  await trial.pause(4000);
  await load.stop();
  await trial.auditor({ connection: next.url });
  await trial.drained();
  const figures = await trial.figures();
  // Redis replicates after it has answered: what was on its way as it stopped is Redis' own to lose.
  const jobs = new Set(figures.jobs.map(({ n }) => n));
  const lost = [...trial.ackedAt].filter(([n]) => !jobs.has(n));
  const lostBefore = lost.filter(([, at]) => at < hungAt + 100).length;
  figures.lostUnconfirmed = lostBefore;
  figures.lost -= lostBefore;
  const enqueuedMs = Math.min(...[...trial.ackedAt.values()].filter((at) => at > promotedAt)) - promotedAt;
  const early = trial.rejections.filter(({ calledAt, at }) => at < calledAt + DEADLINE_MS);
  Object.assign(figures, {
    promotedMs: Math.round(promotedAt - hungAt),
    enqueuedMs: Math.round(enqueuedMs),
    rejected: trial.rejections.length,
    rejectedEarly: early.length,
    longestCallMs: trial.longestCallMs,
  });
  // Completions may be lost with the old primary, and their jobs run once more.
  trial.judge(figures, { extraRuns: 20, overlaps: 20, recoveryMs: 2000 });
  trial.check(enqueuedMs < 2000 * trial.patience, `the next enqueue was stored after ${enqueuedMs} ms`);
  trial.check(early.length === 0, `${early.length} enqueues were rejected with time left: ${early[0]?.text}`);
  return figures;
}
