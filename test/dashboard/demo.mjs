// An app to look at, from the built package: queues that work, fail, wait and run long. For pictures and measurements.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

const dist = (path) => import(new URL(`../../dist/${path}`, import.meta.url).href);
const { Processor, Cron, QueueService, TaskQueueModule, UnrecoverableError } = await dist('index.js');
const { TaskQueueDashboardModule } = await dist('dashboard/index.js');

/** Decorators of methods, for a language without them. */
function decorate(target, name, ...decorators) {
  const descriptor = Object.getOwnPropertyDescriptor(target.prototype, name);
  for (const one of decorators) one(target.prototype, name, descriptor);
  Reflect.defineMetadata('design:paramtypes', [Object], target.prototype, name);
}

class Shop {
  async send(job) {
    job.log(`rendering ${job.payload.template}`);
    await pause(2 + 60 * Math.random() ** 3);
    const { to } = job.payload;
    if (to.startsWith('bounce')) throw thrown(new UnrecoverableError(`550 5.1.1 <${to}>: user unknown`));
    if (to.startsWith('slow')) throw thrown(new Error('connect ECONNREFUSED 10.0.0.17:587'));
    return { accepted: [to] };
  }

  async charge(job) {
    await pause(10 + 120 * Math.random() ** 2);
    if (job.payload.amount === 0)
      throw thrown(new TypeError("Cannot read properties of undefined (reading 'currency')"));
    return { charged: job.payload.amount };
  }

  async render(job) {
    for (let percent = 0; percent < 100; percent += 20) {
      job.progress({ percent, page: percent / 20 + 1 });
      job.log(`page ${percent / 20 + 1} of 5`);
      await pause(4000, job.signal);
    }
  }

  tidy() {}
}
decorate(
  Shop,
  'send',
  Processor('mail', { name: 'send', concurrency: 20, maxAttempts: 2, backoff: { type: 'fixed', delay: 50 } }),
);
decorate(Shop, 'charge', Processor('billing', { name: 'charge', concurrency: 10, maxAttempts: 1 }));
decorate(Shop, 'render', Processor('reports', { name: 'render', concurrency: 4 }));
decorate(Shop, 'tidy', Cron('0 3 * * *', { name: 'nightly-tidy', queue: 'maintenance', timeZone: 'Europe/Berlin' }));

/** @returns {Promise<{ app: import('@nestjs/common').INestApplication, url: string, queues: object }>} it listens on a free port */
export async function startDemo({ connection = 'memory://', names = [], dashboard = true } = {}) {
  class DemoModule {}
  Module({
    imports: [
      TaskQueueModule.forRoot({ connection, version: '2.4.1', shutdown: { grace: '100ms' } }),
      ...names.map((name) => TaskQueueModule.registerQueue({ name })),
      ...(dashboard
        ? [TaskQueueDashboardModule.forRoot({ environment: { label: 'production', color: '#c4314b' } })]
        : []),
    ],
    providers: [Shop],
  })(DemoModule);
  const app = await NestFactory.create(DemoModule, { logger: false });
  await app.listen(0, '127.0.0.1');
  return { app, url: `${await app.getUrl()}/queues/`, queues: app.get(QueueService) };
}

/** Work of some seconds, and some that stays. */
export async function fillDemo(queues, rounds = 6) {
  for (let round = 0; round < rounds; round++) {
    for (let n = 0; n < 60; n++) {
      const kind = n % 20 === 0 ? 'slow' : n % 27 === 0 ? 'bounce' : 'user';
      await queues.enqueue(
        'mail',
        { to: `${kind}${n}@example.com`, template: 'welcome', tenant: { id: n % 7 } },
        { name: 'send' },
      );
      if (n % 3 === 0)
        await queues.enqueue(
          'billing',
          { amount: n % 15 === 0 ? 0 : n * 3, tenant: { id: n % 7 } },
          { name: 'charge' },
        );
    }
    await pause(400);
  }
  for (let n = 0; n < 9; n++) await queues.enqueue('reports', { month: `2026-0${n + 1}` }, { name: 'render' });
  for (let n = 0; n < 14; n++) {
    await queues.enqueue(
      'mail',
      { to: `later${n}@example.com`, template: 'reminder' },
      { name: 'send', delay: `${n + 1}h` },
    );
  }
  await queues.enqueue('mail', { to: 'ada@example.com', template: 'legacy' }, { name: 'send-v1' });
}

/** As from an app in a container: pictures are the same wherever they are made. */
function thrown(error) {
  const frames = [
    'Mailer.deliver (/app/src/mail/mailer.ts:41:11)',
    'async MailProcessor.send (/app/src/mail/mail.processor.ts:17:5)',
  ];
  error.stack = `${error.name}: ${error.message}\n${frames.map((frame) => `    at ${frame}`).join('\n')}`;
  return error;
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
