import { describe, expect, it } from '@jest/globals';
import { maskPassword } from '../../src/core/mask-password.js';
import { layerJobOptions, readJobOptions } from '../../src/options/job-options-reader.js';
import { readModuleOptions, readQueueOptions } from '../../src/options/options-reader.js';
import { DEFAULTS } from '../../src/options/defaults.js';

const memory = { connection: 'memory://' };

function refusalOf(given: unknown, nodeEnv?: string): Error & { code?: string } {
  try {
    readModuleOptions(given, nodeEnv);
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was refused');
}

describe('readModuleOptions', () => {
  it('fills in every default', () => {
    expect(readModuleOptions(memory, undefined)).toMatchObject({
      connection: 'memory://',
      prefix: 'tq',
      app: 'default',
      role: 'all',
      defaults: {},
      queues: {},
      backoffs: {},
      payloadLimit: 262_144,
      commandTimeoutMs: 5000,
      connectTimeoutMs: 10_000,
      waitForRedis: false,
      allowEviction: false,
      allowMemory: false,
      globalEnhancers: [],
      graceMs: 20_000,
    });
  });

  it('reads every option into engine units', () => {
    const curve = (attempt: number) => attempt * 100;
    const read = readModuleOptions(
      {
        connection: 'rediss://user:secret@cache:6380/1',
        prefix: 'shop',
        app: 'orders',
        role: 'worker',
        defaults: { maxAttempts: 7, backoff: '5s', timeout: '1m', expiresIn: '1h', priority: 3 },
        queues: {
          mail: {
            concurrency: 20,
            prefetch: 0,
            lease: '30s',
            backoff: { type: 'curve' },
            retention: { dead: false },
            inbox: 'in',
          },
        },
        backoffs: { curve },
        payloadLimit: 1024,
        commandTimeout: '2s',
        connectTimeout: 3000,
        waitForRedis: true,
        globalEnhancers: ['pipes', 'guards'],
        shutdown: { grace: '5s' },
      },
      'production',
    );
    expect(read).toMatchObject({
      app: 'orders',
      role: 'worker',
      defaults: {
        maxAttempts: 7,
        backoff: { type: 'fixed', delayMs: 5000, maxMs: 3_600_000, jitter: 0 },
        timeoutMs: 60_000,
        expiresInMs: 3_600_000,
        priority: 3,
      },
      queues: {
        mail: {
          worker: { concurrency: 20, prefetch: 0, leaseMs: 30_000 },
          job: { backoff: { type: 'curve', delayMs: 1000, maxMs: 3_600_000, jitter: 0 }, retention: { dead: false } },
          inbox: 'in',
        },
      },
      backoffs: { curve },
      commandTimeoutMs: 2000,
      connectTimeoutMs: 3000,
      graceMs: 5000,
    });
  });

  it.each([
    [{ ...memory, conection: 1 }, 'Unknown option "conection" in forRoot. Did you mean "connection"?'],
    [
      { ...memory, defaults: { maxAttemps: 1 } },
      'Unknown option "maxAttemps" in defaults. Did you mean "maxAttempts"?',
    ],
    [{ ...memory, defaults: { concurrency: 1 } }, 'Unknown option "concurrency" in defaults.'],
    [
      { ...memory, queues: { mail: { concurency: 1 } } },
      'Unknown option "concurency" in queues.mail. Did you mean "concurrency"?',
    ],
    ...['attempts', 'atempts', 'attemps', 'retrys', 'Retries'].map((option): [object, string] => [
      { ...memory, defaults: { [option]: 1 } },
      `Unknown option "${option}" in defaults. Did you mean "maxAttempts"?`,
    ]),
    [{ ...memory, defaults: { removeOnCompleted: true } }, 'Did you mean "retention"?'],
    [{ ...memory, defaults: { xyz: 1 } }, 'Unknown option "xyz" in defaults. Known options: maxAttempts'],
    [{ ...memory, shutdown: { grce: 1 } }, 'Unknown option "grce" in shutdown. Did you mean "grace"?'],
    [
      { ...memory, defaults: { backoff: { type: 'fixed', dealy: 1 } } },
      'Unknown option "dealy" in backoff in defaults. Did you mean "delay"?',
    ],
    [
      { ...memory, defaults: { expiresIn: { in: '1m', than: 'drop' } } },
      'Unknown option "than" in expiresIn in defaults. Did you mean "then"?',
    ],
    [
      { ...memory, defaults: { retention: { complete: false } } },
      'Unknown option "complete" in retention in defaults. Did you mean "completed"?',
    ],
    [
      { ...memory, defaults: { retention: { dead: { cuont: 1 } } } },
      'Unknown option "cuont" in retention in defaults: dead. Did you mean "count"?',
    ],
    [
      { connection: { nodes: [{ host: 'a' }], option: {} } },
      'Unknown option "option" in connection. Did you mean "options"?',
    ],
  ])('names the unknown option of %j and the nearest known one', (given, message) => {
    const error = refusalOf(given);
    expect(error.message).toContain(message);
    expect(error.code).toBe('TASK_QUEUE_UNKNOWN_OPTION');
  });

  it.each([
    [undefined, 'options of forRoot'],
    [{ ...memory, role: 'workr' }, 'Invalid role: "workr". Did you mean "worker"?'],
    [{ ...memory, prefix: 'a:b' }, 'Invalid prefix: "a:b"'],
    [{ ...memory, defaults: { maxAttempts: 0 } }, 'Invalid maxAttempts in defaults: 0'],
    [{ ...memory, defaults: { maxAttempts: 1.5 } }, 'Invalid maxAttempts in defaults: 1.5'],
    ...[0, -1, Number.NaN, 'soon', {}, '0s'].map((retryFor): [object, string] => [
      { ...memory, defaults: { retryFor } },
      'Invalid retryFor in defaults: ',
    ]),
    ...[0, -1, Number.NaN, {}, null, [], { then: 'drop' }].map((expiresIn): [object, string] => [
      { ...memory, defaults: { expiresIn } },
      'Invalid expiresIn in defaults: ',
    ]),
    [{ ...memory, defaults: { expiresIn: { in: undefined } } }, 'Invalid in in expiresIn in defaults: undefined'],
    [{ ...memory, defaults: { expiresIn: { in: 0 } } }, 'Invalid expiresIn in defaults: in: 0'],
    [{ ...memory, defaults: { expiresIn: { in: '1m', then: 'dorp' } } }, 'Did you mean "drop"?'],
    [{ ...memory, defaults: { expiresIn: { in: '1m', then: true } } }, 'Invalid expiresIn in defaults: then: true'],
    [{ ...memory, defaults: { priority: 10 } }, 'Invalid priority in defaults: 10. Use a whole number from 0 to 9'],
    [{ ...memory, defaults: { backoff: 'soon' } }, 'Invalid backoff in defaults: "soon"'],
    [{ ...memory, defaults: { backoff: { type: 'expnential' } } }, 'Did you mean "exponential"?'],
    [
      { ...memory, defaults: { backoff: { type: 'fixed', jitter: 2 } } },
      'jitter: 2. Use a number from 0 (none) to 1 (full)',
    ],
    [{ ...memory, defaults: { timeout: -1 } }, 'Invalid timeout in defaults: -1'],
    [{ ...memory, defaults: { timeout: '10 parsecs' } }, 'Invalid timeout in defaults: "10 parsecs"'],
    [{ ...memory, queues: { 'my queue': {} } }, 'Invalid queue name in queues: "my queue"'],
    [{ ...memory, queues: { mail: { concurrency: 0 } } }, 'Invalid concurrency in queues.mail: 0'],
    [{ ...memory, queues: { mail: { prefetch: 'all' } } }, 'Invalid prefetch in queues.mail (or "auto"): "all"'],
    [{ ...memory, queues: { mail: { lease: 5 } } }, 'Invalid lease in queues.mail: 5. Use at least 1000 ms'],
    [{ ...memory, queues: [] }, 'Invalid queues'],
    [{ ...memory, backoffs: { fixed: () => 1 } }, 'Invalid name in backoffs: "fixed"'],
    [{ ...memory, backoffs: { curve: 5 } }, 'Invalid backoffs.curve: 5'],
    [{ ...memory, codec: {} }, 'Invalid codec'],
    [{ ...memory, globalEnhancers: ['pipe'] }, 'Did you mean "pipes"?'],
    [{ ...memory, globalEnhancers: 'pipes' }, 'Invalid globalEnhancers: "pipes"'],
    [{ ...memory, waitForRedis: 'yes' }, 'Invalid waitForRedis: "yes". Use true or false'],
    [{ ...memory, payloadLimit: 0 }, 'Invalid payloadLimit: 0'],
    [{ connection: 'redsi://cache' }, 'Invalid connection: "redsi://cache"'],
    [{ connection: 'memory://a:b' }, 'Invalid connection: name of the memory store: "a:b"'],
    [{ connection: undefined }, 'is an environment variable missing?'],
    [{ connection: { nodes: [] } }, 'name at least one node'],
  ])('refuses %j and names value and remedy', (given, message) => {
    expect(refusalOf(given).message.toLowerCase()).toContain(message.toLowerCase());
  });

  it('ends a remedy that is a question with its own mark', () => {
    expect(refusalOf({ connection: undefined }).message).toMatch(/is an environment variable missing\?$/);
    expect(refusalOf({ ...memory, payloadLimit: 0 }).message).toMatch(/[a-z\d]\.$/);
  });

  it('connects to the local Redis when no connection is named at all', () => {
    expect(readModuleOptions({}, undefined).connection).toBe('redis://127.0.0.1:6379');
  });

  it('never shows the password of a URL', () => {
    expect(refusalOf({ connection: 'redis:/user:hunter2@cache' }).message).not.toContain('hunter2');
    expect(maskPassword('redis://user:p@ss@cache:6379')).toBe('redis://user:***@cache:6379');
    expect(maskPassword('redis://:secret@cache')).toBe('redis://:***@cache');
    expect(maskPassword('http://cache?password=secret&db=1')).toBe('http://cache?password=***&db=1');
  });

  it.each([
    [{ host: 'cache', keyPrefix: 'app:' }],
    [{ nodes: [{ host: 'a' }], options: { redisOptions: { keyPrefix: 'app:' } } }],
    [{ options: { keyPrefix: 'app:' }, status: 'ready', duplicate: () => undefined, sendCommand: () => undefined }],
  ])('refuses a keyPrefix of ioredis: %j', (connection) => {
    expect(refusalOf({ connection }).message).toContain('keyPrefix ("app:")');
  });

  it('says where a url belongs', () => {
    expect(refusalOf({ connection: { url: 'redis://cache' } }).message).toContain('Pass the URL itself');
  });

  it('refuses memory in production unless it is allowed', () => {
    expect(refusalOf(memory, 'production').message).toContain('allowMemory: true');
    expect(readModuleOptions({ ...memory, allowMemory: true }, 'production').allowMemory).toBe(true);
    expect(readModuleOptions({ connection: 'redis://cache' }, 'production').connection).toBe('redis://cache');
  });

  it('refuses a producer on a private memory store, which nothing could ever process', () => {
    expect(refusalOf({ ...memory, role: 'producer' }).message).toContain('memory://name');
    expect(readModuleOptions({ connection: 'memory://shared', role: 'producer' }, undefined).role).toBe('producer');
  });
});

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

describe('job options', () => {
  it('reads only what was given', () => {
    expect(readJobOptions({}, 'here')).toEqual({});
    expect(readJobOptions({ backoff: 0 }, 'here')).toEqual({
      backoff: { type: 'fixed', delayMs: 0, maxMs: 3_600_000, jitter: 0 },
    });
  });

  it('keeps the bound of a long delay at least as long as the delay', () => {
    expect(readJobOptions({ backoff: '2h' }, 'here').backoff).toMatchObject({ delayMs: 7_200_000, maxMs: 7_200_000 });
  });

  it.each([
    [{ type: 'fixed' }, 0],
    [{ type: 'fixed', delay: '5s' }, 0],
    [{ type: 'fixed', jitter: 1 }, 1],
    [{ type: 'exponential' }, 0.5],
    [{ type: 'exponential', delay: '2s', max: '1m' }, 0.5],
    [{ type: 'exponential', jitter: 0 }, 0],
    [{ type: 'exponential', jitter: 1 }, 1],
    [{ type: 'curve' }, 0],
  ])('gives backoff %j a jitter of %d', (backoff, jitter) => {
    expect(readJobOptions({ backoff }, 'here').backoff?.jitter).toBe(jitter);
  });

  it.each([
    [{ type: 'fixed', jitter: -0.1 }, 'jitter: -0.1. Use a number from 0 (none) to 1 (full)'],
    [{ type: 'fixed', jitter: 1.1 }, 'jitter: 1.1. Use a number from 0'],
    [{ type: 'fixed', jitter: '0.5' }, 'jitter: "0.5". Use a number from 0'],
    [{ type: 'fixed', jitter: NaN }, 'jitter: NaN. Use a number from 0'],
    [{ type: 'fixed', delay: -1 }, 'backoff in here: delay: -1'],
    [{ delay: '5s' }, 'backoff in here: type: undefined. Use fixed, exponential'],
    [-5, 'Invalid backoff in here: -5'],
    [true, 'use a duration such as "5s"'],
  ])('refuses backoff %j', (backoff, message) => {
    expect(() => readJobOptions({ backoff }, 'here')).toThrow(new RegExp(escaped(message), 'i'));
  });

  it('takes any backoff type where it cannot know the registered ones', () => {
    expect(readJobOptions({ backoff: { type: 'curve' } }, 'here').backoff).toMatchObject({ type: 'curve' });
    expect(() => readJobOptions({ backoff: { type: 'curve' } }, 'here', [])).toThrow(
      'register a strategy of that name',
    );
  });

  it('fills a missing limit of a retention rule with its default', () => {
    expect(readJobOptions({ retention: { dead: { count: 5 } } }, 'here').retention).toEqual({
      dead: { ...(DEFAULTS.job.retention.dead as object), count: 5 },
    });
  });

  it('layers levels, the first wins, retention state by state', () => {
    const layered = layerJobOptions(
      { retention: { completed: false } },
      { maxAttempts: 9, retention: { completed: { count: 1, ageMs: 1, bytes: 1 }, dead: false } },
      { maxAttempts: 2, priority: 4 },
    );
    expect(layered).toMatchObject({ maxAttempts: 9, priority: 4, retention: { completed: false, dead: false } });
    expect(layered.retention.cancelled).toEqual(DEFAULTS.job.retention.cancelled);
  });

  it('allows ten failed runs, and three to jobs of schedules, unless any level says a number', () => {
    expect(layerJobOptions({ priority: 1 }, {})).toMatchObject({ maxAttempts: 10, maxAttemptsOfTicks: 3 });
    expect(layerJobOptions({}, { maxAttempts: 7 })).toMatchObject({ maxAttempts: 7, maxAttemptsOfTicks: 7 });
    expect(layerJobOptions({ maxAttempts: 2 }, { maxAttempts: 7 })).toMatchObject({ maxAttemptsOfTicks: 2 });
  });
});

it('reads the options of a queue from any place and names it', () => {
  expect(() => readQueueOptions({ name: 'x' }, 'registerQueue("mail")')).toThrow('in registerQueue("mail")');
});
