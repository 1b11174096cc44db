import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable, Scope, UseGuards, type INestApplicationContext, type Provider } from '@nestjs/common';
import { Observable } from 'rxjs';
import {
  noWorkers,
  oldestDead,
  oldestReady,
  OnQueueAlert,
  Payload,
  Processor,
  QueueService,
  UnrecoverableError,
  type Job,
  type OnQueueAlertOptions,
  type QueueAlert,
  type TaskQueueModuleOptions,
} from 'nestjs-task-queue';
import type { AlertWatch } from '../../src/alerts/alert-watch.js';
import { TaskQueueLifecycle } from '../../src/module/lifecycle.js';
import { bootError, closeApps, gate, startApp, STORES, type RunningApp } from '../support/apps.js';

afterEach(closeApps);

/** One look of this app's watch, without waiting for its timer. */
function look(app: INestApplicationContext): Promise<void> {
  return app.get<{ alerts: AlertWatch }>(TaskQueueLifecycle).alerts.runOnce();
}

@Injectable()
class Mails {
  @Processor('mail', { maxAttempts: 1 })
  send({ payload }: Job<string>) {
    if (payload === 'dies') throw new UnrecoverableError('no');
  }
}

/** A provider whose method hears of alerts. */
function pagerOf(heard: QueueAlert[], options?: OnQueueAlertOptions, answer: () => unknown = () => undefined) {
  @Injectable()
  class Pager {
    @OnQueueAlert(options)
    page(alert: QueueAlert) {
      heard.push(alert);
      return answer();
    }
  }
  return Pager;
}

describe.each(STORES)('alerts on $name', ({ options }) => {
  const alerts = [oldestDead('mail', 1), oldestReady('*', '1h')];

  async function startTwo(shared: TaskQueueModuleOptions, of: (heard: QueueAlert[]) => Provider[]) {
    const heard: QueueAlert[][] = [[], []];
    const apps: RunningApp[] = [];
    for (const each of heard) apps.push(await startApp({ providers: [Mails, ...of(each)] }, { alerts, ...shared }));
    return { heard, apps: apps.map(({ app }) => app), logs: apps.map(({ logs }) => logs) };
  }

  async function bury(app: INestApplicationContext): Promise<string> {
    const job = await app.get(QueueService).enqueue('mail', 'dies');
    await expect(job.result()).rejects.toThrow('no');
    // The clock of the store counts whole milliseconds.
    const died = await app.get(QueueService).enqueue('mail', 'lives', { delay: 2 });
    await died.result();
    return job.id;
  }

  it('call one method of one app for each change, and answer what fires', async () => {
    const { heard, apps } = await startTwo(options(), (each) => [pagerOf(each)]);
    const [one, two] = apps;
    const lookTwice = async () => {
      for (const app of [one, two, one, two]) await look(app);
    };
    await lookTwice();
    expect(heard.flat()).toEqual([]);
    const id = await bury(one);
    await lookTwice();
    expect(heard.flat()).toEqual([
      { rule: 'oldestDead:mail', queue: 'mail', state: 'firing', since: expect.any(Date), value: expect.any(Number) },
    ]);
    const [{ since, value }] = heard.flat();
    expect(value).toBeGreaterThanOrEqual(1);
    expect(await two.get(QueueService).alerts()).toEqual([
      { app: 'default', rule: 'oldestDead:mail', queue: 'mail', state: 'firing', since, value: expect.any(Number) },
    ]);
    await one.get(QueueService).remove('mail', id);
    await lookTwice();
    expect(heard.flat().map(({ state }) => state)).toEqual(['firing', 'resolved']);
    expect(await one.get(QueueService).alerts()).toEqual([]);
  });

  it('call one method where both apps look at the same time', async () => {
    const { heard, apps } = await startTwo(options(), (each) => [pagerOf(each)]);
    await bury(apps[0]);
    await Promise.all(apps.map(look));
    await Promise.all(apps.map(look));
    expect(heard.flat()).toHaveLength(1);
  });

  it('are told by another app where the first one goes before its method has ended', async () => {
    const called = gate();
    const never = gate();
    const shared = options();
    const lost: QueueAlert[] = [];
    const pager = pagerOf(lost, undefined, () => (called.open(), never.promise));
    const { app: first } = await startApp({ providers: [Mails, pager] }, { ...shared, alerts });
    await bury(first);
    const looking = look(first);
    await called.promise;
    await first.close();
    await looking;
    expect(lost).toHaveLength(1);
    const { app: second } = await startApp({ providers: [Mails, pagerOf(lost)] }, { ...shared, alerts });
    await look(second);
    await look(second);
    expect(lost.map(({ state }) => state)).toEqual(['firing', 'firing']);
    expect(await second.get(QueueService).alerts()).toHaveLength(1);
  });

  it.each<[string, () => unknown, string]>([
    ['throws', () => { throw new Error('at once'); }, 'at once'], // prettier-ignore
    ['rejects', async () => Promise.reject(new Error('later')), 'later'],
    ['returns an Observable that fails', () => new Observable((to) => to.error(new Error('stream'))), 'stream'],
  ])('go on where a method %s', async (_what, answer, message) => {
    const { heard, apps, logs } = await startTwo(options(), (each) => [pagerOf(each, undefined, answer)]);
    const id = await bury(apps[0]);
    for (const app of apps) await look(app);
    await apps[0].get(QueueService).remove('mail', id);
    for (const app of apps) await look(app);
    expect(heard.flat().map(({ state }) => state)).toEqual(['firing', 'resolved']);
    const lines = logs.flatMap((each) => each.matching(/Pager\.page threw/));
    expect(lines.map((line) => line.includes(message))).toEqual([true, true]);
  });

  it('fire where no worker is left: a producer looks, too', async () => {
    const shared = options();
    const heard: QueueAlert[] = [];
    const { app } = await startApp(
      { providers: [pagerOf(heard)] },
      { ...shared, role: 'producer', queues: { mail: {} }, alerts: [noWorkers('mail', { for: 0 })] },
    );
    await look(app);
    const job = await app.get(QueueService).enqueue('mail', 'x');
    await look(app);
    await look(app);
    expect(heard).toMatchObject([{ rule: 'noWorkers:mail', queue: 'mail', state: 'firing', value: 1 }]);
    const { app: worker } = await startApp({ providers: [Mails] }, shared);
    await job.result();
    await look(app);
    expect(heard.map(({ state }) => state)).toEqual(['firing', 'resolved']);
    expect(await worker.get(QueueService).alerts()).toEqual([]);
  });

  it('are those of each app by itself, and are shown to all', async () => {
    const shared = options();
    const [shopHeard, deskHeard]: QueueAlert[][] = [[], []];
    const rules = { alerts: [oldestDead('mail', 1, { name: 'dead' })] };
    const { app: shop } = await startApp(
      { providers: [Mails, pagerOf(shopHeard)] },
      { ...shared, ...rules, app: 'shop' },
    );
    const { app: desk } = await startApp(
      { providers: [Mails, pagerOf(deskHeard)] },
      { ...shared, ...rules, app: 'desk' },
    );
    await bury(shop);
    await look(shop);
    await look(desk);
    expect([shopHeard.length, deskHeard.length]).toEqual([1, 1]);
    const fired = await desk.get(QueueService).alerts();
    expect(fired.map(({ app, rule }) => [app, rule]).sort()).toEqual([
      ['desk', 'dead'],
      ['shop', 'dead'],
    ]);
  });

  it('reach the methods whose filter they fit', async () => {
    const [all, ofRule, ofOther, ofQueue]: QueueAlert[][] = [[], [], [], []];
    const { app } = await startApp(
      {
        providers: [
          { provide: 'a', useClass: pagerOf(all) },
          { provide: 'b', useClass: pagerOf(ofRule, { rule: 'oldestDead:mail' }) },
          { provide: 'c', useClass: pagerOf(ofOther, { rule: 'oldestReady:*', queue: 'mail' }) },
          { provide: 'd', useClass: pagerOf(ofQueue, { queue: 'mail' }) },
          Mails,
        ],
      },
      { ...options(), alerts },
    );
    await bury(app);
    await look(app);
    expect([all, ofRule, ofOther, ofQueue].map(({ length }) => length)).toEqual([1, 1, 0, 1]);
  });
});

describe('@OnQueueAlert', () => {
  const alerts = [oldestReady('mail', '1m'), noWorkers('orders')];
  const memory: TaskQueueModuleOptions = { connection: 'memory://', alerts, queues: { mail: {}, orders: {} } };
  const code = (name: string) => `TASK_QUEUE_${name}`;

  it.each<[string, OnQueueAlertOptions, string, RegExp]>([
    ['a rule that is not there', { rule: 'oldestRedy:mail' }, 'INVALID_VALUE', /Did you mean "oldestReady:mail"\?/],
    [
      'a queue that no rule is about',
      { queue: 'images' },
      'INVALID_VALUE',
      /no rule that it hears of is about this queue/i,
    ],
    [
      'a queue that its rule is not about',
      { rule: 'noWorkers:orders', queue: 'mail' },
      'INVALID_VALUE',
      /noWorkers:orders/,
    ],
    ['no name of a queue', { queue: 'a b' }, 'INVALID_VALUE', /queue of @OnQueueAlert on Pager\.page/],
    ['an unset rule', { rule: undefined }, 'INVALID_VALUE', /rule in @OnQueueAlert on Pager\.page/],
    ['another option', { queues: 'mail' } as never, 'UNKNOWN_OPTION', /Did you mean "queue"\?/],
    ['a text', 'mail' as never, 'INVALID_VALUE', /options of @OnQueueAlert on Pager\.page/],
  ])('refuses %s', async (_what, given, expected, message) => {
    const error = await bootError({ providers: [pagerOf([], given)] }, memory);
    expect(error).toMatchObject({ code: code(expected), message: expect.stringMatching(message) });
  });

  it('refuses what cannot be called, as @OnQueueEvent does', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Scoped {
      @OnQueueAlert()
      page() {}
    }
    class Guarded {
      @OnQueueAlert()
      @UseGuards(class {})
      page() {}
    }
    class WithPayload {
      @OnQueueAlert()
      page(@Payload() alert: unknown) {
        return alert;
      }
    }
    class Twice {
      @OnQueueAlert()
      @OnQueueAlert()
      page() {}
    }
    for (const [provider, message] of [
      [Scoped, /Scoped is made per request, and an alert belongs to none/],
      [Guarded, /guards do not run around listeners of alerts/],
      [WithPayload, /a listener gets the alert alone.*Write page\(alert: QueueAlert\)/],
      [Twice, /Twice\.page has @OnQueueAlert twice/],
    ] as const) {
      const error = await bootError({ providers: [provider] }, memory);
      expect(error).toMatchObject({ code: code('CONFIGURATION'), message: expect.stringMatching(message) });
    }
  });

  it('warns where forRoot has no alerts, and boots', async () => {
    const { app, logs } = await startApp({ providers: [pagerOf([])] });
    expect(logs.matching(/Pager\.page is never called for alerts: forRoot of this process has none/)).toHaveLength(1);
    expect(await app.get(QueueService).alerts()).toEqual([]);
  });

  it('starts no worker', async () => {
    const { app, logs } = await startApp({ providers: [pagerOf([])] }, memory);
    expect(logs.matching(/SIGTERM/)).toEqual([]);
    expect(app.get(TaskQueueLifecycle).engine.supervisor.queues).toEqual([]);
  });
});

describe('rules in forRoot', () => {
  it('about a queue that the app does not know stop the boot', async () => {
    const error = await bootError(
      { providers: [Mails] },
      { connection: 'memory://', alerts: [oldestReady('mial', '1m')] },
    );
    expect(error).toMatchObject({ code: 'TASK_QUEUE_UNKNOWN_QUEUE', nearest: 'mail' });
  });

  it('that cannot be read stop the boot', async () => {
    const error = await bootError({}, { connection: 'memory://', alerts: ['mail'] as never });
    expect(error).toMatchObject({ code: 'TASK_QUEUE_INVALID_VALUE', what: 'alerts[0]' });
  });

  it('keep no process alive', async () => {
    const { app } = await startApp(
      { providers: [Mails] },
      { connection: 'memory://', alerts: [oldestReady('mail', '1m')] },
    );
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    await look(app);
    expect(timers()).toBe(before);
  });
});
