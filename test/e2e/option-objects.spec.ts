import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import {
  Cron,
  defineJob,
  encryptedCodec,
  every,
  Interval,
  Processor,
  QueueService,
  ScheduleService,
  TaskQueueHealth,
  TaskQueueModule,
  Timeout,
  type TaskQueueError,
} from 'nestjs-task-queue';
import { drainQueues } from 'nestjs-task-queue/testing';
import { closeApps, startApp, startModule, type RunningApp } from '../support/apps.js';
import { handlerOf } from '../support/handlers.js';

afterEach(closeApps);

/** Something that takes options: what it takes, and a key that comes near one of its own. */
interface Place {
  give: (options: object) => unknown;
  typo: [given: string, meant: string];
  /** Keys that protect, narrow or place something. */
  definite: string[];
  /** Keys that may be undefined, as everywhere in JavaScript. */
  lax: string[];
  /** What else it needs. */
  needs?: object;
}

const memory = { connection: 'memory://' };
const boot = (options: object) => startModule({ imports: [TaskQueueModule.forRoot(options)] });
const decorated = (decorator: MethodDecorator) => {
  @Injectable()
  class Work {
    @decorator
    run() {}
  }
  return startApp({ providers: [Work] });
};
let running: Promise<RunningApp> | undefined;
/** One app for all calls of a test. */
async function app(): Promise<RunningApp['app']> {
  return (await (running ??= startApp({ providers: [handlerOf('mail', () => 1)] }))).app;
}
afterEach(() => (running = undefined));
const queues = async () => (await app()).get(QueueService);
const schedules = async () => (await app()).get(ScheduleService);
const KEY = Buffer.alloc(32, 1).toString('base64');

const PLACES: Record<string, Place> = {
  forRoot: {
    give: boot,
    typo: ['conection', 'connection'],
    definite: ['connection', 'prefix', 'app', 'role', 'codec', 'redact'],
    lax: ['defaults', 'queues', 'payloadLimit', 'shutdown', 'isGlobal', 'commandTimeout', 'schedules'],
    needs: memory,
  },
  forRootAsync: {
    give: (options) => startModule({ imports: [TaskQueueModule.forRootAsync(options)] }),
    typo: ['injects', 'inject'],
    definite: [],
    lax: ['imports', 'isGlobal', 'useClass'],
    needs: { useFactory: () => memory },
  },
  'defaults in forRoot': {
    give: (defaults) => boot({ ...memory, defaults }),
    typo: ['maxAttemps', 'maxAttempts'],
    definite: [],
    lax: ['maxAttempts', 'retryFor', 'backoff', 'timeout', 'expiresIn', 'priority', 'retention', 'durability'],
  },
  'shutdown in forRoot': {
    give: (shutdown) => boot({ ...memory, shutdown }),
    typo: ['grase', 'grace'],
    definite: [],
    lax: ['grace'],
  },
  'a queue in forRoot': {
    give: (mail) => boot({ ...memory, queues: { mail } }),
    typo: ['concurency', 'concurrency'],
    definite: ['inbox'],
    lax: ['concurrency', 'prefetch', 'lease', 'maxAttempts'],
  },
  'a schedule in forRoot': {
    // What overrides a decorator: a variable that nobody set says nothing.
    give: (run) => {
      @Injectable()
      class Work {
        @Cron('0 0 1 1 *', { name: 'run' })
        run() {}
      }
      return startApp({ providers: [Work] }, { ...memory, schedules: { run } });
    },
    typo: ['timezone', 'timeZone'],
    definite: [],
    lax: ['cron', 'every', 'timeZone', 'disabled', 'payload', 'queue', 'job', 'limit'],
  },
  registerQueue: {
    give: (queue) => startApp({ imports: [TaskQueueModule.registerQueue({ name: 'other', ...queue })] }),
    typo: ['consurrency', 'concurrency'],
    definite: ['name', 'inbox'],
    lax: ['concurrency', 'maxAttempts'],
  },
  '@Processor': {
    give: (options) => decorated(Processor('mail', options)),
    typo: ['maxAttemts', 'maxAttempts'],
    definite: ['name', 'inbox'],
    lax: ['concurrency', 'prefetch', 'lease', 'maxAttempts', 'backoff', 'timeout', 'retention'],
  },
  '@Cron': {
    give: (options) => decorated(Cron('0 0 1 1 *', options)),
    typo: ['timezone', 'timeZone'],
    definite: ['name', 'queue', 'payload', 'timeZone', 'utcOffset', 'startAt', 'endAt', 'limit'],
    lax: ['disabled', 'missed', 'window', 'overlap', 'jitter', 'job', 'scope', 'pauseOnFailure', 'waitForCompletion'],
  },
  '@Interval': {
    give: (options) => decorated(Interval('1h', options)),
    typo: ['overlaps', 'overlap'],
    definite: ['name', 'queue', 'payload', 'startAt', 'endAt', 'limit'],
    lax: ['disabled', 'missed', 'scope'],
  },
  '@Timeout': {
    give: (options) => decorated(Timeout('1h', options)),
    typo: ['paylod', 'payload'],
    definite: ['name', 'queue', 'payload'],
    lax: ['disabled', 'scope', 'job'],
  },
  'job of @Cron': {
    give: (job) => decorated(Cron('0 0 1 1 *', { job })),
    typo: ['maxAttemps', 'maxAttempts'],
    definite: ['name'],
    lax: ['maxAttempts', 'backoff'],
  },
  defineJob: {
    give: (spec) => defineJob({ queue: 'mail', name: 'welcome', ...spec }),
    typo: ['shema', 'schema'],
    definite: ['schema', 'queue', 'name'],
    lax: ['maxAttempts', 'timeout'],
  },
  enqueue: {
    give: async (options) => (await queues()).enqueue('mail', {}, options),
    typo: ['dealy', 'delay'],
    definite: ['id', 'delay', 'runAt', 'name'],
    lax: ['priority', 'maxAttempts', 'backoff', 'timeout', 'expiresIn', 'retention', 'headers', 'durability'],
  },
  'a job of enqueueMany': {
    give: async (options) => (await queues()).enqueueMany('mail', [{ payload: {}, ...options }]),
    typo: ['dealy', 'delay'],
    definite: ['id', 'delay', 'runAt', 'name'],
    lax: ['priority', 'maxAttempts'],
  },
  'the options of enqueueMany': {
    give: async (options) => (await queues()).enqueueMany('mail', [], options as never),
    typo: ['chunks', 'chunk'],
    definite: [],
    lax: ['chunk'],
  },
  'batch of @Processor': {
    give: (batch) => decorated(Processor('mail', { batch } as never)),
    typo: ['siez', 'size'],
    definite: ['size'],
    lax: ['wait'],
    needs: { size: 2 },
  },
  backoff: {
    give: (backoff) => boot({ ...memory, defaults: { backoff } }),
    typo: ['dealy', 'delay'],
    definite: ['type'],
    lax: ['delay', 'max', 'jitter'],
    needs: { type: 'exponential' },
  },
  expiresIn: {
    give: (expiresIn) => boot({ ...memory, defaults: { expiresIn } as never }),
    typo: ['than', 'then'],
    definite: ['in'],
    lax: ['then'],
    needs: { in: '1m' },
  },
  retention: {
    give: (retention) => boot({ ...memory, defaults: { retention } }),
    typo: ['complete', 'completed'],
    definite: [],
    lax: ['completed', 'cancelled', 'dead'],
  },
  'retention of a state': {
    give: (dead) => boot({ ...memory, defaults: { retention: { dead } } }),
    typo: ['cuont', 'count'],
    definite: [],
    lax: ['count', 'age', 'bytes'],
  },
  durability: {
    give: (durability) => boot({ ...memory, defaults: { durability } }),
    typo: ['replica', 'replicas'],
    definite: ['replicas'],
    lax: ['timeout'],
    needs: { replicas: 1 },
  },
  upsert: {
    give: async (schedule) => (await schedules()).upsert('run', schedule as never),
    typo: ['timezone', 'timeZone'],
    definite: ['payload', 'queue', 'timeZone', 'startAt', 'endAt', 'limit', 'cron'],
    lax: ['overlap', 'jitter', 'job', 'missed'],
    needs: { cron: '0 0 1 1 *' },
  },
  'list of schedules': {
    give: async (query) => (await schedules()).list(query),
    typo: ['curser', 'cursor'],
    definite: ['queue'],
    lax: ['cursor', 'limit'],
  },
  'the place of a schedule': {
    give: async (address) => {
      const service = await schedules();
      await service.upsert('run', { cron: '0 0 1 1 *' });
      return service.get('run', address);
    },
    typo: ['queu', 'queue'],
    definite: ['queue'],
    lax: [],
  },
  jobs: {
    give: async (query) => (await queues()).jobs('mail', query as never),
    typo: ['limt', 'limit'],
    definite: ['state'],
    lax: ['cursor', 'limit'],
    needs: { state: 'dead' },
  },
  purge: {
    give: async (query) => (await queues()).purge('mail', query as never),
    typo: ['stat', 'state'],
    definite: ['state'],
    lax: [],
    needs: { state: 'dead' },
  },
  result: {
    give: async (options) => (await (await queues()).enqueue('mail', {})).result(options),
    typo: ['timout', 'timeout'],
    definite: [],
    lax: ['timeout'],
  },
  readiness: {
    give: async (options) => (await app()).get(TaskQueueHealth).readiness(options),
    typo: ['whithin', 'within'],
    definite: [],
    lax: ['within'],
  },
  drainQueues: {
    give: async (options) => drainQueues(await app(), options),
    typo: ['timout', 'timeout'],
    definite: [],
    lax: ['timeout'],
  },
  'every()': {
    give: (options) => every('1 week', options),
    typo: ['att', 'at'],
    definite: ['at', 'on'],
    lax: [],
  },
  encryptedCodec: {
    give: (options) => encryptedCodec(options as never),
    typo: ['acceptPlainText', 'acceptPlaintext'],
    definite: ['keys', 'current', 'inner'],
    lax: ['acceptPlaintext'],
    needs: { keys: { a: KEY }, current: 'a' },
  },
};

async function refusalOf(place: Place, options: unknown): Promise<TaskQueueError> {
  try {
    await place.give(options as object);
  } catch (error) {
    return error as TaskQueueError;
  }
  throw new Error(`${JSON.stringify(options)} was taken`);
}

const table = Object.entries(PLACES).map(([name, place]) => ({ name, place }));

describe('every object of options', () => {
  it.each(table)('$name refuses a key that it does not know, with the nearest one', async ({ place }) => {
    const [given, meant] = place.typo;
    const error = await refusalOf(place, { ...place.needs, [given]: undefined });
    expect(error.code).toMatch(/^TASK_QUEUE_(UNKNOWN_OPTION|CONFIGURATION)$/);
    expect(error.message).toContain(`"${given}"`);
    expect(error.message).toContain(`Did you mean "${meant}"?`);
  });

  const definite = table.flatMap(({ name, place }) => place.definite.map((key) => ({ name, place, key })));
  it.each(definite)('$name refuses $key: undefined', async ({ place, key }) => {
    const { code, message } = await refusalOf(place, { ...place.needs, [key]: undefined });
    expect(code).toMatch(/^TASK_QUEUE_(INVALID_VALUE|CONFIGURATION)$/);
    expect(message).toContain(key === 'replicas' ? 'durability' : key);
  });

  const lax = table.flatMap(({ name, place }) => place.lax.map((key) => ({ name, place, key })));
  it.each(lax)('$name takes $key: undefined for nothing said', async ({ place, key }) => {
    await place.give({ ...place.needs, [key]: undefined });
  });

  const plain = table.filter(({ name }) => !['registerQueue', 'a job of enqueueMany', 'defineJob'].includes(name));
  it.each(plain)('$name takes no promise, Map, Date, array or text for one', async ({ place }) => {
    for (const given of [Promise.resolve(place.needs ?? {}), new Map(), new Date(), [], 'text', 5, null]) {
      // A duration is another way to write a backoff, and comes behind the name of a @Timeout.
      const isDuration =
        [PLACES.backoff, PLACES.expiresIn].includes(place) ||
        place === PLACES['@Timeout'] ||
        place === PLACES['@Interval'];
      if (isDuration && (given === 5 || given === 'text')) continue;
      expect((await refusalOf(place, given)).code).toBe('TASK_QUEUE_INVALID_VALUE');
    }
  });
});

it.each(['priority', 'cost', 'durability'])('@Processor refuses %s, which no enqueue would see', async (option) => {
  const options = { [option]: option === 'durability' ? { replicas: 1 } : 5 } as never;
  await expect(decorated(Processor('mail', options))).rejects.toThrow(
    `@Processor on Work.run: ${option} acts when a job is stored, and no enqueue sees the options of a handler. Give it at the call`,
  );
  // A definition may say it.
  await decorated(Processor(defineJob({ queue: 'mail', name: `with-${option}`, ...(options as object) })));
});

it('takes a class of the user, and what has no prototype', async () => {
  class Options {
    connection = 'memory://';
  }
  await boot(new Options());
  await boot(Object.assign(Object.create(null) as object, memory));
});

it('says of a promise that it is to be awaited', () => {
  expect(() => TaskQueueModule.forRoot(Promise.resolve(memory) as never)).toThrow(
    'Await the promise, and pass an object',
  );
});

it('refuses isGlobal that is no boolean, and a queue of registerQueue that is none', () => {
  expect(() => TaskQueueModule.forRoot({ ...memory, isGlobal: 'false' as never })).toThrow(
    'Invalid isGlobal in forRoot',
  );
  expect(() => TaskQueueModule.registerQueue('mail' as never)).toThrow('Invalid queue of registerQueue');
});
