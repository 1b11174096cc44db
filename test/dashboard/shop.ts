import { Injectable } from '@nestjs/common';
import { Cron, Processor, QueueService, ScheduleService, UnrecoverableError, type Job } from 'nestjs-task-queue';
import type { DashboardModuleOptions } from 'nestjs-task-queue/dashboard';
import { STORE } from '../../src/core/constants.js';
import type { Store } from '../../src/core/ports/store.js';
import { startDashboard, type DashboardApp, type Platform } from '../support/dashboard-apps.js';

/** Would run, if any of it became markup. */
export const HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';

@Injectable()
class Shop {
  private begin: () => void = () => undefined;
  readonly resizing = new Promise<void>((resolve) => (this.begin = resolve));

  @Processor('mail')
  send(job: Job<{ to: string; fails?: string }>) {
    job.log(`to ${job.payload.to}`);
    if (job.payload.fails !== undefined) throw new UnrecoverableError(job.payload.fails);
    return { sent: job.payload.to };
  }

  @Processor('images', { concurrency: 2 })
  async resize(job: Job<{ file: string }>) {
    job.progress({ percent: 40, step: HOSTILE });
    job.log(HOSTILE);
    this.begin();
    // Until it is cancelled, or the app ends.
    await new Promise<void>((resolve) => {
      if (job.signal.aborted) resolve();
      job.signal.addEventListener('abort', () => resolve());
    });
  }

  @Processor('exports')
  export() {}

  @Cron('0 3 * * *', { name: 'nightly', queue: 'reports' })
  report() {
    return 'done';
  }
}

export interface SeededShop extends DashboardApp {
  queues: QueueService;
  /** Numbers of dead jobs, in the order of their enqueue. */
  dead: string[];
  /** Of the job that runs. */
  running: string;
}

/** A job that never ends by itself must not hold the end of its app up. */
const taskQueue = { connection: 'memory://', shutdown: { grace: '50ms' } };

/** An app with jobs in all states that its pages show: dead ones, one that runs, delayed ones, a paused queue, schedules, groups, bulk operations. */
export async function startShop(platform: Platform, dashboard: DashboardModuleOptions = {}): Promise<SeededShop> {
  const board = await startDashboard({ platform, dashboard, taskQueue, metadata: { providers: [Shop] } });
  const queues = board.app.get(QueueService);
  const record = JSON.stringify({ state: 'firing', since: Date.now() - 60_000, value: 3 });
  const fired = { rule: 'oldestReady:mail', queue: 'mail', seen: undefined, record };
  await board.app.get<Store>(STORE, { strict: false }).alerts.change('default', [fired]);
  const dead = [];
  for (const fails of ['connect ECONNREFUSED 10.0.0.17:587', 'connect ECONNREFUSED 10.0.0.17:587', HOSTILE]) {
    const job = await queues.enqueue('mail', { to: HOSTILE, fails, user: { id: 42 } });
    await job.result().catch(() => undefined);
    dead.push(job.number);
  }
  await (await queues.enqueue('mail', { to: 'ada' })).result();
  for (let n = 0; n < 3; n++) await queues.enqueue('mail', { to: `later-${n}` }, { delay: '1h' });
  const run = await queues.enqueue('images', { file: HOSTILE });
  await board.app.get(Shop).resizing;
  await queues.pause('reports');
  await queues.pause('exports');
  for (const group of ['acme', 'acme', 'tiny|co']) await queues.enqueue('exports', { of: HOSTILE }, { group });
  await queues.setGroup('exports', 'acme', { weight: 2, rate: { limit: 5, per: '1m' } });
  await queues.setGroup('exports', 'tiny|co', { paused: true });
  await queues.setLimits('exports', { concurrency: 4, groups: { concurrency: 1, share: 'time' } });
  const album = { key: 'album', ordered: true };
  for (let n = 0; n < 2; n++) await queues.enqueue('images', { file: HOSTILE }, { group: album });
  // One operation has ended, and one runs for minutes.
  await (await queues.bulk('mail', { where: 'error:"<img src=x onerror=x>"', action: 'retry' })).done();
  for (let n = 0; n < 3; n++) await queues.enqueue('exports', { of: n }, { delay: '2h' });
  await queues.bulk('exports', { where: 'state:scheduled', action: 'cancel', rate: 0.01 });
  await board.app.get(ScheduleService).upsert('made', { queue: 'reports', every: '1h', payload: { of: HOSTILE } });
  return { ...board, queues, dead, running: run.number };
}
