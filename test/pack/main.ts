// The app that scripts/pack-test.mjs compiles, bundles and runs in every way that users have. With REDIS_URL it also holds up
// its event loop for longer than a lease: the heartbeat thread must be there.
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';
import { Processor, QueueService, TaskQueueModule, type Job } from 'nestjs-task-queue';
import { TaskQueueDashboardModule } from 'nestjs-task-queue/dashboard';

const url = process.env.REDIS_URL;
const prefix = `pack${process.pid}`;

@Injectable()
class Mailer {
  readonly runs: string[] = [];

  @Processor('mail', { lease: '1s' })
  async send(job: Job<{ to: string }>): Promise<{ sent: string }> {
    this.runs.push(job.payload.to);
    return { sent: job.payload.to };
  }

  @Processor('mail', { name: 'block' })
  async block(): Promise<string> {
    this.runs.push('block');
    const end = performance.now() + 2000;
    while (performance.now() < end);
    return 'done';
  }
}

@Module({
  imports: [TaskQueueModule.forRoot({ connection: url || 'memory://', prefix }), TaskQueueDashboardModule.forRoot()],
  providers: [Mailer],
})
class AppModule {}

const warnings: string[] = [];
/** What flags of the user bring is Node's to say; this package brings none. */
const OF_FLAGS = ['ExperimentalWarning', 'SecurityWarning'];
process.on('warning', ({ name, message }) => OF_FLAGS.includes(name) || warnings.push(`${name}: ${message}`));

async function run(): Promise<void> {
  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
  const queues = app.get(QueueService);
  const job = await queues.enqueue('mail', { to: 'ada' });
  assert.deepEqual(await job.result({ timeout: '20s' }), { sent: 'ada' });
  if (url) {
    const blocking = await queues.enqueue('mail', {}, { name: 'block' });
    assert.equal(await blocking.result({ timeout: '20s' }), 'done');
    assert.deepEqual(app.get(Mailer).runs, ['ada', 'block']);
    const client = new Redis(url);
    const names = String(await client.client('LIST'));
    client.disconnect();
    assert.equal(names.includes(`${prefix}:heartbeat`), process.env.NO_THREAD === undefined);
  }
  await app.close();
  await openDashboard();
  assert.deepEqual(warnings, []);
}

/** Its page is part of the code, wherever that was put. */
async function openDashboard(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: ['error'] });
  await app.listen(0, '127.0.0.1');
  const page = await fetch(`${await app.getUrl()}/queues`, { headers: { connection: 'close' } });
  assert.equal(page.status, 200);
  assert.match(await page.text(), /<base href="\.\/queues\/">/);
  await app.close();
}

run().then(
  () => console.log('the packed app ran its jobs'),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
