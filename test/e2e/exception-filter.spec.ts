import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { BadRequestException, Controller, Get, Logger, Param } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { z } from 'zod';
import {
  BrokerUnavailableError,
  ConfigurationError,
  defineJob,
  Processor,
  QueueService,
  StoreFullError,
  TaskQueueExceptionFilter,
} from 'nestjs-task-queue';
import { closeApps, LogBook, startApp } from '../support/apps.js';

afterEach(closeApps);

const memory = { connection: 'memory://', queues: { 'payroll-internal': {} } };
const strict = defineJob({ queue: 'work', name: 'strict', schema: z.object({ to: z.string() }) });
const secret = 'redis://:hunter2@cache';

@Controller()
class Api {
  constructor(private readonly queues: QueueService) {}

  @Get(':what')
  async call(@Param('what') what: string): Promise<unknown> {
    const calls: Record<string, () => unknown> = {
      payload: () => this.queues.enqueue(strict, { to: 5 } as never),
      queue: () => this.queues.counts('wrok'),
      large: () => this.queues.enqueue('work', 'x'.repeat(300_000)),
      missing: () => this.queues.retry('work', 'nothing'),
      dead: async () => (await this.queues.enqueue('work', 'fails')).result(),
      slow: async () => (await this.queues.enqueue('work', 1, { delay: '1h' })).result({ timeout: 1 }),
      away: () => Promise.reject(new BrokerUnavailableError(`${secret} does not answer`)),
      full: () => Promise.reject(new StoreFullError()),
      setup: () => Promise.reject(new ConfigurationError(`wrong: ${secret}`)),
      nest: () => Promise.reject(new BadRequestException('of Nest')),
      other: () => Promise.reject(new Error('of nobody')),
    };
    return calls[what]();
  }

  @Processor('work', { maxAttempts: 1 })
  work() {
    throw Object.assign(new Error('connect ECONNREFUSED 10.1.2.3:5432 user=svc'), { name: 'QueryFailedError' });
  }
}

async function ask(what: string, filter: 'global' | 'none' = 'global') {
  const providers = filter === 'global' ? [{ provide: APP_FILTER, useClass: TaskQueueExceptionFilter }] : [];
  const { app, logs } = await startApp({ controllers: [Api], providers }, memory);
  await app.listen(0, '127.0.0.1');
  const response = await fetch(`${await app.getUrl()}/${what}`);
  return {
    status: response.status,
    retryAfter: response.headers.get('retry-after'),
    body: await response.json(),
    logs,
  };
}

describe('TaskQueueExceptionFilter', () => {
  it.each([
    ['payload', 400, 'TASK_QUEUE_INVALID_PAYLOAD', null],
    ['queue', 404, 'TASK_QUEUE_UNKNOWN_QUEUE', null],
    ['large', 413, 'TASK_QUEUE_PAYLOAD_TOO_LARGE', null],
    ['missing', 404, 'TASK_QUEUE_JOB_NOT_FOUND', null],
    ['dead', 409, 'TASK_QUEUE_JOB_DEAD', null],
    ['slow', 504, 'TASK_QUEUE_RESULT_TIMEOUT', null],
    ['away', 503, 'TASK_QUEUE_BROKER_UNAVAILABLE', '5'],
    ['full', 503, 'TASK_QUEUE_STORE_FULL', '30'],
    ['setup', 500, 'TASK_QUEUE_CONFIGURATION', null],
  ])('answers %s with its status and code', async (what, status, code, retryAfter) => {
    const answer = await ask(what);
    expect(answer).toMatchObject({ status, retryAfter, body: { statusCode: status, code } });
    expect(JSON.stringify(answer.body)).not.toContain('hunter2');
    if (what === 'payload') expect(answer.body).toMatchObject({ issues: [{ path: 'to' }] });
    if (what === 'dead') expect(answer.body).toMatchObject({ id: expect.any(String), reason: 'exhausted' });
    if (what === 'missing') expect(answer.body).toMatchObject({ id: 'nothing' });
    if (what === 'large') expect(answer.body).toMatchObject({ limit: 262_144 });
    const words = JSON.stringify({ ...(answer.body as object), issues: undefined });
    expect(words).not.toMatch(/work|payroll|ECONNREFUSED|10\.1\.2\.3|svc/);
  });

  it.each([
    ['queue', /^warn .*404 TASK_QUEUE_UNKNOWN_QUEUE: Unknown queue "wrok"\. Did you mean "work"/],
    ['dead', /^debug .*409 TASK_QUEUE_JOB_DEAD: .*ECONNREFUSED 10\.1\.2\.3:5432 user=svc/],
    ['away', /^warn .*503 TASK_QUEUE_BROKER_UNAVAILABLE: .* does not answer/],
    ['setup', /^error [^]* 500 TASK_QUEUE_CONFIGURATION: wrong/],
  ])('says in the log what it hides from clients: %s', async (what, line) => {
    const { logs } = await ask(what);
    const lines = [...logs.lines, ...logs.debugLines].filter((text) => text.includes('TaskQueueExceptionFilter'));
    expect(lines).toEqual([expect.stringMatching(line)]);
  });

  it('logs ten lines a second of a flood', async () => {
    const clock = jest.spyOn(performance, 'now').mockReturnValue(5000);
    const logs = new LogBook();
    Logger.overrideLogger(logs);
    try {
      const adapter = { isHeadersSent: () => false, setHeader: () => {}, reply: () => {} };
      const host = { getType: () => 'http', getArgByIndex: () => 'response' } as never;
      const filter = new TaskQueueExceptionFilter(adapter as never);
      for (let request = 0; request < 25; request++) filter.catch(new StoreFullError(), host);
      expect(logs.matching(/503/)).toHaveLength(10);
      clock.mockReturnValue(6000);
      filter.catch(new StoreFullError(), host);
      expect(logs.matching(/15 more answers of 503/)).toHaveLength(1);
    } finally {
      clock.mockRestore();
      Logger.overrideLogger(new LogBook());
    }
  });

  it.each([
    ['nest', 400, 'of Nest'],
    ['other', 500, 'Internal server error'],
  ])('leaves other errors to Nest: %s', async (what, status, message) => {
    expect(await ask(what)).toMatchObject({ status, body: { message } });
  });

  it('is what makes the difference', async () => {
    expect(await ask('payload', 'none')).toMatchObject({ status: 500 });
  });

  it.each([
    ['fastify and others, by their adapter', 'http'],
    ['what is no HTTP request', 'rpc'],
  ])('works with %s', (_what, type) => {
    const told: unknown[] = [];
    const adapter = {
      isHeadersSent: () => false,
      setHeader: (...args: unknown[]) => told.push(args),
      reply: (...args: unknown[]) => told.push(args),
    };
    const host = { getType: () => type, getArgByIndex: () => 'response' };
    const filter = new TaskQueueExceptionFilter(adapter as never);
    const error = new StoreFullError();
    if (type === 'rpc') {
      expect(() => filter.catch(error, host as never)).toThrow(error);
      return;
    }
    filter.catch(error, host as never);
    expect(told).toEqual([
      ['response', 'Retry-After', '30'],
      ['response', expect.objectContaining({ code: error.code, statusCode: 503 }), 503],
    ]);
    expect(() => new TaskQueueExceptionFilter().catch(error, host as never)).toThrow('APP_FILTER');
  });
});
