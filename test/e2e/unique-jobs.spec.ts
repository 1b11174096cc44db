import { afterEach, describe, expect, it } from '@jest/globals';
import { defineJob, JobStateError, QueueService, UnrecoverableError, type UniqueOption } from 'nestjs-task-queue';
import type { StandardSchemaV1 } from '../../src/core/standard-schema.js';
import { closeApps, gate, startApp, STORES } from '../support/apps.js';
import { handlerOf } from '../support/handlers.js';

afterEach(closeApps);

const rebuild = defineJob<{ at: number }>({ queue: 'reports', name: 'rebuild' });

describe.each(STORES)('on $name, a unique job', ({ options }) => {
  it('is one while it lives, also while it runs, and answers for those that come meanwhile', async () => {
    const open = gate();
    const ran: unknown[] = [];
    const handler = handlerOf(
      'reports',
      ({ payload }) => {
        ran.push(payload);
        return open.promise;
      },
      {
        name: 'rebuild',
      },
    );
    const { app } = await startApp({ providers: [handler] }, options());
    const queues = app.get(QueueService);
    const first = await queues.enqueue(rebuild, { at: 1 }, { unique: 'a' });
    expect([first.created, first.conflict]).toEqual([true, undefined]);
    const second = await queues.enqueue('reports', { at: 2 }, { name: 'rebuild', unique: { key: 'a' } });
    expect([second.created, second.conflict, second.number]).toEqual([false, 'kept', first.number]);
    expect(second.payload).toEqual({ at: 1 });
    open.open(undefined);
    await second.result();
    const third = await queues.enqueue(rebuild, { at: 3 }, { unique: 'a' });
    expect([third.created, third.conflict]).toEqual([true, undefined]);
    await third.result();
    expect(ran).toEqual([{ at: 1 }, { at: 3 }]);
  });

  it('lets one more wait while it runs, where its key is free then', async () => {
    const [open, isRunning] = [gate(), gate()];
    const ran: unknown[] = [];
    const handler = handlerOf(
      'reports',
      ({ payload }) => {
        ran.push(payload);
        isRunning.open(undefined);
        return open.promise;
      },
      { name: 'rebuild', concurrency: 1 },
    );
    const { app } = await startApp({ providers: [handler] }, options());
    const queues = app.get(QueueService);
    const unique = { key: 'a', until: 'started' } as const;
    const first = await queues.enqueue(rebuild, { at: 1 }, { unique });
    await isRunning.promise;
    const [second, third] = await queues.enqueueMany(
      rebuild,
      [2, 3].map((at) => ({ payload: { at }, unique })),
    );
    expect([second.created, third.created, third.conflict]).toEqual([true, false, 'kept']);
    expect(third.number).toBe(second.number);
    open.open(undefined);
    await Promise.all([first.result(), second.result()]);
    expect(ran).toEqual([{ at: 1 }, { at: 2 }]);
  });

  it('has a key made of fields of its payload', async () => {
    const { app } = await startApp({ providers: [handlerOf('reports', () => {})] }, options());
    const queues = app.get(QueueService);
    const created = async <P>(payload: P, ...key: (keyof P & string)[]) =>
      (await queues.enqueue<P>('reports', payload, { unique: { key }, delay: '1h' })).created;
    expect(await created({ customer: 17, range: { from: 1, to: 2 }, by: 'ada' }, 'customer', 'range')).toBe(true);
    // Another order of fields and keys, and another value of a field that is no part of the key.
    expect(await created({ by: 'bob', range: { to: 2, from: 1 }, customer: 17 }, 'range', 'customer')).toBe(false);
    expect(await created({ customer: 18, range: { from: 1, to: 2 } }, 'customer', 'range')).toBe(true);
    expect(await created({ customer: '17', range: { from: 1, to: 2 } }, 'customer', 'range')).toBe(true);
    expect(await created({ customer: 17, range: { from: 1, to: 2 } }, 'customer')).toBe(true);
    expect(await created({ customer: 17, range: null }, 'customer', 'range')).toBe(true);
    expect(await created({ list: [1, 2] }, 'list')).toBe(true);
    expect(await created({ list: [2, 1] }, 'list')).toBe(true);
  });

  it('has a key made of what its schema stores, and only of fields that its payload has', async () => {
    const schema: StandardSchemaV1<{ customer?: number }, { customer: number }> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) => ({ value: { customer: (value as { customer?: number }).customer ?? 17 } }),
      },
    };
    const { app } = await startApp({ providers: [handlerOf('reports', () => {})] }, options());
    const queues = app.get(QueueService);
    const checked = defineJob({ queue: 'reports', name: 'checked', schema });
    const unique = { key: ['customer'] } as const;
    const [first, second] = await queues.enqueueMany(checked, [
      { payload: {}, unique, delay: '1h' },
      { payload: { customer: 17 }, unique, delay: '1h' },
    ]);
    expect([first.created, second.created]).toEqual([true, false]);
    // @ts-expect-error: no field of the payload
    await expect(queues.enqueue(checked, {}, { unique: { key: ['range'] } })).rejects.toThrow('range');
  });

  it('is refused where its payload lacks a field of its key, or JSON cannot carry one', async () => {
    const { app } = await startApp({ providers: [handlerOf('reports', () => {})] }, options());
    const queues = app.get(QueueService);
    const unique: UniqueOption<Record<string, unknown>> = { key: ['customer', 'range'] };
    for (const payload of [{ customer: 17 }, { customer: 17, range: undefined }]) {
      const enqueued = queues.enqueue<Record<string, unknown>>('reports', payload, { unique });
      await expect(enqueued).rejects.toMatchObject({ name: 'InvalidPayloadError', issues: [{ path: 'range' }] });
      await expect(enqueued).rejects.toThrow('the payload has no such field');
    }
    const bulk = queues.enqueueMany<Record<string, unknown>>('reports', [{ payload: {} }, { payload: {}, unique }]);
    await expect(bulk).rejects.toMatchObject({ issues: [{ path: '[1].customer' }, { path: '[1].range' }], index: 1 });
    const text = queues.enqueue('reports', 'text', { unique: { key: ['length'] } });
    await expect(text).rejects.toMatchObject({ name: 'InvalidPayloadError' });
    expect(await queues.counts('reports')).toMatchObject({ ready: 0, scheduled: 0, completed: 0 });
  });

  it('has its name for a part of its key', async () => {
    const { app } = await startApp({ providers: [handlerOf('reports', () => {})] }, options());
    const queues = app.get(QueueService);
    const jobs = [
      { payload: 1, unique: 'a', delay: '1h', name: 'rebuild' },
      { payload: 2, unique: 'a', delay: '1h', name: 'export' },
      { payload: 3, unique: 'a', delay: '1h' },
      { payload: 4, unique: 'a', delay: '1h', name: 'export' },
    ];
    const handles = await queues.enqueueMany('reports', jobs);
    expect(handles.map(({ conflict }) => conflict)).toEqual([undefined, undefined, undefined, 'kept']);
    expect(handles[3].number).toBe(handles[1].number);
    expect(handles[3].payload).toBe(2);
  });

  it('that is dead is retried only while nobody else holds its key', async () => {
    const fail = ({ payload }: { payload: unknown }) => {
      if (payload === 'fails') throw new UnrecoverableError('no');
    };
    const { app } = await startApp({ providers: [handlerOf('reports', fail)] }, options());
    const queues = app.get(QueueService);
    const dead = await queues.enqueue('reports', 'fails', { unique: 'a' });
    await expect(dead.result()).rejects.toThrow();
    const holder = await queues.enqueue('reports', 'holds', { unique: 'a', delay: '1h' });
    expect(holder.created).toBe(true);
    const refusal: unknown = await dead.retry().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(JobStateError);
    expect(refusal).toMatchObject({ holder: holder.number, state: 'dead', verb: 'retry' });
    expect((refusal as Error).message).toContain(`Job "${holder.number}" holds its unique key`);
    expect(await queues.retryAll('reports')).toBe(0);
    await holder.remove();
    expect(await queues.retryAll('reports')).toBe(1);
  });

  it.each<[unknown, string]>([
    ['', 'unique in enqueue("reports")'],
    ['*', 'unique in enqueue("reports")'],
    ['two words', 'unique in enqueue("reports")'],
    ['x'.repeat(129), 'unique in enqueue("reports")'],
    [17, 'unique in enqueue("reports")'],
    [null, 'unique in enqueue("reports")'],
    [['a'], 'unique in enqueue("reports")'],
    [{}, 'unique.key in enqueue("reports")'],
    [{ key: 17 }, 'unique.key in enqueue("reports")'],
    [{ key: 'a:b' }, 'unique.key in enqueue("reports")'],
    [{ key: [] }, 'unique.key in enqueue("reports")'],
    [{ key: ['a', 1] }, 'unique.key in enqueue("reports")'],
    [{ key: 'a', until: 'done' }, 'unique.until in enqueue("reports")'],
  ])('is refused with the key %j', async (unique, what) => {
    const { app } = await startApp({ providers: [handlerOf('reports', () => {})] }, options());
    const enqueued = app.get(QueueService).enqueue('reports', {}, { unique: unique as UniqueOption });
    await expect(enqueued).rejects.toMatchObject({ name: 'InvalidValueError' });
    await expect(enqueued).rejects.toThrow(what);
  });

  it('is refused with an unknown option, and with a key that is not set', async () => {
    const { app } = await startApp({ providers: [handlerOf('reports', () => {})] }, options());
    const queues = app.get(QueueService);
    const unknown = { key: 'a', kee: 1 } as UniqueOption;
    await expect(queues.enqueue('reports', {}, { unique: unknown })).rejects.toThrow('kee');
    await expect(queues.enqueue('reports', {}, { unique: undefined })).rejects.toMatchObject({
      name: 'InvalidValueError',
    });
  });
});
