import { describe, expect, it } from '@jest/globals';
import { knownQueues } from '../support/known-queues.js';
import type { NewJob } from '../../src/core/ports/intake.js';
import type { Store } from '../../src/core/ports/store.js';
import { strongestOf, type Durability } from '../../src/core/durability.js';
import { DurabilityUnconfirmedError } from '../../src/core/errors/enqueue-errors.js';
import { readProcessor } from '../../src/discovery/processor-reader.js';
import { defineJob } from '../../src/queue/job-definition.js';
import { JobHandle } from '../../src/queue/job-handle.js';
import { QueueService } from '../../src/queue/queue.service.js';
import { readModuleOptions } from '../../src/options/options-reader.js';
import type { DurabilityOption, TaskQueueModuleOptions } from '../../src/options/options.js';

/** What a store is asked to wait for, call by call. */
function make(options: Partial<TaskQueueModuleOptions> = {}) {
  const resolved = readModuleOptions({ connection: 'memory://', ...options });
  const asked: (Durability | undefined)[] = [];
  let fail: ((jobs: readonly NewJob[]) => Error | undefined) | undefined;
  const receiptsOf = (jobs: readonly NewJob[]) =>
    jobs.map((_job, index) => ({ id: `n${index}`, created: true, state: 'ready' as const }));
  const store = {
    connection: { now: () => 1_800_000_000_000 },
    intake: {
      enqueue: async (_queue: string, jobs: readonly NewJob[], durability?: Durability) => {
        asked.push(durability);
        const error = fail?.(jobs);
        if (error) throw error;
        return receiptsOf(jobs);
      },
    },
  } as unknown as Store;
  const known = knownQueues(['mail'], { has: () => true, get: (name) => resolved.queues[name] });
  const service = new QueueService(store, resolved, known);
  return { asked, service, receiptsOf, failWith: (make: typeof fail) => (fail = make) };
}

const one = { replicas: 1, fsync: false, timeoutMs: 1000 };

describe('durability option', () => {
  const read = (durability: unknown) =>
    readModuleOptions({ connection: 'memory://', defaults: { durability: durability as DurabilityOption } }).defaults
      .durability;

  it.each([
    ['primary', 'primary'],
    [{ replicas: 1 }, one],
    [
      { replicas: 2, timeout: '3s' },
      { replicas: 2, fsync: false, timeoutMs: 3000 },
    ],
    [{ fsync: 'local' }, { replicas: 0, fsync: true, timeoutMs: 1000 }],
    [
      { fsync: { replicas: 2 }, timeout: 50 },
      { replicas: 2, fsync: true, timeoutMs: 50 },
    ],
  ])('reads %j', (given, level) => {
    expect(read(given)).toEqual(level);
  });

  it.each([
    'replica',
    {},
    { timeout: '1s' },
    { replicas: 0 },
    { replicas: 1.5 },
    { replicas: '1' },
    { replicas: 1, fsync: 'local' },
    { fsync: 'remote' },
    { fsync: {} },
    { fsync: { replicas: 0 } },
    { replicas: 1, timeout: 0 }, // for Redis: for ever
    { replicas: 1, timeout: '2m' },
    null,
  ])('refuses %j', (given) => {
    expect(() => read(given)).toThrow(expect.objectContaining({ code: 'TASK_QUEUE_INVALID_VALUE' }));
  });

  it('names an unknown key', () => {
    expect(() => read({ replica: 1 })).toThrow(/Unknown option "replica".*Did you mean "replicas"/);
  });

  it('is the producer’s to say, not the handler’s', () => {
    const options = { durability: 'primary' } as object;
    expect(() => readProcessor({ target: 'mail', options }, 'Mail.send', [])).toThrow(
      /durability acts when a job is stored/,
    );
  });
});

describe('enqueue', () => {
  it('waits for the primary alone unless somebody says more', async () => {
    const { service, asked } = make();
    await service.enqueue('mail', {});
    await service.enqueue('mail', {}, { priority: 1 });
    await service.enqueueMany('mail', [{ payload: {} }]);
    expect(asked).toEqual([undefined, undefined, undefined]);
  });

  it('takes call over definition over queue over defaults', async () => {
    const replicas = (count: number) => ({ durability: { replicas: count } });
    const { service, asked } = make({ defaults: replicas(4), queues: { files: replicas(3) } });
    const definition = defineJob<object>({ queue: 'files', name: 'scan', ...replicas(2) });
    await service.enqueue('mail', {});
    await service.enqueue('files', {});
    await service.enqueue(definition, {});
    await service.enqueue(definition, {}, replicas(1));
    await service.enqueue('mail', {}, { durability: 'primary' });
    expect(asked.map((level) => level?.replicas)).toEqual([4, 3, 2, 1, undefined]);
  });

  it('waits for the strongest level of the jobs of one bulk', async () => {
    const { service, asked } = make();
    await service.enqueueMany('mail', [
      { payload: 1, durability: { replicas: 2 } },
      { payload: 2 },
      { payload: 3, durability: { fsync: 'local', timeout: '2s' } },
    ]);
    expect(asked).toEqual([{ replicas: 2, fsync: true, timeoutMs: 2000 }]);
  });

  it('answers a handle when the confirmations came late', async () => {
    const { service, failWith, receiptsOf } = make();
    failWith((jobs) => {
      const unconfirmed = (tries: number): DurabilityUnconfirmedError => {
        const retry = () => (tries > 1 ? Promise.resolve(receiptsOf(jobs)) : Promise.reject(unconfirmed(tries + 1)));
        return new DurabilityUnconfirmedError('mail', ['n0'], 1, 0, retry);
      };
      return unconfirmed(1);
    });
    const error = await service.enqueue('mail', {}, { durability: { replicas: 1 } }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DurabilityUnconfirmedError);
    const again = await (error as DurabilityUnconfirmedError).retry().catch((thrown: unknown) => thrown);
    expect(again).toMatchObject({ code: 'TASK_QUEUE_DURABILITY_UNCONFIRMED', ids: ['n0'], wanted: 1, got: 0 });
    expect(await (again as DurabilityUnconfirmedError).retry()).toBeInstanceOf(JobHandle);
  });
});

it('has a strongest level only where one asks for more than the primary', () => {
  expect(strongestOf(['primary', undefined])).toBeUndefined();
  expect(strongestOf(['primary', one])).toBe(one);
});
