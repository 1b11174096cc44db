import { describe, expect, it } from '@jest/globals';
import type { StoreEvent } from '../../src/core/ports/notices.js';
import { jsonCodec } from '../../src/core/codec.js';
import { toJobEvent } from '../../src/queue/job-event.js';

const read = (told: Partial<StoreEvent>) =>
  toJobEvent('mail', jsonCodec, {
    event: 'enqueued',
    at: 5,
    id: 'j1',
    head: '1',
    detail: '',
    durationMs: undefined,
    ...told,
  });

describe('toJobEvent', () => {
  it.each([
    [{ event: 'enqueued' }, {}],
    [{ event: 'cancelled', detail: '{"reason":"cancelled"}' }, {}],
    [{ event: 'completed', detail: '{"sent":1}' }, { result: { sent: 1 } }],
    [{ event: 'completed', detail: '' }, { result: undefined }],
    [{ event: 'completed', detail: '{broken' }, { result: undefined }],
    [{ event: 'progress', detail: '50' }, { progress: 50 }],
    [
      { event: 'retrying', detail: '{"name":"TypeError","message":"no"}' },
      { error: { name: 'TypeError', message: 'no' } },
    ],
    [{ event: 'retrying', detail: 'boom' }, { error: { name: 'Error', message: 'boom' } }],
    [
      { event: 'dead', detail: '{"reason":"poison"}' },
      { reason: 'poison', error: undefined },
    ],
    [
      { event: 'dead', detail: '{"reason":"exhausted","name":"E","message":"no"}' },
      { reason: 'exhausted', error: { name: 'E', message: 'no' } },
    ],
  ] as const)('reads %j', (told, expected) => {
    const job = { id: 'j1', number: 'j1', name: 'default', attempt: 1, headers: {} };
    expect(read(told)).toEqual({ event: told.event, queue: 'mail', at: 5, ...job, ...expected });
  });

  it('tells id, name, attempt and duration as the envelope and the worker say them', () => {
    const head = '1abc welcome-7 {"n":"welcome","a":3}';
    const job = { id: 'welcome-7', number: 'j1', name: 'welcome' };
    expect(read({ event: 'active', head })).toMatchObject({ ...job, attempt: 3 });
    expect(read({ event: 'dead', head, detail: '{"reason":"exhausted"}', durationMs: 12 })).toMatchObject({
      ...job,
      attempt: 3,
      duration: 12,
    });
    // The envelope is that of the run to come.
    expect(read({ event: 'retrying', head, durationMs: 0 })).toMatchObject({ ...job, attempt: 2, duration: 0 });
    for (const unknown of ['', 'abc', '1 {broken', '2abc'])
      expect(read({ event: 'completed', head: unknown })).toMatchObject({
        id: 'j1',
        number: 'j1',
        name: undefined,
        attempt: undefined,
      });
  });

  it('has no id for events of the queue', () => {
    expect(read({ event: 'paused', id: '' })).toEqual({ event: 'paused', queue: 'mail', at: 5 });
  });
});
