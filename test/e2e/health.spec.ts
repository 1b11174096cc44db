import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, Injectable } from '@nestjs/common';
import { HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { Processor, QueueService, TaskQueueHealth } from 'nestjs-task-queue';
import { TaskQueueHealthIndicator } from 'nestjs-task-queue/terminus';
import { closeApps, gate, startApp, STORES } from '../support/apps.js';
import { startRedisServer, type RedisServer } from '../support/redis-server.js';

const held = { gate: gate() };

@Injectable()
class Mail {
  @Processor('mail', { concurrency: 1 })
  async send() {
    await held.gate.promise;
  }

  @Processor('files')
  async scan() {}
}

@Controller()
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly taskQueue: TaskQueueHealthIndicator,
  ) {}

  @Get('ready')
  ready() {
    return this.health.check([() => this.taskQueue.isHealthy('queues', { within: '1s' })]);
  }
}

const app = {
  imports: [TerminusModule.forRoot({ logger: false })],
  providers: [Mail, TaskQueueHealthIndicator],
  controllers: [HealthController],
};

afterEach(closeApps);

describe.each(STORES)('readiness on $name', (store) => {
  it('is there for idle, busy and paused workers, and over when the app closes', async () => {
    held.gate = gate();
    const started = await startApp(app, store.options());
    const health = started.app.get(TaskQueueHealth);
    expect(await health.readiness()).toMatchObject({ ready: true, reason: undefined });
    const queues = started.app.get(QueueService);
    const jobs = await queues.enqueueMany('mail', [{ payload: 1 }, { payload: 2 }]);
    await queues.pause('files');
    expect((await health.readiness()).workers.map(({ queue }) => queue).sort()).toEqual(['files', 'mail']);
    expect((await health.readiness()).ready).toBe(true);
    held.gate.open();
    await jobs[1].result({ timeout: '10s' });
    await started.app.close();
    expect(await health.readiness()).toMatchObject({ ready: false, reason: 'the application is closing' });
  });

  it('of a producer is the store’s answer', async () => {
    if (store.name === 'memory') return;
    const { app: producer } = await startApp({ providers: [] }, { ...store.options(), role: 'producer' });
    expect(await producer.get(TaskQueueHealth).readiness()).toEqual({ ready: true, reason: undefined, workers: [] });
  });
});

describe('with Redis frozen', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedisServer();
  });
  afterAll(async () => {
    server.resume();
    await server.stop();
  });

  it('@nestjs/terminus answers 503 within the time, and 200 when Redis is back', async () => {
    held.gate = gate();
    held.gate.open();
    const options = { connection: server.url, commandTimeout: 1000, shutdown: { grace: 0 } };
    const { app: web } = await startApp(app, options, (created) => void created.listen(0));
    await web.get(QueueService).enqueue('mail', {});
    const url = `${await web.getUrl().then((text) => text.replace('[::1]', '127.0.0.1'))}/ready`;
    const ask = async () => {
      const response = await fetch(url);
      return { code: response.status, body: (await response.json()) as Record<string, never> };
    };
    expect(await ask()).toMatchObject({
      code: 200,
      body: { status: 'ok', details: { queues: { status: 'up', workers: { mail: expect.any(Number) } } } },
    });
    server.pause();
    let answer = await ask();
    while (answer.code === 200) answer = await ask();
    expect(answer).toMatchObject({
      code: 503,
      body: { error: { queues: { status: 'down', message: expect.stringContaining('has not answered') } } },
    });
    server.resume();
    while (answer.code !== 200) answer = await ask();
  });
});
