import 'reflect-metadata';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Injectable } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { Processor, QueueService, UnrecoverableError, type Job } from 'nestjs-task-queue';
import { loadScripts } from '../../src/redis/wire/script-library.js';
import { closeApps, gate, startApp } from '../support/apps.js';

const url = process.env.TEST_REDIS_URL as string;
const PYTHON = process.env.PYTHON || '/usr/bin/python3';
const EXAMPLES = fileURLToPath(new URL('../../examples/python/', import.meta.url));
/** Complete scripts, as the package carries them. */
const SCRIPTS = mkdtempSync(join(tmpdir(), 'scripts-'));
const run = promisify(execFile);

/** The example as a person runs it. */
async function producer(...args: string[]): Promise<string> {
  const { stdout } = await run(PYTHON, [`${EXAMPLES}task_queue_producer.py`, '--url', url, ...args]);
  return stdout.trim();
}

/** A few lines of Python that import the example. */
async function python(lines: string): Promise<unknown> {
  const preamble = `import json, sys, redis\nsys.path.insert(0, ${JSON.stringify(EXAMPLES)})\nfrom task_queue_producer import *\n`;
  const { stdout } = await run(PYTHON, ['-c', preamble + lines]);
  return JSON.parse(stdout);
}

interface Mail {
  to: string;
  failures?: number;
  hopeless?: boolean;
}

describe('jobs enqueued by Python', () => {
  let client: Redis;
  let prefix: string;
  let inbox: string;
  let runs: Job<Mail>[];
  let awaited: { count: number; open: () => void } | undefined;

  beforeAll(() => {
    for (const { name, text } of Object.values(loadScripts())) writeFileSync(join(SCRIPTS, `${name}.lua`), text);
  });

  afterAll(() => rmSync(SCRIPTS, { recursive: true }));

  beforeEach(() => {
    client = new Redis(url);
    prefix = `python${randomBytes(6).toString('hex')}`;
    inbox = `${prefix}-list`;
    runs = [];
    awaited = undefined;
  });

  /** Resolves when handlers have begun so many runs in all. */
  function afterRuns(count: number): Promise<void> {
    const { promise, open } = gate();
    awaited = { count, open };
    return promise;
  }

  afterEach(async () => {
    await closeApps();
    await client.quit();
  });

  async function startMailer(connection = url): Promise<QueueService> {
    @Injectable()
    class Mailer {
      @Processor('mail', { inbox, backoff: 0, maxAttempts: 3, concurrency: 1 })
      async send(job: Job<Mail>): Promise<{ sent: string; attempt: number }> {
        runs.push(job);
        if (awaited !== undefined && runs.length >= awaited.count) awaited.open();
        if (job.payload.hopeless) throw new UnrecoverableError('hopeless');
        if (job.attempt <= (job.payload.failures ?? 0)) throw new Error(`failure ${job.attempt}`);
        return { sent: job.payload.to, attempt: job.attempt };
      }

      @Processor('mail', { name: 'welcome' })
      async welcome(job: Job<Mail>): Promise<{ welcomed: string }> {
        runs.push(job);
        return { welcomed: job.payload.to };
      }
    }
    const { app } = await startApp({ providers: [Mailer] }, { connection, prefix });
    return app.get(QueueService);
  }

  const enqueue = (payload: unknown, ...options: string[]) =>
    producer('job', 'mail', JSON.stringify(payload), '--scripts', SCRIPTS, '--prefix', prefix, ...options);

  const jobOf = async (queues: QueueService, id: string) => {
    const job = await queues.getJob<Mail, any>('mail', id);
    if (job === undefined) throw new Error(`No job ${id}`);
    return job;
  };

  it('by a plain list: retried, and kept as dead letters', async () => {
    await producer('inbox', inbox, '{"to":"ä@b.c","failures":1}', '{"to":"d@e.f","hopeless":true}');
    expect(await client.lrange(inbox, 0, -1)).toEqual([
      '{"to":"d@e.f","hopeless":true}',
      '{"to":"ä@b.c","failures":1}',
    ]);
    const three = afterRuns(3);
    const queues = await startMailer();
    await three;
    // Whatever still runs then is the last of them.
    for (const { id } of (await queues.jobs('mail', { state: 'active' })).jobs)
      await (await jobOf(queues, id)).result();
    expect(runs.map(({ payload, attempt }) => [payload.to, attempt])).toEqual([
      ['ä@b.c', 1],
      ['d@e.f', 1],
      ['ä@b.c', 2],
    ]);
    const { jobs } = await queues.jobs('mail', { state: 'dead' });
    expect(jobs).toMatchObject([{ payload: { to: 'd@e.f' }, deadReason: 'unrecoverable' }]);
  });

  it('in another database: its worker is woken, and nothing is heard outside', async () => {
    const channels: string[] = [];
    const listener = new Redis(url);
    listener.on('pmessage', (_, channel: string) => channels.push(channel));
    await listener.psubscribe(`*${prefix}*`);
    const queues = await startMailer(`${url}/2`);
    await queues.enqueue('mail', { to: 'the first' }).then((job) => job.result()); // from now on its worker waits
    channels.length = 0;
    const script = ['job', 'mail', '{"to":"a@b.c"}', '--scripts', SCRIPTS, '--prefix', prefix, '--id', 'mine'];
    await run(PYTHON, [`${EXAMPLES}task_queue_producer.py`, '--url', `${url}/2`, ...script]);
    expect(await (await jobOf(queues, 'mine')).result()).toMatchObject({ sent: 'a@b.c' });
    await listener.ping();
    expect(channels.some((channel) => channel.startsWith(`@2:${prefix}:wake:`))).toBe(true);
    expect(channels.filter((channel) => !channel.startsWith('@2:'))).toEqual([]);
    listener.disconnect();
    const second = new Redis(`${url}/2`);
    await second.unlink(...(await second.keys(`{${prefix}:*`)));
    second.disconnect();
  });

  it('with an id, a name and a priority', async () => {
    expect(await enqueue({ to: 'plain' })).toMatch(/^[0-9a-z]{10}$/);
    expect(await enqueue({ to: 'a@b.c' }, '--id', 'welcome-1', '--name', 'welcome', '--priority', '7')).toBe(
      'welcome-1',
    );
    expect(await enqueue({ to: 'other' }, '--id', 'welcome-1')).toBe('welcome-1 is kept already');

    const queues = await startMailer();
    const job = await jobOf(queues, 'welcome-1');
    expect(await job.result()).toEqual({ welcomed: 'a@b.c' });
    expect(runs[0]).toMatchObject({ id: 'welcome-1', name: 'welcome', payload: { to: 'a@b.c' } });
    expect(job).toMatchObject({ priority: 7 });
    expect(Math.abs(job.enqueuedAt - Date.now())).toBeLessThan(60_000);
  });

  it('finds a worker that is idle already, and its own job by id from Nest', async () => {
    const queues = await startMailer();
    const id = await enqueue({ to: 'x' });
    expect(await (await jobOf(queues, id)).result()).toEqual({ sent: 'x', attempt: 1 });
    const same = await queues.enqueue('mail', { to: 'y' }, { id: 'shared' });
    expect(same.created).toBe(true);
    expect(await enqueue({ to: 'z' }, '--id', 'shared')).toBe('shared is kept already');
  });

  it('with attempts, dead letters and a retry of them', async () => {
    const queues = await startMailer();
    const flaky = await enqueue({ to: 'f', failures: 4 }, '--max-attempts', '5');
    expect(await (await jobOf(queues, flaky)).result()).toEqual({ sent: 'f', attempt: 5 });

    const failing = await enqueue({ to: 'g', failures: 1 }, '--max-attempts', '1', '--id', 'g');
    const job = await jobOf(queues, failing);
    await expect(job.result()).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_DEAD', reason: 'exhausted' });
    expect((await job.refresh()).errors).toMatchObject([{ message: 'failure 1', attempt: 1 }]);
    expect(await queues.retry('mail', 'g')).toMatchObject({ attempt: 1, payload: { to: 'g' }, maxAttempts: 1 });
    await expect((await jobOf(queues, 'g')).result()).rejects.toMatchObject({ reason: 'exhausted' });
  });

  it('with headers', async () => {
    const queues = await startMailer();
    const id = await enqueue({ to: 'h' }, '--header', 'tenant=Ümlaut & Co', '--header', 'n="x"=y');
    const job = await jobOf(queues, id);
    expect(await job.result()).toMatchObject({ sent: 'h' });
    expect(runs.at(-1)?.headers).toEqual({ tenant: 'Ümlaut & Co', n: '"x"=y' });
    expect(job.headers).toEqual({ tenant: 'Ümlaut & Co', n: '"x"=y' });
  });

  it('delayed, and not after their time', async () => {
    const queues = await startMailer();
    await enqueue({ to: 'later' }, '--id', 'later', '--delay-ms', '3600000');
    const later = await jobOf(queues, 'later');
    expect(later.state).toBe('scheduled');
    expect(later.dueAt).toBeGreaterThan(later.enqueuedAt + 3_590_000);
    expect(later.scheduledFor).toBe(later.enqueuedAt + 3_600_000);

    await queues.pause('mail');
    await enqueue({ to: 'late' }, '--id', 'late', '--expires-in-ms', '0');
    await queues.resume('mail');
    const late = await jobOf(queues, 'late');
    await expect(late.result()).rejects.toMatchObject({ reason: 'expired' });
    expect(runs).toEqual([]);
  });

  it('once, when the reply to a call is lost', async () => {
    const answers = await python(`
client = redis.Redis.from_url(${JSON.stringify(url)})
producer = TaskQueueProducer(client, "mail", ${JSON.stringify(SCRIPTS)}, ${JSON.stringify(prefix)})
script, lost = producer._enqueue, []
def losing(keys, args):
    reply = script(keys=keys, args=args)
    if len(lost) < 2:
        lost.append(reply)
        raise redis.TimeoutError("the reply is lost")
    return reply
producer._enqueue = losing
print(json.dumps([producer.enqueue({"to": "once"}), producer.enqueue({"to": "twice"}, id="own"), len(lost)]))
`);
    expect(answers).toEqual([[expect.stringMatching(/^[0-9a-z]{10}$/), true], ['own', true], 2]);
    const queues = await startMailer();
    const [[id]] = answers as [[string]];
    expect(await (await jobOf(queues, id)).result()).toEqual({ sent: 'once', attempt: 1 });
    expect(await (await jobOf(queues, 'own')).result()).toEqual({ sent: 'twice', attempt: 1 });
    expect(await queues.counts('mail')).toMatchObject({ completed: 2, ready: 0 });
  });

  it('by thousands, in order and each under a number of its own', async () => {
    const ids = (await python(`
producer = TaskQueueProducer(redis.Redis.from_url(${JSON.stringify(url)}), "mail", ${JSON.stringify(SCRIPTS)}, ${JSON.stringify(prefix)})
print(json.dumps([producer.enqueue({"to": str(n)})[0] for n in range(1500)]))
`)) as string[];
    expect(new Set(ids).size).toBe(1500);
    expect(ids).toEqual([...ids].sort());
    const queues = await startMailer();
    await (await jobOf(queues, ids[1499])).result();
    expect(runs.map(({ payload }) => Number(payload.to))).toEqual(ids.map((_, n) => n));
  });

  it('is refused what would not be read again', async () => {
    const refusals = await python(`
producer = TaskQueueProducer(redis.Redis.from_url(${JSON.stringify(url)}), "mail", ${JSON.stringify(SCRIPTS)}, ${JSON.stringify(prefix)})
def refusal(**options):
    try:
        return producer.enqueue(options.pop("payload", {}), **options)
    except ValueError as error:
        return str(error).split(":")[0]
print(json.dumps([refusal(id="a b"), refusal(id="a:b"), refusal(id="ä"), refusal(name='x"y'), refusal(name=""),
                  refusal(priority=10), refusal(payload="x" * 300000), refusal(payload=float("nan"))]))
`);
    expect(refusals).toEqual([
      'id',
      'id',
      'id',
      'name',
      'name',
      'priority',
      'payload',
      expect.stringContaining('Out of range'),
    ]);
    expect(await client.keys(`{${prefix}:mail}*`)).toEqual([]);
  });

  it('leaves a store of another format alone', async () => {
    await client.hset(`{${prefix}:mail}:meta`, 'format', '9');
    await expect(enqueue({ to: 'x' })).rejects.toThrow(/format 9/);
    expect(await client.keys(`{${prefix}:mail}*`)).toEqual([`{${prefix}:mail}:meta`]);
  });
});
