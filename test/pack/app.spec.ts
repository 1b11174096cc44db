// For every test runner that users have: scripts/pack-test.mjs writes the line that brings its `jest`, where that is no global.
import { Injectable, Module, type INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Processor, QueueService, TaskQueueModule, type Job } from 'nestjs-task-queue';
import { drainQueues, TestQueues } from 'nestjs-task-queue/testing';

const sent: string[] = [];

@Injectable()
class Mailer {
  @Processor('mail')
  async send(job: Job<{ to: string }>) {
    sent.push(job.payload.to);
  }
}

@Module({
  imports: [TaskQueueModule.forRoot({ connection: process.env.REDIS_URL || 'memory://' })],
  providers: [Mailer],
})
class AppModule {}

describe('Mailer', () => {
  let app: INestApplicationContext;
  afterEach(async () => {
    await app.close();
    jest.useRealTimers();
    sent.splice(0);
  });

  it('sends', async () => {
    app = await (await Test.createTestingModule({ imports: [AppModule] }).compile()).init();
    await app.get(QueueService).enqueue('mail', { to: 'ada' });
    await drainQueues(app);
    expect(sent).toEqual(['ada']);
  });

  it('sends later, under fake timers', async () => {
    jest.useFakeTimers();
    const queues = new TestQueues();
    app = await (await queues.install(Test.createTestingModule({ imports: [AppModule] })).compile()).init();
    await app.get(QueueService).enqueue('mail', { to: 'ada' }, { delay: '1h' });
    await queues.advance(app, '1h');
    expect(sent).toEqual(['ada']);
  });
});
