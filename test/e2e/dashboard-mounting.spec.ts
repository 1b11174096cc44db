import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Injectable,
  ValidationPipe,
  VersioningType,
  type CallHandler,
  type ExecutionContext,
  type INestApplication,
  type NestInterceptor,
} from '@nestjs/common';
import { map } from 'rxjs';
import { Processor, QueueService, type Job } from 'nestjs-task-queue';
import { closeApps } from '../support/apps.js';
import { firstLines } from '../support/lines.js';
import { ask, PLATFORMS, startDashboard, type DashboardSetup } from '../support/dashboard-apps.js';

afterEach(closeApps);

@Injectable()
class Mailer {
  @Processor('mail')
  send(job: Job<{ to: string }>) {
    return `to ${job.payload.to}`;
  }
}

const providers = [Mailer];

/** As apps do to all their answers. */
class Wrapper implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(map((data: unknown) => ({ data, wrapped: true })));
  }
}

class Upper {
  transform(value: unknown) {
    return typeof value === 'string' ? value.toUpperCase() : value;
  }
}

/** As helmet does. */
function setHeaders(app: INestApplication): void {
  const policy = "default-src 'none'; require-trusted-types-for 'script'";
  const fastify = app.getHttpAdapter().getInstance() as {
    addHook?: (
      name: string,
      hook: (request: never, reply: { header: (name: string, value: string) => void }, done: () => void) => void,
    ) => void;
  };
  if (fastify.addHook === undefined) {
    app.use((_request: unknown, response: ServerResponse, next: () => void) => {
      response.setHeader('content-security-policy', policy);
      next();
    });
    return;
  }
  fastify.addHook('onRequest', (_request, reply, done) => {
    reply.header('content-security-policy', policy);
    done();
  });
}

const MOUNTS: { name: string; setup: DashboardSetup }[] = [
  { name: 'as it is', setup: {} },
  { name: 'a path of its own', setup: { dashboard: { path: 'admin/jobs' }, mount: '/admin/jobs' } },
  { name: 'a global prefix', setup: { prepare: (app) => void app.setGlobalPrefix('api/x'), mount: '/api/x/queues' } },
  {
    name: 'versions in the path',
    setup: { prepare: (app) => void app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' }) },
  },
  {
    name: 'versions in a header',
    setup: { prepare: (app) => void app.enableVersioning({ type: VersioningType.HEADER, header: 'x-version' }) },
  },
  { name: 'a global interceptor', setup: { prepare: (app) => void app.useGlobalInterceptors(new Wrapper()) } },
  {
    name: 'global pipes',
    setup: {
      prepare: (app: INestApplication) =>
        void app.useGlobalPipes(
          new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true }),
          new Upper(),
        ),
    },
  },
  { name: 'headers of the app', setup: { prepare: setHeaders } },
  { name: 'no body parser', setup: { create: { bodyParser: false } } },
  { name: 'raw bodies', setup: { create: { rawBody: true } } },
];

describe.each(PLATFORMS)('a dashboard on %s', (platform) => {
  describe.each(MOUNTS)('with $name', ({ setup }) => {
    it('answers reads, acts, and streams', async () => {
      const board = await startDashboard({ platform, metadata: { providers }, ...setup });
      const session = await board.get('session');
      expect(session.status).toBe(200);
      expect(session.headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'");
      expect(session.json).toMatchObject({ readOnly: false, redacts: false });

      const paused = await board.act('queue.pause', { queue: 'mail' });
      expect([paused.status, paused.json]).toEqual([200, { done: true }]);
      expect(await board.app.get(QueueService).isPaused('mail')).toBe(true);

      const added = await board.act('job.enqueue', { queue: 'mail', payload: { to: 'ada' } });
      expect(added.json).toMatchObject({ created: true });
      const jobs = await board.get('jobs', { queue: 'mail', state: 'ready' });
      expect(jobs.json.jobs).toMatchObject([{ number: added.json.number, preview: '{"to":"ada"}' }]);

      const live = await fetch(board.at('api/live', { queue: 'mail' }));
      expect(live.headers.get('content-type')).toMatch('application/x-ndjson');
      const lines = await firstLines(live, 2);
      expect(lines).toMatchObject([
        { kind: 'hello' },
        { kind: 'snapshot', queues: [{ queue: 'mail', paused: true, counts: { ready: 1 } }] },
      ]);
    });

    it('finds its page with and without a slash, and nothing below it', async () => {
      const board = await startDashboard({ platform, metadata: { providers }, ...setup });
      const [plain, slash, below] = await Promise.all([
        ask(board.at('')),
        ask(board.at('/').replace(/\/+$/, '/')),
        ask(board.at('x')),
      ]);
      expect(plain.status).not.toBe(404);
      expect(slash.status).toBe(plain.status);
      expect(below.status).toBe(404);
    });
  });
});
