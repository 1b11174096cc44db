import { describe, expect, it } from '@jest/globals';
import type { BrokerEvent } from '../../src/core/broker.js';
import { jsonCodec } from '../../src/core/codec.js';
import { toJobEvent } from '../../src/queue/job-event.js';

const read = (told: Partial<BrokerEvent>) =>
  toJobEvent('mail', jsonCodec, { event: 'enqueued', at: 5, id: 'j1', detail: '', ...told });

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
    expect(read(told)).toEqual({ event: told.event, queue: 'mail', at: 5, id: 'j1', ...expected });
  });

  it('has no id for events of the queue', () => {
    expect(read({ event: 'paused', id: '' })).toEqual({ event: 'paused', queue: 'mail', at: 5 });
  });
});
