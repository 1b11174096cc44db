import { afterEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Redis } from 'ioredis';
import { Cron, encryptedCodec, Processor, QueueService, type Job, type JobEvent } from 'nestjs-task-queue';
import { closeApps, startApp, STORES } from '../support/apps.js';
import { MessageLog } from '../support/message-log.js';

afterEach(closeApps);

const SECRET = 'hunter2-swordfish';

@Injectable()
class Vault {
  seen: unknown[] = [];

  @Processor('vault', { maxAttempts: 1 })
  async keep(job: Job<{ password: string; fail?: boolean }>) {
    this.seen.push(job.payload);
    job.progress({ step: { password: job.payload.password } });
    job.log(`opened with ${job.payload.password}`);
    if (job.payload.fail) throw new Error(`wrong password ${job.payload.password}`);
    return { echoed: { password: job.payload.password }, ok: true };
  }

  @Cron('0 0 1 1 *', { name: 'yearly', queue: 'yearly', payload: { password: SECRET } })
  async yearly() {}
}

const keys = { v1: randomBytes(32), v2: randomBytes(32) };

describe.each(STORES)('on $name', (store) => {
  it('what is encrypted goes through every way a job takes', async () => {
    const options = { ...store.options(), codec: encryptedCodec({ keys, current: 'v1' }) };
    const { app } = await startApp({ providers: [Vault] }, options);
    const queues = app.get(QueueService);
    const events = new MessageLog<JobEvent>();
    const subscription = queues.events('vault').subscribe(events.listener);
    await untilHeard(queues, 'vault', events);

    const plain = await queues.enqueue('vault', { password: SECRET });
    const named = await queues.enqueue('vault', { password: SECRET }, { id: 'order-7' });
    const expected = { echoed: { password: SECRET }, ok: true };
    expect(await plain.result()).toEqual(expected);
    expect(await named.result()).toEqual(expected);
    const stored = await queues.getJob('vault', 'order-7');
    expect(stored).toMatchObject({ payload: { password: SECRET }, unreadable: false });
    expect(stored?.raw).not.toContain(SECRET);
    expect(await stored?.result()).toEqual(expected);
    expect(await (await queues.getJob('vault', plain.id))?.result()).toEqual(expected);
    for (let count = 1; ; count++) {
      const event = (await events.first(count))[count - 1];
      if (event.event !== 'completed') continue;
      expect(event.result).toEqual(expected);
      break;
    }
    subscription.unsubscribe();
  });

  it('what is redacted is not shown in events, errors, logs and JSON', async () => {
    const options = { ...store.options(), redact: ['*.password'] };
    const { app, logs } = await startApp({ providers: [Vault] }, options);
    const queues = app.get(QueueService);
    const events = new MessageLog<JobEvent>();
    const subscription = queues.events('vault').subscribe(events.listener);
    await untilHeard(queues, 'vault', events);

    const good = await queues.enqueue('vault', { password: SECRET });
    expect(await good.result()).toEqual({ echoed: { password: SECRET }, ok: true }); // the app itself sees all
    const bad = await queues.enqueue('vault', { password: SECRET, fail: true });
    await expect(bad.result()).rejects.toThrow('wrong password [redacted]');

    const told: JobEvent[] = [];
    for (let count = 1; told.at(-1)?.event !== 'dead'; count++) told.push((await events.first(count))[count - 1]);
    expect(JSON.stringify(told)).not.toContain(SECRET);
    expect(told).toContainEqual(
      expect.objectContaining({ event: 'completed', result: { echoed: { password: '[redacted]' }, ok: true } }),
    );
    expect(app.get(Vault).seen).toEqual([{ password: SECRET }, { password: SECRET, fail: true }]);

    for (const id of [good.id, bad.id]) {
      const handle = await queues.getJob<{ password: string }>('vault', id);
      expect(handle?.payload.password).toBe(SECRET);
      expect(JSON.stringify(handle)).not.toContain(SECRET);
      expect(handle?.toJSON()).toMatchObject({ payload: { password: '[redacted]' } });
      expect(await handle?.logs()).toEqual(['opened with [redacted]']);
    }
    const dead = await queues.getJob('vault', bad.id);
    expect(dead?.errors[0]).toMatchObject({ message: 'wrong password [redacted]' });
    expect(dead?.errors[0].stack).not.toContain(SECRET);
    expect(logs.lines.join('\n')).not.toContain(SECRET);
    subscription.unsubscribe();
  });

  it('a hostile payload stays data through the whole way', async () => {
    const text =
      '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"list":[{"__proto__":{"polluted":1}}]}';
    const hostile = JSON.parse(text) as Record<string, unknown>;

    @Injectable()
    class Echo {
      @Processor('echo')
      async same(job: Job) {
        job.progress(job.payload);
        expect(Object.getPrototypeOf(job.payload)).toBe(Object.prototype);
        expect(Object.hasOwn(job.payload as object, '__proto__')).toBe(true);
        return job.payload;
      }
    }
    const options = { ...store.options(), redact: ['*.password'] };
    const { app } = await startApp({ providers: [Echo] }, options);
    const queues = app.get(QueueService);
    const events = new MessageLog<JobEvent>();
    const subscription = queues.events('echo').subscribe(events.listener);
    await untilHeard(queues, 'echo', events);

    const job = await queues.enqueue('echo', hostile, { maxAttempts: 2, retention: { completed: { count: 10 } } });
    expect(JSON.stringify(await job.result())).toBe(text);
    const handle = await queues.getJob('echo', job.id);
    expect(JSON.stringify(handle?.payload)).toBe(text);
    expect(JSON.stringify(handle?.toJSON().payload)).toBe(text);
    for (let count = 1; ; count++) {
      const event = (await events.first(count))[count - 1];
      if (event.event !== 'completed') continue;
      expect(JSON.stringify(event.result)).toBe(text);
      break;
    }
    // Options are no place for it, either.
    const options2 = JSON.parse('{"__proto__":{"maxAttempts":99}}') as object;
    await expect(queues.enqueue('echo', {}, options2)).rejects.toMatchObject({ code: 'TASK_QUEUE_UNKNOWN_OPTION' });
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(([] as unknown as Record<string, unknown>).polluted).toBeUndefined();
    subscription.unsubscribe();
  });
});

/** A subscription is up as soon as something of the queue is heard. */
async function untilHeard(queues: QueueService, queue: string, events: MessageLog<JobEvent>): Promise<void> {
  while (events.messages.length === 0) {
    await queues.pause(queue);
    await queues.resume(queue);
  }
}

describe('in Redis', () => {
  const options = () => {
    const store = STORES.find(({ name }) => name === 'redis');
    if (store === undefined) throw new Error('TEST_REDIS_URL is not set');
    return store.options();
  };

  it('nothing of payload, result, progress and schedule can be read', async () => {
    // Log lines and errors are texts of the app, which no codec sees: those are for `redact`.
    const given = { ...options(), codec: encryptedCodec({ keys, current: 'v1' }), redact: ['*.password'] };
    const { app } = await startApp({ providers: [Vault] }, given);
    const client = new Redis(String(process.env.TEST_REDIS_URL));
    try {
      const job = await app.get(QueueService).enqueue('vault', { password: SECRET });
      await job.result();
      const found = await client.keys(`{${String(given.prefix)}:*`);
      const dumps = await Promise.all(found.map(async (key) => String(await client.dumpBuffer(key))));
      expect(dumps.length).toBeGreaterThan(3);
      expect(dumps.join()).not.toContain('swordfish');
    } finally {
      client.disconnect();
    }
  });

  it('a payload that was moved to another job is dead as unreadable, and a rotated key reads what was there', async () => {
    const shared = options();
    const producer = await startApp(
      {},
      { ...shared, role: 'producer', queues: { vault: {} }, codec: encryptedCodec({ keys, current: 'v1' }) },
    );
    const queues = producer.app.get(QueueService);
    const mine = await queues.enqueue('vault', { password: 'mine' }, { id: 'mine', name: 'a' });
    const theirs = await queues.enqueue('vault', { password: 'theirs' }, { id: 'theirs', name: 'a' });
    const client = new Redis(String(process.env.TEST_REDIS_URL));
    const jobsKey = `{${String(shared.prefix)}:vault}:jobs`;
    try {
      const fields = Object.entries(await client.hgetall(jobsKey)).filter(([, text]) => text.includes('\n'));
      const [one, other] = fields.map(([id, text]) => ({ id, head: text.split('\n')[0], body: text.split('\n')[1] }));
      expect([one.head, other.head].join()).toMatch(/mine/);
      const forged = one.head.includes(' mine ') ? one : other;
      const source = forged === one ? other : one;
      await client.hset(jobsKey, forged.id, `${forged.head}\n${source.body}`);
    } finally {
      client.disconnect();
    }
    const rotated = encryptedCodec({ keys, current: 'v2' });
    const { app } = await startApp({ providers: [Vault] }, { ...shared, codec: rotated });
    const reader = app.get(QueueService);
    expect(await (await reader.getJob('vault', theirs.id))?.result()).toMatchObject({ echoed: { password: 'theirs' } });
    await expect(mine.result()).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_DEAD', reason: 'unreadable' });
    expect(app.get(Vault).seen).toEqual([{ password: 'theirs' }]);
  });
});
