import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { jsonCodec } from '../../src/core/codec.js';
import { encryptedCodec } from '../../src/core/encrypted-codec.js';
import type { Store } from '../../src/core/ports/store.js';
import { defineJob } from '../../src/queue/job-definition.js';
import type { BulkJob } from '../../src/queue/enqueue-options.js';
import { Queue } from '../../src/queue/queue.js';
import { QueueService } from '../../src/queue/queue.service.js';
import { readModuleOptions } from '../../src/options/options-reader.js';
import type { TaskQueueModuleOptions } from '../../src/options/options.js';
import { memoryKind, redisKind } from '../support/stores.js';
import { knownQueues } from '../support/known-queues.js';
import { StoreDriver, KEEP, QUEUE } from './store-driver.js';

const KEY = Buffer.alloc(32, 7).toString('base64');

function serviceOn(store: Store, options: Partial<TaskQueueModuleOptions> = {}): QueueService {
  return new QueueService(store, readModuleOptions({ connection: 'memory://', ...options }), knownQueues([QUEUE]));
}

describe.each([memoryKind, redisKind])('find and facets on $name', ({ openStore }) => {
  let driver: StoreDriver;
  let service: QueueService;

  beforeEach(async () => {
    driver = new StoreDriver(await openStore());
    service = serviceOn(driver.store);
  });

  afterEach(async () => {
    service.endWaits();
    await driver.fixture.close();
  });

  async function found(where: string, of = service): Promise<string[]> {
    const ids: string[] = [];
    for await (const job of of.find(QUEUE, where)) ids.push(job.id);
    return ids;
  }

  /** A job that fails once with this message, and is dead or waits for its next attempt. */
  async function fail(id: string, message: string, payload: unknown = {}, of = service): Promise<void> {
    await of.enqueue(QUEUE, payload, { id });
    const [job] = (await driver.reserve('failer')).jobs;
    const detail = JSON.stringify({ reason: 'exhausted', name: 'SendError', message });
    await driver.settle('failer', {
      op: 'bury',
      id: job.id,
      token: job.token,
      detail,
      envelope: undefined,
      keep: KEEP,
    });
  }

  it('finds a job by each field of the grammar', async () => {
    await fail('d1', 'connect ECONNREFUSED 10.0.0.1', { user: { id: 42 } });
    await driver.advance(7_200_000);
    await driver.reserve('failer', 0); // the process learns what time it is
    await service.enqueue(
      QUEUE,
      { user: { id: 42, name: 'Ada Lovelace' }, total: 120, tags: ['new', 'eu'] },
      { id: 'a1', name: 'send' },
    );
    await service.enqueue(
      QUEUE,
      { user: { id: 7 }, total: 80.5, paid: true, note: null },
      { id: 'a2', name: 'sendLater', priority: 3 },
    );
    await service.enqueue(QUEUE, 'plain text', { id: 'b1', delay: 1000 });
    const expected: Record<string, string[]> = {
      '': ['a1', 'a2', 'b1', 'd1'],
      'state:dead': ['d1'],
      'state:dead,scheduled': ['b1', 'd1'],
      'state:dead|ready state:ready,scheduled': ['a1', 'a2'],
      '-state:ready -state:scheduled': ['d1'],
      'name:send': ['a1'],
      'name:send*': ['a1', 'a2'],
      'name:default': ['b1', 'd1'],
      '-name:send,default': ['a2'],
      'id:a1': ['a1'],
      'id:a*': ['a1', 'a2'],
      'id:a1,nobody,d1': ['a1', 'd1'],
      'payload.user.id:42': ['a1', 'd1'],
      'payload.user.id:42 state:ready': ['a1'],
      'payload.user.id:<42': ['a2'],
      'payload.total:>80 payload.total:<=120': ['a1', 'a2'],
      'payload.total:>=80.5 payload.total:<120': ['a2'],
      'payload.user.name:"Ada Lovelace"': ['a1'],
      'payload.user.name:Ada*': ['a1'],
      'payload.user.name:"Ada Love"*': ['a1'],
      'payload.tags:eu': ['a1'],
      'payload.paid:true': ['a2'],
      'payload.note:null': ['a2'],
      'payload.note:*': ['a2'],
      '-payload.user:*': ['b1'],
      'error:"ECONNREFUSED 10"': ['d1'],
      'error:"SendError: connect"': ['d1'],
      '-error:*': ['a1', 'a2', 'b1'],
      'reason:exhausted': ['d1'],
      'age:>1h': ['d1'],
      'age:<1h': ['a1', 'a2', 'b1'],
      'attempts:1 priority:>2': ['a2'],
      'priority:0 -name:default': ['a1'],
      Lovelace: ['a1'],
      '"plain text"': ['b1'],
      ECONNREFUSED: ['d1'],
      '-Lovelace -ECONNREFUSED': ['a2', 'b1'],
      '"id\\":42"': ['a1', 'd1'],
    };
    for (const [where, ids] of Object.entries(expected)) {
      expect({ where, ids: (await found(where)).sort() }).toEqual({ where, ids });
    }
  });

  it('answers newest first over several states, and as many as were asked for', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 6; index++) {
      const state = (['dead', 'completed', 'cancelled'] as const)[index % 3];
      ids.unshift(...(await driver.putEnded(state, 1)));
      await driver.advance(1000);
    }
    expect(await found('state:dead,completed,cancelled')).toEqual(ids);
    const first: string[] = [];
    for await (const job of service.find(QUEUE, 'state:dead,completed,cancelled', { limit: 4 })) first.push(job.id);
    expect(first).toEqual(ids.slice(0, 4));
  });

  it('finds the few of thousands, and none twice', async () => {
    for (let bulk = 0; bulk < 3; bulk++) {
      await service.enqueueMany(
        QUEUE,
        Array.from({ length: 1000 }, (_, index) => ({ payload: { n: bulk * 1000 + index } })),
      );
    }
    const ids: string[] = [];
    for await (const job of service.find(QUEUE, 'payload.n:>=700 payload.n:<2100')) ids.push(job.id);
    expect(new Set(ids).size).toBe(1400);
    expect(ids).toHaveLength(1400);
    expect(await found('payload.n:2999')).toHaveLength(1);
  });

  it('gives handles with all that reading gives', async () => {
    const job = await driver.start('w1', { payload: '{"a":1}' });
    await driver.store.workers.report(QUEUE, [{ id: job.id, token: job.token, progress: '7', logs: [] }]);
    await service.cancel(QUEUE, job.id);
    for await (const handle of service.find(QUEUE, 'state:active')) {
      expect(handle).toMatchObject({ id: job.id, lastProgress: 7, cancelling: true, worker: 'w1', payload: { a: 1 } });
    }
    const typed = defineJob<{ a: number }>({ queue: QUEUE, name: 'default' });
    for await (const handle of new Queue<{ a: number }>(QUEUE, service).find('a')) {
      const payload: { a: number } = handle.payload;
      expect(payload.a).toBe(1);
    }
    for await (const handle of service.find(typed, 'a', { limit: 1 })) expect(handle.payload.a).toBe(1);
  });

  it('stops when the signal is aborted, and when nobody goes on', async () => {
    await driver.putMany(1000);
    await driver.putMany(1000);
    const scans: string[] = [];
    const { search } = driver.store;
    const scan = search.scan.bind(search);
    search.scan = (...args) => {
      scans.push(args[1]);
      return scan(...args);
    };
    const controller = new AbortController();
    const met: string[] = [];
    const reason = new Error('enough');
    await expect(
      (async () => {
        for await (const job of service.find(QUEUE, 'state:ready', { signal: controller.signal })) {
          met.push(job.id);
          controller.abort(reason);
        }
      })(),
    ).rejects.toBe(reason);
    expect([met.length, scans.length]).toEqual([1, 1]);
    for await (const job of service.find(QUEUE, 'state:ready')) {
      met.push(job.id);
      break;
    }
    expect([met.length, scans.length]).toEqual([2, 2]);
    await expect(service.find(QUEUE, '', { signal: AbortSignal.abort(reason) }).next()).rejects.toBe(reason);
  });

  it('reads what a codec of the app has made of payloads', async () => {
    const coded = serviceOn(driver.store, { codec: encryptedCodec({ keys: { k1: KEY }, current: 'k1' }) });
    await coded.enqueue(QUEUE, { user: 'ada' }, { id: 'x', name: 'send' });
    await coded.enqueue(QUEUE, { user: 'bob' }, { id: 'y' });
    expect(await found('payload.user:ada', coded)).toEqual(['x']);
    expect(await found('bob', coded)).toEqual(['y']);
    expect(await found('payload.user:ada')).toEqual([]);
    expect(await found('name:send')).toEqual(['x']);
  });

  it('finds values that another producer has spelled otherwise', async () => {
    const payloads = ['{"city": "K\\u00f6ln", "n": 42.0, "path": "a\\/b"}', '{"city":"Köln","n":42,"path":"a/b"}'];
    const ids = await driver.put(...payloads.map((payload) => ({ payload })));
    for (const where of ['payload.city:Köln', 'payload.n:42', 'payload.path:a/b', 'Köln', '"a/b"', '"city\\":\\"K"']) {
      expect({ where, ids: (await found(where)).sort() }).toEqual({ where, ids });
    }
  });

  describe('with redacted fields', () => {
    const SECRETS = ['4929-1111', 'hunter22'];

    beforeEach(async () => {
      service = serviceOn(driver.store, { redact: ['card.number', '*.password', 'private.*'] });
      const payload = {
        card: { number: SECRETS[0], kind: 'visa' },
        login: { password: SECRETS[1] },
        private: { note: 'quiet' },
      };
      await fail('d1', `card ${SECRETS[0]} was refused`, payload);
    });

    it.each([
      'payload.card.number:4929*',
      'payload.card.number:*',
      'payload.card:x',
      'payload.login.password:hunter22',
      'payload.private:*',
      'payload.private.note:quiet',
      '-payload.login.password.deep:x',
    ])('refuses %s', async (where) => {
      expect(() => service.find(QUEUE, where)).toThrow(expect.objectContaining({ code: 'TASK_QUEUE_REDACTED_FIELD' }));
      const path = /payload\.[a-z.]+/.exec(where)?.[0] ?? '';
      await expect(service.facets(QUEUE, '', path)).rejects.toMatchObject({ code: 'TASK_QUEUE_REDACTED_FIELD' });
    });

    it('finds nothing by what is hidden, in payloads and in errors', async () => {
      for (const secret of [...SECRETS, '4929', 'unter2', 'quiet', '"refused]"', 'redacted']) {
        expect(await found(secret)).toEqual([]);
        expect(await found(`error:${secret}`)).toEqual([]);
        expect(await found(`-${secret}`)).toEqual(['d1']);
      }
      expect(await found('payload.card.kind:visa error:"was refused" visa')).toEqual(['d1']);
      const { values } = await service.facets(QUEUE, '', 'error');
      expect(values).toEqual([{ value: 'SendError: card [redacted] was refused', count: 1 }]);
    });
  });

  it.each([
    ['nmae:send', 1, 'name'],
    ['state:dead stat:x', 12, 'state'],
    ['state:deda', 7, 'dead'],
    ['payload.:1', 1, undefined],
    ['age:1h', 5, undefined],
    ['age:>1x', 5, undefined],
    ['attempts:>many', 10, undefined],
    ['attempts:1.5', 10, undefined],
    ['name:>3', 6, undefined],
    ['name:', 6, undefined],
    ['name:a,', 8, undefined],
    ['name:"a', 6, undefined],
    ['a "', 3, undefined],
    ['"a"b', 4, undefined],
    ['""', 3, undefined],
    ['-', 2, undefined],
  ])('says where %s is wrong', (where, position, nearest) => {
    expect(() => service.find(QUEUE, where)).toThrow(
      expect.objectContaining({ code: 'TASK_QUEUE_WHERE_SYNTAX', position, nearest }),
    );
  });

  it('refuses what is no where, no option and no path', async () => {
    const bad: [() => unknown, string][] = [
      [() => service.find(QUEUE, undefined as never), 'TASK_QUEUE_INVALID_VALUE'],
      [() => service.find(QUEUE, 'x'.repeat(2001)), 'TASK_QUEUE_INVALID_VALUE'],
      [() => service.find(QUEUE, 'a '.repeat(31)), 'TASK_QUEUE_WHERE_SYNTAX'],
      [() => service.find(QUEUE, '', { limit: 0 }), 'TASK_QUEUE_INVALID_VALUE'],
      [() => service.find(QUEUE, '', { on: 'disk' as never }), 'TASK_QUEUE_INVALID_VALUE'],
      [() => service.find(QUEUE, '', { signal: {} as never }), 'TASK_QUEUE_INVALID_VALUE'],
      [() => service.find(QUEUE, '', { limits: 1 } as never), 'TASK_QUEUE_UNKNOWN_OPTION'],
    ];
    for (const [act, code] of bad) expect(act).toThrow(expect.objectContaining({ code }));
    await expect(service.find(QUEUE, '', { on: 'replica' }).next()).rejects.toMatchObject({
      code: 'TASK_QUEUE_UNSUPPORTED',
    });
    await expect(service.find('nobody', '').next()).rejects.toMatchObject({ code: 'TASK_QUEUE_UNKNOWN_QUEUE' });
    await expect(service.facets(QUEUE, '', 'payload')).rejects.toMatchObject({ code: 'TASK_QUEUE_INVALID_VALUE' });
    await expect(service.facets(QUEUE, '', 'eror')).rejects.toThrow('Did you mean "error"?');
  });

  it('counts the values of a field', async () => {
    await service.enqueueMany(QUEUE, [
      ...Array.from({ length: 5 }, (): BulkJob<unknown> => ({ payload: { tenant: 'acme', tags: ['a', 'b', 'a'] } })),
      ...Array.from({ length: 3 }, (_, index) => ({ payload: { tenant: index, tags: ['b'] } })),
      { payload: {}, name: 'send' },
    ]);
    expect(await service.facets(QUEUE, 'state:ready', 'payload.tenant')).toEqual({
      values: [
        { value: 'acme', count: 5 },
        { value: '0', count: 1 },
        { value: '1', count: 1 },
        { value: '2', count: 1 },
      ],
      ...{ other: 0, missing: 1, looked: 9, complete: true },
    });
    expect((await service.facets(QUEUE, '', 'payload.tags')).values).toEqual([
      { value: 'b', count: 8 },
      { value: 'a', count: 5 },
    ]);
    expect((await service.facets(QUEUE, 'payload.tenant:acme', 'state')).values).toEqual([
      { value: 'ready', count: 5 },
    ]);
  });

  it('counts no more than the newest ten thousand, and shows the hundred most frequent values', async () => {
    for (let bulk = 0; bulk < 11; bulk++) {
      await service.enqueueMany(
        QUEUE,
        Array.from({ length: 1000 }, (_, index) => ({ payload: { n: bulk === 0 ? 'old' : index % 150 } })),
      );
    }
    const facets = await service.facets(QUEUE, 'state:ready', 'payload.n');
    expect(facets).toMatchObject({ looked: 10_000, complete: false, missing: 0 });
    expect(facets.values).toHaveLength(100);
    expect(facets.values.map(({ value }) => value)).not.toContain('old');
    expect(facets.values.reduce((sum, { count }) => sum + count, facets.other)).toBe(10_000);
  });

  it('passes by records that nobody can read', async () => {
    const [a, b] = await driver.put({ payload: '{broken' }, { payload: '"fine"' });
    expect((await found('')).sort()).toEqual([a, b].sort());
    expect(await found('fine')).toEqual([b]);
    expect(jsonCodec.encode('fine', {} as never)).toBe('"fine"');
  });
});
