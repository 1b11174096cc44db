import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Controller,
  Injectable,
  SetMetadata,
  UnauthorizedException,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { APP_GUARD, Reflector } from '@nestjs/core';
import { Processor, QueueService } from 'nestjs-task-queue';
import {
  OnDashboardAction,
  TaskQueueDashboardModule,
  type DashboardAccess,
  type DashboardActionEvent,
} from 'nestjs-task-queue/dashboard';
import { STORE } from '../../src/core/constants.js';
import type { Store } from '../../src/core/ports/store.js';
import { Fields } from '../../src/dashboard/fields.js';
import { ROUTE_TABLE } from '../../src/dashboard/routes/route-table.js';
import { DASHBOARD_ACTIONS, type DashboardAction } from '../../src/dashboard/wire.js';
import { bootError, closeApps } from '../support/apps.js';
import { ask, PLATFORMS, startDashboard } from '../support/dashboard-apps.js';

afterEach(closeApps);

@Injectable()
class Mailer {
  @Processor('mail')
  send() {}

  @Processor('bills')
  bill() {}
}

/** A controller may listen as well as a provider. */
@Controller()
class Audit {
  static events: DashboardActionEvent[] = [];

  @OnDashboardAction()
  note(event: DashboardActionEvent) {
    Audit.events.push(event);
  }
}

const roleOf = (context: ExecutionContext): string =>
  context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-role'] ?? '';

/** Bodies that pass every check but that of rights. */
const BODIES: Record<string, object> = {
  'job.retry': { ids: ['999'] },
  'job.cancel': { ids: ['999'] },
  'job.remove': { ids: ['999'] },
  'job.promote': { ids: ['999'] },
  'job.enqueue': { payload: {} },
  'bulk.retry': { where: 'name:none' },
  'bulk.cancel': { where: 'name:none' },
  'bulk.remove': { where: 'name:none' },
  'bulk.promote': { where: 'name:none' },
  'bulk.stop': { id: 'none' },
  'group.set': { key: 'none', rule: null },
  'queue.purge': { state: 'dead', confirm: 'mail' },
  'queue.limits': { limits: null },
  'schedule.run': { name: 'none' },
  'schedule.pause': { name: 'none' },
  'schedule.resume': { name: 'none' },
  'schedule.remove': { name: 'none' },
  'schedule.edit': { name: 'none', cron: '0 0 * * *' },
};

const ROLES: { role: string; access: DashboardAccess; can: readonly DashboardAction[]; looks: boolean }[] = [
  { role: 'nobody', access: 'none', can: [], looks: false },
  { role: 'reader', access: 'read', can: [], looks: true },
  { role: 'admin', access: 'all', can: DASHBOARD_ACTIONS, looks: true },
  ...DASHBOARD_ACTIONS.map((action) => ({
    role: `only ${action}`,
    access: { user: action, can: [action] },
    can: [action],
    looks: true,
  })),
  // Who may begin operations may do to all jobs what they may do to one.
  ...(['job.retry', 'job.cancel', 'job.remove', 'job.promote'] as const).map((action) => ({
    role: `bulk.run and ${action}`,
    access: { can: ['bulk.run' as const, action] },
    can: ['bulk.run' as const, action],
    looks: true,
  })),
];

describe.each(PLATFORMS)('roles on %s', (platform) => {
  it.each([false, true])('may do what the table says, route by route (readOnly: %s)', async (readOnly) => {
    const board = await startDashboard({
      platform,
      metadata: { providers: [Mailer], controllers: [Audit] },
      dashboard: {
        readOnly,
        authorize: (context) => ROLES.find(({ role }) => role === roleOf(context))?.access ?? 'none',
      },
    });
    const wrong: string[] = [];
    for (const { role, can, looks } of ROLES) {
      const headers = { 'x-role': role };
      for (const row of ROUTE_TABLE) {
        if (row.kind === 'page' || row.kind === 'asset' || row.kind === 'stream') continue;
        const query = row.route.about === 'queue' ? { queue: 'mail' } : undefined;
        const fields = Fields.ofBody({ ...BODIES[row.name] }, row.route.takes, row.name);
        const needs = [row.route.needs ?? [], row.route.alsoNeeds?.(fields) ?? []].flat();
        const isAllowed = looks && needs.every((action) => can.includes(action) && !readOnly);
        const answer =
          row.kind === 'action'
            ? await board.act(row.name, { queue: 'mail', ...BODIES[row.name] }, headers)
            : await board.get(row.name, query, { headers });
        if ((answer.status !== 403) !== isAllowed) wrong.push(`${role} at ${row.name}: ${answer.status}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('sees its queues alone', async () => {
    const board = await startDashboard({
      platform,
      metadata: { providers: [Mailer] },
      dashboard: { authorize: () => ({ user: 'ada', queues: ['mail'], can: 'all' }) },
    });
    expect((await board.get('overview')).json.queues).toMatchObject([{ queue: 'mail' }]);
    const wrong: string[] = [];
    for (const row of ROUTE_TABLE) {
      if (row.kind === 'page' || row.kind === 'asset' || row.route.about !== 'queue') continue;
      const { status } =
        row.kind === 'action'
          ? await board.act(row.name, { queue: 'bills', ...BODIES[row.name] })
          : await board.get(row.name, { queue: 'bills' });
      if (status !== 403) wrong.push(`${row.name}: ${status}`);
    }
    expect(wrong).toEqual([]);
    expect((await board.get('live', { queue: 'bills' })).status).toBe(403);
    expect((await board.get('doctor')).status).toBe(403);
    expect((await board.get('bulks', { queue: 'bills' })).status).toBe(403);
    const { processes } = (await board.get('processes')).json as { processes: { queues: { queue: string }[] }[] };
    expect(processes.flatMap(({ queues }) => queues.map(({ queue }) => queue)).filter((q) => q !== 'mail')).toEqual([]);
  });

  it('sees alerts of its queues alone', async () => {
    const alertsFor = async (queues: string[] | undefined) => {
      const board = await startDashboard({
        platform,
        taskQueue: { connection: 'memory://', queues: { mail: {}, bills: {} } },
        dashboard: { authorize: () => ({ user: 'ada', ...(queues && { queues }), can: 'all' }) },
      });
      const { alerts } = board.app.get<Store>(STORE, { strict: false });
      const firing = (since: number) => JSON.stringify({ state: 'firing', since, value: 7 });
      await alerts.change('shop', [
        { rule: 'late', queue: 'mail', seen: undefined, record: firing(2000) },
        { rule: 'late', queue: 'bills', seen: undefined, record: firing(3000) },
        { rule: 'full', queue: '', seen: undefined, record: firing(1000) },
        { rule: 'dead', queue: 'mail', seen: undefined, record: '{"state":"pending","since":1,"value":1}' },
      ]);
      return (await board.get('overview')).json.alerts as unknown;
    };
    const ofMail = { app: 'shop', rule: 'late', queue: 'mail', since: 2000, value: 7 };
    expect(await alertsFor(['mail'])).toEqual([ofMail]);
    expect(await alertsFor(undefined)).toEqual([
      { app: 'shop', rule: 'full', since: 1000, value: 7 },
      ofMail,
      { ...ofMail, queue: 'bills', since: 3000 },
    ]);
  });

  it('is told to the audit: what was done, refused and failed, by whom', async () => {
    Audit.events = [];
    const board = await startDashboard({
      platform,
      metadata: { providers: [Mailer], controllers: [Audit] },
      dashboard: { authorize: () => ({ user: 'ada', can: ['queue.pause', 'job.retry'] }) },
    });
    await board.act('queue.pause', { queue: 'mail' });
    await board.act('queue.purge', { queue: 'mail', state: 'dead', confirm: 'mail' });
    await board.act('queue.resume', { queue: 'nowhere' });
    await board.act('job.retry', { queue: 'mail', ids: ['7'] }, { 'x-user': 'eve' });
    expect(Audit.events).toMatchObject([
      { user: 'ada', action: 'queue.pause', queue: 'mail', count: 1, outcome: 'done' },
      { user: 'ada', action: 'queue.purge', queue: 'mail', count: 0, outcome: 'denied' },
      { user: 'ada', action: 'queue.resume', count: 0, outcome: 'failed', error: 'TASK_QUEUE_UNKNOWN_QUEUE' },
      { user: 'ada', action: 'job.retry', ids: ['7'], count: 0, outcome: 'done' },
    ]);
  });

  it('runs behind guards of the app, and a user of theirs reaches authorize', async () => {
    class Guard implements CanActivate {
      canActivate(context: ExecutionContext) {
        const request = context.switchToHttp().getRequest<Record<string, unknown>>();
        if (roleOf(context) === '') throw new UnauthorizedException();
        request.user = roleOf(context);
        return true;
      }
    }
    const board = await startDashboard({
      platform,
      metadata: { providers: [Mailer] },
      dashboard: {
        guards: [Guard],
        authorize: (context) => ({ user: context.switchToHttp().getRequest<{ user: string }>().user }),
      },
    });
    expect((await ask(board.at(''))).status).toBe(401);
    expect((await board.get('session')).status).toBe(401);
    expect((await board.act('queue.pause', { queue: 'mail' })).status).toBe(401);
    expect((await board.get('session', {}, { headers: { 'x-role': 'ada' } })).json).toMatchObject({
      user: 'ada',
      can: [],
    });
  });

  it('is seen by a guard of the whole app, which its decorators reach', async () => {
    const Public = () => SetMetadata('public', true);
    @Injectable()
    class AppGuard implements CanActivate {
      constructor(private readonly reflector: Reflector) {}
      canActivate(context: ExecutionContext) {
        return this.reflector.getAllAndOverride<boolean>('public', [context.getHandler(), context.getClass()]) ?? false;
      }
    }
    const providers = [Mailer, { provide: APP_GUARD, useClass: AppGuard }];
    const closed = await startDashboard({ platform, metadata: { providers } });
    expect((await closed.get('session')).status).toBe(403);
    const open = await startDashboard({ platform, metadata: { providers }, dashboard: { decorators: [Public()] } });
    expect((await open.get('session')).status).toBe(200);
  });

  it.each([
    ['a word of nobody', 'everything'],
    ['an action that is none', { can: ['job.explode'] }],
    ['undefined', undefined],
    ['queues that are undefined', { queues: undefined }],
  ])('lets nobody in where authorize answers %s', async (_what, answer) => {
    const board = await startDashboard({
      platform,
      metadata: { providers: [Mailer] },
      dashboard: { authorize: () => answer as never },
    });
    const { status } = await board.get('session');
    expect(status).toBeGreaterThanOrEqual(400);
    await board.act('queue.pause', { queue: 'mail' });
    expect(await board.app.get(QueueService).isPaused('mail')).toBe(false);
  });
});

describe('without guards and authorize', () => {
  const production = async (dashboard: object): Promise<Error> => {
    const before = process.env.NODE_ENV;
    process.env.NODE_ENV = 'production';
    try {
      const store = { connection: 'memory://', allowMemory: true };
      return await bootError({ imports: [TaskQueueDashboardModule.forRoot(dashboard)] }, store);
    } finally {
      process.env.NODE_ENV = before;
    }
  };

  it('does not start in production', async () => {
    expect(await production({})).toMatchObject({ message: expect.stringMatching(/pass guards, authorize, or both/) });
    await expect(production({ authorize: () => 'read' })).rejects.toThrow('The app started');
  });

  it.each([
    ['another name of this machine', { host: 'evil.example' }],
    ['a name that only begins as this machine', { host: 'localhost.evil.example' }],
    ['a proxy', { 'x-forwarded-for': '8.8.8.8' }],
  ])('refuses %s', async (_what, headers) => {
    const board = await startDashboard({ metadata: { providers: [Mailer] } });
    expect(await askRaw(board.origin, headers)).toBe(403);
    expect(await askRaw(board.origin, {})).toBe(200);
  });
});

/** fetch sets Host by itself. */
async function askRaw(origin: string, headers: Record<string, string>): Promise<number | undefined> {
  const { get } = await import('node:http');
  return new Promise((resolve, reject) => {
    get(`${origin}/queues/api/session`, { headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
}
